package op

import (
	"errors"
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
)

// matmulOps are MatMul and Gemm.
func matmulOps() []OpDef {
	return []OpDef{
		{Op: "MatMul", Since: 1, Prepare: checked(numbers, prepareMatMul, 0, 1)},
		{Op: "Gemm", Since: 1, Prepare: checked(numbers, prepareGemm, 0, 1, 2)},
	}
}

// prepareMatMul packs a constant right matrix.
func prepareMatMul(p *Prep) (Exec, error) {
	w := p.Const(1)
	if w == nil || len(w.Shape) != 2 || w.Elem != tensor.Float32 && !isHalf(w.Elem) {
		return ExecFunc(runMatMul), nil
	}
	e := &packedMatMul{packed: packConst(p, 1, int(w.Shape[0]), int(w.Shape[1]), int(w.Shape[1]), false)}
	p.Drop(1)
	return e, nil
}

// packConst packs constant input i, [k,n] or (trans) [n,k], of type float32 or a half type.
func packConst(p *Prep, i, k, n, ld int, trans bool) *kernel.PackedB {
	t := p.Const(i)
	if t.Elem == tensor.Float32 {
		return p.PackB(i, 0, k, n, ld, trans)
	}
	return p.Cache.Get(packKey{t, 0, k, n, ld, trans}, func() any {
		return kernel.PackB(k, n, single(t), ld, trans, p.Pool)
	}).(*kernel.PackedB)
}

// packedMatMul multiplies by a constant matrix: all dims of the left operand but the last are rows.
type packedMatMul struct{ packed *kernel.PackedB }

func (e *packedMatMul) Run(c *Call) error {
	a, err := needInput(c, 0)
	if err != nil {
		return err
	}
	if a.Elem != tensor.Float32 && !isHalf(a.Elem) {
		return fmt.Errorf("left operand is %s", a.Elem)
	}
	last := len(a.Shape) - 1
	if last < 0 || int(a.Shape[last]) != e.packed.K {
		return fmt.Errorf("left operand has shape %v, the right one %d rows", a.Shape, e.packed.K)
	}
	var buf dimsBuf
	dims := append(append(buf[:0], a.Shape[:last]...), int64(e.packed.N))
	y := c.Out(0, a.Elem, dims...)
	out := singleOut(y)
	kernel.Gemm(numel(a.Shape[:last]), single(a), e.packed.K, e.packed, out, e.packed.N, false, nil, c.Pool)
	singleDone(y, out)
	return nil
}

// product is the geometry of a MatMul: batches of [m,k] x [k,n].
type product struct {
	m, n, k int
	batch   []int64 // broadcast batch dims
	ad, bd  []int64 // batch dims of each operand
	dims    []int64 // of the result
}

func productOf(a, b []int64) (product, error) {
	if len(a) == 0 || len(b) == 0 {
		return product{}, errors.New("an operand is a scalar")
	}
	var p product
	left, right := len(a) == 1, len(b) == 1
	if left {
		a = []int64{1, a[0]}
	}
	if right {
		b = []int64{b[0], 1}
	}
	ra, rb := len(a)-2, len(b)-2
	p.m, p.k, p.n = int(a[ra]), int(a[ra+1]), int(b[rb+1])
	if int(b[rb]) != p.k {
		return p, fmt.Errorf("shapes %v and %v do not multiply", a, b)
	}
	p.ad, p.bd = a[:ra], b[:rb]
	var err error
	if p.batch, err = broadcastDims(p.ad, p.bd); err != nil {
		return p, err
	}
	p.dims = append(make([]int64, 0, len(p.batch)+2), p.batch...)
	if !left {
		p.dims = append(p.dims, int64(p.m))
	}
	if !right {
		p.dims = append(p.dims, int64(p.n))
	}
	return p, nil
}

func runMatMul(c *Call) error {
	a, err := needInput(c, 0)
	if err != nil {
		return err
	}
	b, err := needInput(c, 1)
	if err != nil {
		return err
	}
	if a.Elem != b.Elem {
		return fmt.Errorf("operands are %s and %s", a.Elem, b.Elem)
	}
	p, err := productOf(a.Shape, b.Shape)
	if err != nil {
		return err
	}
	return multiply(c.Out(0, a.Elem, p.dims...), a, b, p, c.Pool)
}

func multiply(y, a, b *tensor.Tensor, p product, pool *kernel.Pool) error {
	switch y.Elem {
	case tensor.Float32, tensor.Float16, tensor.BFloat16:
		out := singleOut(y)
		err := multiplySingle(out, single(a), single(b), p, pool)
		singleDone(y, out)
		return err
	case tensor.Float64:
		ad, bd := tensor.Data[float64](a), tensor.Data[float64](b)
		out := tensor.Data[float64](y)
		return p.each(func(i, ao, bo int) {
			kernel.GemmF64(p.m, p.n, p.k, ad[ao:], p.k, false, bd[bo:], p.n, false, 1, out[i*p.m*p.n:], p.n, 0, pool)
		})
	case tensor.Int8:
		return multiplyInts[int8](y, a, b, p)
	case tensor.Int16:
		return multiplyInts[int16](y, a, b, p)
	case tensor.Int32:
		return multiplyInts[int32](y, a, b, p)
	case tensor.Int64:
		return multiplyInts[int64](y, a, b, p)
	case tensor.Uint8:
		return multiplyInts[uint8](y, a, b, p)
	case tensor.Uint16:
		return multiplyInts[uint16](y, a, b, p)
	case tensor.Uint32:
		return multiplyInts[uint32](y, a, b, p)
	case tensor.Uint64:
		return multiplyInts[uint64](y, a, b, p)
	}
	return errElem(y.Elem)
}

// nest walks the batch; operand strides are in matrices.
func (p product) nest() (*nest, error) {
	return newNest(p.batch, broadcastStrides(p.ad, p.batch), broadcastStrides(p.bd, p.batch))
}

// each calls f for every matrix of a non-empty result: its number, and where its operands start.
func (p product) each(f func(i, ao, bo int)) error {
	ns, err := p.nest()
	if err != nil || p.m == 0 || p.n == 0 {
		return err
	}
	_, s := ns.inner()
	ns.walk(0, ns.n, func(d int, o [3]int, n int) {
		for i := range n {
			f(d+i, (o[0]+i*s[0])*p.m*p.k, (o[1]+i*s[1])*p.k*p.n)
		}
	})
	return nil
}

func multiplySingle(y, a, b []float32, p product, pool *kernel.Pool) error {
	ns, err := p.nest()
	if err != nil || len(y) == 0 {
		return err
	}
	if p.k == 0 {
		clear(y)
		return nil
	}
	count, s := ns.inner()
	if ns.rank == 1 && s[1] == 0 && (s[0] == 1 || count == 1) { // one right matrix: the batch is rows
		kernel.GemmUnpacked(p.m*count, p.n, p.k, a, p.k, false, b, p.n, false, 1, y, p.n, 0, pool, nil)
		return nil
	}
	ns.walk(0, ns.n, func(d int, o [3]int, n int) {
		kernel.BatchGemm(n, p.m, p.n, p.k, a[o[0]*p.m*p.k:], s[0]*p.m*p.k, p.k, false,
			b[o[1]*p.k*p.n:], s[1]*p.k*p.n, p.n, false, 1, y[d*p.m*p.n:], p.m*p.n, p.n, pool)
	})
	return nil
}

func multiplyInts[T integer](y, a, b *tensor.Tensor, p product) error {
	ad, bd, out := tensor.Cast[T](a.Bytes()), tensor.Cast[T](b.Bytes()), tensor.Cast[T](y.Bytes())
	return p.each(func(i, ao, bo int) {
		matmulLoop(out[i*p.m*p.n:], ad[ao:], bd[bo:], p.m, p.n, p.k)
	})
}

// matmulLoop is y = a b by plain loops.
func matmulLoop[T number](y, a, b []T, m, n, k int) {
	for i := range m {
		row := y[i*n : (i+1)*n]
		clear(row)
		for l := range k {
			v := a[i*k+l]
			for j, w := range b[l*n : (l+1)*n] {
				row[j] += v * w
			}
		}
	}
}

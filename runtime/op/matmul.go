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

// gemmExec is Gemm: y = alpha op(a) op(b) + beta c.
type gemmExec struct {
	transA, transB bool
	alpha, beta    float32
	packed         *kernel.PackedB // op(b), when constant
	bias           []float32       // beta c, when constant with one value a column
}

func prepareGemm(p *Prep) (Exec, error) {
	a := p.Attrs()
	e := &gemmExec{
		transA: a.Int("transA", 0) != 0, transB: a.Int("transB", 0) != 0,
		alpha: a.Float("alpha", 1), beta: a.Float("beta", 1),
	}
	if w := p.Const(1); w != nil && len(w.Shape) == 2 && (w.Elem == tensor.Float32 || isHalf(w.Elem)) && e.alpha == 1 && !e.transA {
		k, n := int(w.Shape[0]), int(w.Shape[1])
		if e.transB {
			k, n = n, k
		}
		e.packed = packConst(p, 1, k, n, int(w.Shape[1]), e.transB)
		p.Drop(1)
		if t := p.Const(2); t != nil && t.Len() == n && (len(t.Shape) == 1 || len(t.Shape) == 2 && t.Shape[0] == 1) && (t.Elem == tensor.Float32 || isHalf(t.Elem)) {
			e.bias = single(t)
			if e.beta != 1 {
				e.bias = make([]float32, n)
				kernel.Scale(e.bias, single(t), e.beta)
			}
		}
	}
	return e, nil
}

func (e *gemmExec) Run(c *Call) error {
	a, err := needInput(c, 0)
	if err != nil {
		return err
	}
	if len(a.Shape) != 2 {
		return fmt.Errorf("input A has shape %v", a.Shape)
	}
	m, k := int(a.Shape[0]), int(a.Shape[1])
	if e.transA {
		m, k = k, m
	}
	if e.packed != nil {
		if k != e.packed.K {
			return fmt.Errorf("input A has shape %v, B has %d rows", a.Shape, e.packed.K)
		}
		if a.Elem != tensor.Float32 && !isHalf(a.Elem) {
			return errElem(a.Elem)
		}
		return e.runPacked(c, a, m)
	}
	b, err := needInput(c, 1)
	if err != nil {
		return err
	}
	if len(b.Shape) != 2 || a.Elem != b.Elem {
		return fmt.Errorf("input A is %s%v, B is %s%v", a.Elem, a.Shape, b.Elem, b.Shape)
	}
	kb, n := int(b.Shape[0]), int(b.Shape[1])
	if e.transB {
		kb, n = n, kb
	}
	if kb != k {
		return fmt.Errorf("shapes %v and %v do not multiply", a.Shape, b.Shape)
	}
	y := c.Out(0, a.Elem, int64(m), int64(n))
	switch a.Elem {
	case tensor.Float32, tensor.Float16, tensor.BFloat16:
		out := singleOut(y)
		if len(out) > 0 {
			kernel.GemmUnpacked(m, n, k, single(a), int(a.Shape[1]), e.transA, single(b), int(b.Shape[1]), e.transB, e.alpha, out, n, 0, c.Pool, nil)
		}
		if err := e.addC(c, out, m, n, input(c, 2)); err != nil {
			return err
		}
		singleDone(y, out)
		return nil
	}
	return e.runWide(c, y, a, b, m, n, k)
}

func (e *gemmExec) runPacked(c *Call, a *tensor.Tensor, m int) error {
	n := e.packed.N
	y := c.Out(0, a.Elem, int64(m), int64(n))
	out := singleOut(y)
	var ep *kernel.Epilogue
	if e.bias != nil {
		ep = &kernel.Epilogue{Bias: e.bias}
	}
	kernel.Gemm(m, single(a), e.packed.K, e.packed, out, n, false, ep, c.Pool)
	if e.bias == nil {
		if err := e.addC(c, out, m, n, input(c, 2)); err != nil {
			return err
		}
	}
	singleDone(y, out)
	return nil
}

// addC adds beta c to y, [m,n].
func (e *gemmExec) addC(c *Call, y []float32, m, n int, t *tensor.Tensor) error {
	if t == nil || e.beta == 0 {
		return nil
	}
	if t.Elem != c.In[0].Elem {
		return fmt.Errorf("input C is %s", t.Elem)
	}
	v := single(t)
	if e.beta != 1 {
		scaled := c.Scratch(len(v))
		kernel.Scale(scaled, v, e.beta)
		v = scaled
	}
	o, err := onto(m, n, t.Shape)
	if err != nil {
		return err
	}
	return zip(kernelForms(kernel.OpAdd), y, y, v, o, c.Pool)
}

// onto checks that c's shape broadcasts to [m,n] without enlarging it.
func onto(m, n int, c []int64) (operands, error) {
	out := []int64{int64(m), int64(n)}
	o, err := pair(out, c)
	if err == nil && !equalDims(o.out, out) {
		err = fmt.Errorf("input C has shape %v, want one that broadcasts to %v", c, out)
	}
	return o, err
}

// runWide serves the types without a kernel: integers in int64, float64.
func (e *gemmExec) runWide(c *Call, y, a, b *tensor.Tensor, m, n, k int) error {
	t := input(c, 2)
	if a.Elem == tensor.Float64 {
		out := tensor.Data[float64](y)
		if len(out) > 0 {
			kernel.GemmF64(m, n, k, tensor.Data[float64](a), int(a.Shape[1]), e.transA, tensor.Data[float64](b), int(b.Shape[1]), e.transB, float64(e.alpha), out, n, 0, c.Pool)
		}
		if t == nil {
			return nil
		}
		o, err := onto(m, n, t.Shape)
		if err != nil {
			return err
		}
		v, err := double(t)
		if err != nil {
			return err
		}
		beta := float64(e.beta)
		return zip(each(func(x, v float64) float64 { return x + beta*v }), out, out, v, o, c.Pool)
	}
	av, err := a.Int64s()
	if err != nil {
		return err
	}
	bv, err := b.Int64s()
	if err != nil {
		return err
	}
	alpha, beta := int64(e.alpha), int64(e.beta)
	if float32(alpha) != e.alpha || float32(beta) != e.beta {
		return errors.New("alpha or beta is no integer, but the operands are")
	}
	out := make([]int64, m*n)
	for i := range m {
		for j := range n {
			s := int64(0)
			for l := range k {
				s += at2(av, i, l, m, k, e.transA) * at2(bv, l, j, k, n, e.transB)
			}
			out[i*n+j] = alpha * s
		}
	}
	if t != nil {
		o, err := onto(m, n, t.Shape)
		if err != nil {
			return err
		}
		v, err := t.Int64s()
		if err != nil {
			return err
		}
		if err := zip(each(func(x, v int64) int64 { return x + beta*v }), out, out, v, o, c.Pool); err != nil {
			return err
		}
	}
	return storeInts(y, out)
}

// at2 is element (i,j) of op(v), which is [rows, cols].
func at2[T any](v []T, i, j, rows, cols int, trans bool) T {
	if trans {
		return v[j*rows+i]
	}
	return v[i*cols+j]
}

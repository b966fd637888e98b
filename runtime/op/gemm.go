package op

import (
	"errors"
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
)

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

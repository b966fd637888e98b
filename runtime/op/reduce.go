package op

import (
	"math"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
)

// reduction names how many elements become one.
type reduction uint8

const (
	redSum reduction = iota
	redMean
	redMax
	redMin
	redProd
	redL1
	redL2
	redLogSum
	redLogSumExp
	redSumSquare
)

// reduceOps are the reductions over axes.
func reduceOps() []OpDef {
	var defs []OpDef
	for _, r := range []struct {
		name  string
		op    reduction
		input int // first opset in which the axes are an input
		set   elems
	}{
		{"ReduceSum", redSum, 13, numbers}, {"ReduceMean", redMean, 18, numbers}, {"ReduceMax", redMax, 18, numbers | bools},
		{"ReduceMin", redMin, 18, numbers | bools}, {"ReduceProd", redProd, 18, numbers}, {"ReduceL1", redL1, 18, numbers},
		{"ReduceL2", redL2, 18, numbers}, {"ReduceLogSum", redLogSum, 18, numbers}, {"ReduceLogSumExp", redLogSumExp, 18, numbers},
		{"ReduceSumSquare", redSumSquare, 18, numbers},
	} {
		defs = append(defs, OpDef{Op: r.name, Since: 1, Prepare: checked(r.set, func(p *Prep) (Exec, error) {
			a := p.Attrs()
			return &reduceExec{
				op: r.op, attr: a.Ints("axes"), opset: p.Opset, since: r.input,
				keep: a.Int("keepdims", 1) == 1, noop: a.Int("noop_with_empty_axes", 0) != 0,
			}, nil
		}, 0)})
	}
	return defs
}

type reduceExec struct {
	op           reduction
	attr         []int64
	opset, since int
	keep, noop   bool
}

// Run reduces [outer, n, inner] blocks directly; axes that do not lie together are moved to the end first.
func (e *reduceExec) Run(c *Call) error {
	x, err := needInput(c, 0)
	if err != nil {
		return err
	}
	axes, _, err := axesOf(c, e.attr, e.opset, e.since, 1)
	if err != nil {
		return err
	}
	rank := len(x.Shape)
	var cut uint64
	for _, a := range axes {
		k, err := axisIn(a, rank)
		if err != nil {
			return err
		}
		cut |= 1 << uint(k)
	}
	if len(axes) == 0 && !e.noop {
		cut = 1<<uint(rank) - 1
	}
	var buf dimsBuf
	dims := buf[:0]
	count := 1
	for i, d := range x.Shape {
		switch {
		case cut&(1<<uint(i)) == 0:
			dims = append(dims, d)
			continue
		case e.keep:
			dims = append(dims, 1)
		}
		count *= int(d)
	}
	y := c.Out(0, x.Elem, dims...)
	if y.Len() == 0 {
		return nil
	}
	lo, hi, together := span(x.Shape, cut)
	if !together {
		if x, err = axesLast(c, x, cut); err != nil {
			return err
		}
		lo, hi = len(x.Shape)-1, len(x.Shape)
	}
	return e.reduce(c, y, x, numel(x.Shape[:lo]), count, numel(x.Shape[hi:]))
}

// span finds the range of dims that holds all the cut ones of a size other than 1, if nothing else lies between them.
func span(dims []int64, cut uint64) (lo, hi int, together bool) {
	lo, hi = len(dims), len(dims)
	for i, d := range dims {
		if cut&(1<<uint(i)) != 0 && d != 1 {
			if lo == len(dims) {
				lo = i
			}
			hi = i + 1
		}
	}
	for i := lo; i < hi; i++ {
		if cut&(1<<uint(i)) == 0 && dims[i] != 1 {
			return 0, 0, false
		}
	}
	return lo, hi, true
}

// axesLast is x with the cut dims moved to the end and made one.
func axesLast(c *Call, x *tensor.Tensor, cut uint64) (*tensor.Tensor, error) {
	from := rowMajor(x.Shape)
	var dims, tail []int64
	var strides, tailS []int
	for i, d := range x.Shape {
		if cut&(1<<uint(i)) != 0 {
			tail, tailS = append(tail, d), append(tailS, from[i])
			continue
		}
		dims, strides = append(dims, d), append(strides, from[i])
	}
	ns, err := newNest(append(dims, tail...), append(strides, tailS...))
	if err != nil {
		return nil, err
	}
	y := tensor.Zeros(x.Elem, append(append([]int64{}, dims...), int64(numel(tail)))...)
	return y, moveStrided(y, x, 0, ns, c.Pool)
}

func (e *reduceExec) reduce(c *Call, y, x *tensor.Tensor, outer, n, inner int) error {
	switch x.Elem {
	case tensor.Float32, tensor.Float16, tensor.BFloat16:
		out := singleOut(y)
		e.single(c, out, single(x), outer, n, inner)
		singleDone(y, out)
	case tensor.Float64:
		reduceLoop[float64](e.op, y, x, outer, n, inner)
	case tensor.Int8:
		reduceLoop[int8](e.op, y, x, outer, n, inner)
	case tensor.Int16:
		reduceLoop[int16](e.op, y, x, outer, n, inner)
	case tensor.Int32:
		reduceLoop[int32](e.op, y, x, outer, n, inner)
	case tensor.Int64:
		reduceLoop[int64](e.op, y, x, outer, n, inner)
	case tensor.Uint8, tensor.Bool:
		reduceLoop[uint8](e.op, y, x, outer, n, inner)
	case tensor.Uint16:
		reduceLoop[uint16](e.op, y, x, outer, n, inner)
	case tensor.Uint32:
		reduceLoop[uint32](e.op, y, x, outer, n, inner)
	case tensor.Uint64:
		reduceLoop[uint64](e.op, y, x, outer, n, inner)
	default:
		return errElem(x.Elem)
	}
	if x.Elem == tensor.Bool && n == 0 && e.op == redMin { // the identity of uint8 is no truth value
		fillWith(y.Bytes(), 1)
	}
	return nil
}

// single reduces float32 with the kernels.
func (e *reduceExec) single(c *Call, y, x []float32, outer, n, inner int) {
	if inner > 1 && n > 0 && e.columns(c, y, x, outer, n, inner) {
		return
	}
	if inner > 1 {
		t := c.Scratch(len(x))
		kernel.TransposeLast(t, x, outer, n, inner, c.Pool)
		x, outer = t, outer*inner
	}
	c.Pool.For(outer, 1+zipGrain/(n+1), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			y[r] = reduceSingle(e.op, x[r*n:(r+1)*n])
		}
	})
}

// columns reduces [outer, n, inner] over n by adding (or comparing) whole rows, for the operations that allow it.
func (e *reduceExec) columns(c *Call, y, x []float32, outer, n, inner int) bool {
	var op kernel.BinaryOp
	switch e.op {
	case redSum, redMean:
		op = kernel.OpAdd
	case redMax:
		op = kernel.OpMax
	case redMin:
		op = kernel.OpMin
	default:
		return false
	}
	// Work is cut over outer and over columns, so that the order of a column's additions never depends on it.
	const block = 512
	blocks := (inner + block - 1) / block
	c.Pool.For(outer*blocks, 1+zipGrain/(n*min(inner, block)), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			o, at := i/blocks, i%blocks*block
			w := min(block, inner-at)
			dst, src := y[o*inner+at:][:w], x[o*n*inner+at:]
			copy(dst, src[:w])
			for r := 1; r < n; r++ {
				kernel.Apply(op, dst, dst, src[r*inner:][:w])
			}
			if e.op == redMean {
				kernel.DivScalar(dst, dst, float32(n))
			}
		}
	})
	return true
}

func reduceSingle(op reduction, v []float32) float32 {
	switch op {
	case redSum:
		return kernel.Sum(v)
	case redMean:
		return kernel.Sum(v) / float32(len(v))
	case redMax:
		return kernel.MaxOf(v)
	case redMin:
		return kernel.MinOf(v)
	case redL1:
		return kernel.SumAbs(v)
	case redL2:
		return float32(math.Sqrt(float64(kernel.SumSquares(v))))
	case redSumSquare:
		return kernel.SumSquares(v)
	case redLogSum:
		return float32(math.Log(float64(kernel.Sum(v))))
	case redLogSumExp:
		return kernel.LogSumExp(v)
	}
	p := float32(1)
	for _, a := range v {
		p *= a
	}
	return p
}

package op

import (
	"math"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
)

// softmaxOps are Softmax, LogSoftmax and Hardmax.
func softmaxOps() []OpDef {
	return []OpDef{
		{Op: "Softmax", Since: 1, Prepare: checked(floats, prepareSoftmax(kernel.Softmax, softmax64), 0), InPlace: []int{0}},
		{Op: "LogSoftmax", Since: 1, Prepare: checked(floats, prepareSoftmax(kernel.LogSoftmax, logSoftmax64), 0), InPlace: []int{0}},
		{Op: "Hardmax", Since: 1, Prepare: checked(floats, prepareSoftmax(hardmax32, hardmax[float64]), 0), InPlace: []int{0}},
	}
}

// prepareSoftmax runs a function of rows along the axis. Before opset 13 the input is seen as a matrix whose rows are all dims from axis on.
func prepareSoftmax(rows32 func(dst, x []float32, rows, cols int, p *kernel.Pool), row64 func(dst, x []float64)) func(*Prep) (Exec, error) {
	return func(p *Prep) (Exec, error) {
		flat := p.Opset < 13
		def := int64(-1)
		if flat {
			def = 1
		}
		axis := p.Attrs().Int("axis", def)
		return ExecFunc(func(c *Call) error {
			x, err := needInput(c, 0)
			if err != nil {
				return err
			}
			rank := len(x.Shape)
			k := rank
			if rank == 0 || !(flat && axis == int64(rank)) {
				if k, err = axisIn(axis, max(rank, 1)); err != nil {
					return err
				}
			}
			y := c.Out(0, x.Elem, x.Shape...)
			if y.Len() == 0 {
				return nil
			}
			outer, n, inner := 1, 1, 1
			switch {
			case rank == 0:
			case flat:
				outer, n = numel(x.Shape[:k]), numel(x.Shape[k:])
			default:
				outer, inner = splitAt(x.Shape, k)
				n = int(x.Shape[k])
			}
			if x.Elem == tensor.Float64 {
				alongAxis(tensor.Data[float64](y), tensor.Data[float64](x), outer, n, inner, row64)
				return nil
			}
			out, in := singleOut(y), single(x)
			if inner == 1 {
				rows32(out, in, outer, n, c.Pool)
			} else {
				t := c.Scratch(len(in))
				kernel.TransposeLast(t, in, outer, n, inner, c.Pool)
				rows32(t, t, outer*inner, n, c.Pool)
				kernel.TransposeLast(out, t, outer, inner, n, c.Pool)
			}
			singleDone(y, out)
			return nil
		}), nil
	}
}

// alongAxis applies f to each line of x along the middle dim.
func alongAxis[T any](y, x []T, outer, n, inner int, f func(dst, x []T)) {
	row, res := make([]T, n), make([]T, n)
	for o := range outer {
		for i := range inner {
			for k := range row {
				row[k] = x[(o*n+k)*inner+i]
			}
			f(res, row)
			for k, v := range res {
				y[(o*n+k)*inner+i] = v
			}
		}
	}
}

func softmax64(dst, x []float64) {
	m, s := extreme(true, x), 0.0
	for i, v := range x {
		dst[i] = math.Exp(v - m)
		s += dst[i]
	}
	for i := range dst {
		dst[i] /= s
	}
}

func logSoftmax64(dst, x []float64) {
	l := logSumExp(x)
	for i, v := range x {
		dst[i] = v - l
	}
}

func hardmax32(dst, x []float32, rows, cols int, _ *kernel.Pool) {
	for r := range rows {
		hardmax(dst[r*cols:(r+1)*cols], x[r*cols:(r+1)*cols])
	}
}

// hardmax is 1 at the first largest element and 0 elsewhere.
func hardmax[T realNumber](dst, x []T) {
	best := 0
	for i, v := range x {
		if v > x[best] {
			best = i
		}
	}
	clear(dst)
	dst[best] = 1
}

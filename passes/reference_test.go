package passes_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph/block"
	"github.com/onnx-rewrite/onnx-rewrite/passes"
	"github.com/onnx-rewrite/onnx-rewrite/sparsify"
)

// plainAct is the activations by their definitions.
func plainAct(a block.Act, v float64) float64 {
	sig := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	switch a {
	case block.Relu:
		return max(v, 0)
	case block.Relu2:
		return max(v, 0) * max(v, 0)
	case block.Sigmoid:
		return sig(v)
	case block.Tanh:
		return math.Tanh(v)
	case block.Silu:
		return v * sig(v)
	case block.QuickGelu:
		return v * sig(1.702*v)
	case block.Gelu:
		return v / 2 * (1 + math.Erf(v/math.Sqrt2))
	case block.GeluTanh:
		return v / 2 * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(v+0.044715*v*v*v)))
	}
	panic("no activation " + string(a))
}

// reference is one block computed from its definition, in float64.
type reference struct {
	pre, act, hidden sparsify.Matrix
	down             []float32 // [hidden, out]
	bias             []float32
	out              int
}

func product(t *testing.T, l *passes.Linear, x []float32) sparsify.Matrix {
	w, err := l.Dense()
	require.NoError(t, err)
	b, err := l.BiasVector()
	require.NoError(t, err)
	in, out := l.Dims()
	return times(x, in, w, out, b)
}

func times(x []float32, in int, w []float32, out int, b []float32) sparsify.Matrix {
	y := sparsify.NewMatrix(len(x)/in, out)
	for r := range y.Rows {
		for j := range out {
			sum := float64(b[j])
			for i := range in {
				sum += float64(x[r*in+i]) * float64(w[i*out+j])
			}
			y.Data[r*out+j] = float32(sum)
		}
	}
	return y
}

// refer computes block f on the rows x.
func refer(t *testing.T, f *passes.FFN, x []float32) reference {
	var r reference
	first := f.Up
	if f.Gated() {
		first = f.Gate
	}
	r.pre = product(t, first, x)
	r.act = sparsify.NewMatrix(r.pre.Rows, r.pre.Cols)
	for i, v := range r.pre.Data {
		r.act.Data[i] = float32(plainAct(f.Act, float64(v)))
	}
	r.hidden = r.act
	if f.Gated() {
		up := product(t, f.Up, x)
		r.hidden = sparsify.NewMatrix(up.Rows, up.Cols)
		for i := range up.Data {
			r.hidden.Data[i] = r.act.Data[i] * up.Data[i]
		}
	}
	var err error
	r.down, err = f.Down.Dense()
	require.NoError(t, err)
	r.bias, err = f.Down.BiasVector()
	require.NoError(t, err)
	r.out = f.Out
	return r
}

// masked is the block's output when only the hidden values of keep (nil: all) remain.
func (r reference) masked(keep *sparsify.Mask) []float32 {
	h := append([]float32(nil), r.hidden.Data...)
	if keep != nil {
		for i := range h {
			if !keep.Get(i) {
				h[i] = 0
			}
		}
	}
	return times(h, r.hidden.Cols, r.down, r.out, r.bias).Data
}

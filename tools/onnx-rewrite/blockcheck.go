package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"sort"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/block"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime"
)

// tie is the relative distance of two scores below which rounding may decide which of them is kept.
const tie = 1e-5

// compare runs one block alone, by its kernel and by its body, on what entered it.
func (b *blockCheck) compare(ctx context.Context, m *graph.Model, call *block.Call, vals runtime.Fetches) error {
	alone, feeds, err := isolate(m, call, vals)
	if err != nil {
		return err
	}
	large := weightBytes(alone) > 64<<20
	var outs [2][]float32
	for i, bodies := range []bool{false, true} {
		s, err := runtime.Compile(alone, runtime.Options{UseBodies: bodies})
		if err != nil {
			return err
		}
		if uses := s.Blocks(); !bodies && len(uses) == 1 && b.Function == "" {
			b.BlockUse = uses[0]
		}
		got, err := s.Run(ctx, feeds)
		s.Close()
		if err != nil {
			return err
		}
		if outs[i], err = got["y"].Float32s(); err != nil {
			return err
		}
		got, s = nil, nil
		if large {
			debug.FreeOSMemory() // before the other one is packed
		}
	}
	x := feeds["x"]
	in := int(x.Shape[len(x.Shape)-1])
	b.Rows = x.Len() / max(1, in)
	if len(outs[0]) != len(outs[1]) || b.Rows == 0 {
		return fmt.Errorf("kernel and body give %d and %d numbers", len(outs[0]), len(outs[1]))
	}
	width := len(outs[1]) / b.Rows
	top, most := 0.0, 0.0
	for _, v := range outs[1] {
		top = max(top, math.Abs(float64(v)))
	}
	top = max(top, math.SmallestNonzeroFloat32)
	rows := tensor.Data[float32](x)
	for r := range b.Rows {
		gap := 0.0
		for i := r * width; i < (r+1)*width; i++ {
			d := math.Abs(float64(outs[0][i]) - float64(outs[1][i]))
			if math.IsNaN(d) && math.Float32bits(outs[0][i]) != math.Float32bits(outs[1][i]) {
				d = math.Inf(1)
			}
			gap = max(gap, d)
		}
		if gap/top > blockTolerance {
			close, err := closeCall(call, rows[r*in:(r+1)*in])
			if err != nil {
				return err
			}
			if close {
				b.Ties++
				continue
			}
		}
		most = max(most, gap/top)
	}
	b.Relative = number(most)
	return nil
}

// isolate is a model of the call alone: x and other computed operands are inputs, with the values they had.
func isolate(m *graph.Model, call *block.Call, vals runtime.Fetches) (*graph.Model, runtime.Feeds, error) {
	alone := graph.NewModel(m.IRVersion, m.Opset(""))
	alone.Opsets = append([]graph.OpsetID(nil), m.Opsets...)
	alone.Functions = []*graph.Function{m.Function(call.Node.ID).Clone()}
	feeds := runtime.Feeds{}
	var in []*graph.Value
	for i, v := range call.Node.Inputs() {
		switch {
		case v == nil:
			in = append(in, nil)
		case v.IsConst():
			if v.Const == nil {
				return nil, nil, fmt.Errorf("operand %q is a sparse initializer", v.Name)
			}
			in = append(in, alone.Graph.AddInit(fmt.Sprintf("w%d", i), v.Const))
		default:
			t := vals[v.Name]
			if t == nil {
				return nil, nil, fmt.Errorf("operand %q has no value", v.Name)
			}
			name := fmt.Sprintf("v%d", i)
			if v == call.In("x") {
				name = "x"
				if t.Elem != tensor.Float32 || len(t.Shape) == 0 {
					return nil, nil, errors.New("its input is no float tensor")
				}
				width := t.Shape[len(t.Shape)-1]
				data := tensor.Data[float32](t)
				rows := min(int64(len(data))/max(1, width), checkRows)
				t = tensor.Of(data[:rows*width], rows, width)
			}
			feeds[name] = t
			in = append(in, alone.Graph.AddInput(name, graph.Type{Kind: graph.KindTensor, Elem: t.Elem, Shape: graph.ConstShape(t.Shape)}))
		}
	}
	y := alone.Graph.NewValue("y", graph.Type{Kind: graph.KindTensor, Elem: tensor.Float32})
	n := graph.NewNode(call.Node.ID, in, []*graph.Value{y}, call.Node.Attrs...)
	n.Name = call.Node.Name
	alone.Graph.Append(n)
	alone.Graph.AddOutput(y)
	return alone, feeds, nil
}

// closeCall reports whether the choice that the block makes for token x hangs on a difference that rounding may turn. It computes the
// scores in float64.
func closeCall(call *block.Call, x []float32) (bool, error) {
	switch call.Family {
	case block.MoEFFN:
		scores, err := affine(x, call.In("router"), call.In("router_bias"))
		return err == nil && closeTop(scores, int(call.K)), err
	case block.TopKFFN:
		scores, err := hiddenScores(call, x)
		if err != nil {
			return false, err
		}
		cut := float64(call.Threshold)
		switch call.Keep {
		case block.KeepExact:
			return closeTop(scores, int(call.K)), nil
		case block.KeepStat:
			mean, std := moments(scores)
			cut = mean + cut*std
		}
		scale := math.Abs(cut)
		for _, s := range scores {
			scale = max(scale, math.Abs(s))
		}
		for _, s := range scores {
			if math.Abs(s-cut) <= tie*scale {
				return true, nil
			}
		}
	}
	return false, nil
}

func closeTop(scores []float64, k int) bool {
	if k <= 0 || k >= len(scores) {
		return false
	}
	s := append([]float64(nil), scores...)
	sort.Sort(sort.Reverse(sort.Float64Slice(s)))
	scale := max(math.Abs(s[0]), math.Abs(s[len(s)-1]))
	return s[k-1]-s[k] <= tie*scale
}

func moments(x []float64) (mean, std float64) {
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		std += (v - mean) * (v - mean) / float64(len(x))
	}
	return mean, math.Sqrt(std)
}

// hiddenScores are the scores of a top-k block's hidden values for token x.
func hiddenScores(call *block.Call, x []float32) ([]float64, error) {
	up, err := affine(x, call.In("up"), call.In("up_bias"))
	if err != nil {
		return nil, err
	}
	gate := up
	if call.Gated {
		if gate, err = affine(x, call.In("gate"), call.In("gate_bias")); err != nil {
			return nil, err
		}
	}
	scores := make([]float64, len(gate))
	for i := range gate {
		switch a := activate(call.Act, gate[i]); {
		case call.On == block.OnSigned:
			scores[i] = gate[i]
		case call.On == block.OnHidden && call.Gated:
			scores[i] = math.Abs(a * up[i])
		default:
			scores[i] = math.Abs(a)
		}
	}
	return scores, nil
}

// affine is x·w + b for constants w [in, n] and b [n].
func affine(x []float32, w, b *graph.Value) ([]float64, error) {
	if w == nil || w.Const == nil || len(w.Const.Shape) != 2 || int(w.Const.Shape[0]) != len(x) {
		return nil, errors.New("its weights are no constants of rank 2")
	}
	m, err := w.Const.Float32s()
	if err != nil {
		return nil, err
	}
	n := int(w.Const.Shape[1])
	out := make([]float64, n)
	if b != nil && b.Const != nil && b.Const.Len() == n {
		bias, err := b.Const.Float32s()
		if err != nil {
			return nil, err
		}
		for i := range out {
			out[i] = float64(bias[i])
		}
	}
	for i, v := range x {
		for j, m := range m[i*n : (i+1)*n] {
			out[j] += float64(v) * float64(m)
		}
	}
	return out, nil
}

func activate(act block.Act, x float64) float64 {
	sigmoid := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	switch act {
	case block.Relu:
		return max(x, 0)
	case block.Relu2:
		return max(x, 0) * max(x, 0)
	case block.Gelu:
		return x * 0.5 * (1 + math.Erf(x/math.Sqrt2))
	case block.GeluTanh:
		return 0.5 * x * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
	case block.Silu:
		return x * sigmoid(x)
	case block.QuickGelu:
		return x * sigmoid(1.702*x)
	case block.Sigmoid:
		return sigmoid(x)
	case block.Tanh:
		return math.Tanh(x)
	}
	return x
}

package calib

import (
	"fmt"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime"
)

const (
	idsInput      = "input_ids"
	maskInput     = "attention_mask"
	defaultWindow = 512
)

// isIDs reports whether an array is token ids: integers of rank 1 or 2 for a model whose input says so.
func isIDs(inputs []*graph.Value, t *tensor.Tensor) bool {
	if t == nil || !t.Elem.IsInteger() || len(t.Shape) < 1 || len(t.Shape) > 2 {
		return false
	}
	for _, v := range inputs {
		if v.Name == idsInput || len(inputs) == 1 && v.Type.Elem == tensor.Int64 && v.Type.Shape.Rank() == 2 {
			return true
		}
	}
	return false
}

// Windows brings token ids of any integer type into the form int64 [windows, length]. A flat array is cut into windows side by side, and
// what is left over is dropped. limit 0 keeps all.
func Windows(ids *tensor.Tensor, window, limit int) (*tensor.Tensor, error) {
	flat, err := ids.Int64s()
	if err != nil {
		return nil, fmt.Errorf("token ids: %w", err)
	}
	length := int64(window)
	switch len(ids.Shape) {
	case 1:
		if length == 0 {
			length = defaultWindow
		}
	case 2:
		length = ids.Shape[1]
	default:
		return nil, fmt.Errorf("token ids have shape %v, want one or two axes", ids.Shape)
	}
	if length < 2 {
		return nil, fmt.Errorf("windows of %d ids have nothing to predict", length)
	}
	n := int64(len(flat)) / length
	if limit > 0 {
		n = min(n, int64(limit))
	}
	if n == 0 {
		return nil, fmt.Errorf("%d ids are less than one window of %d", len(flat), length)
	}
	return tensor.Of(append([]int64(nil), flat[:n*length]...), n, length), nil
}

// textInputs are the inputs of text windows: each row without its last id.
func textInputs(ids *tensor.Tensor, opt Options) (*tensor.Tensor, error) {
	w, err := Windows(ids, opt.Window, 0)
	if err != nil {
		return nil, err
	}
	in, _ := SplitTargets(w)
	return in, nil
}

// SplitTargets cuts windows [n, length] into inputs (all but the last id) and targets (all but the first), both [n, length-1].
func SplitTargets(windows *tensor.Tensor) (in, targets *tensor.Tensor) {
	n, length := windows.Shape[0], windows.Shape[1]
	ids := tensor.Data[int64](windows)
	a, b := make([]int64, 0, n*(length-1)), make([]int64, 0, n*(length-1))
	for i := range n {
		row := ids[i*length : (i+1)*length]
		a, b = append(a, row[:length-1]...), append(b, row[1:]...)
	}
	return tensor.Of(a, n, length-1), tensor.Of(b, n, length-1)
}

// FillLanguageInputs adds the inputs of a language model that follow from its token ids: a mask of ones, positions counted from 0, token
// types 0, and an empty cache. Inputs that are given stay. It is an error when another input is missing.
func FillLanguageInputs(m *graph.Model, feeds runtime.Feeds) error {
	ids := feeds[idsInput]
	for _, v := range realInputs(m) {
		if feeds[v.Name] != nil {
			continue
		}
		if ids == nil || len(ids.Shape) != 2 {
			return fmt.Errorf("input %q is not given", v.Name)
		}
		batch, seq := ids.Shape[0], ids.Shape[1]
		switch {
		case v.Name == maskInput:
			feeds[v.Name] = filled(v, batch, seq, func(int64) int64 { return 1 })
		case v.Name == "position_ids":
			feeds[v.Name] = filled(v, batch, seq, func(i int64) int64 { return i % seq })
		case v.Name == "token_type_ids":
			feeds[v.Name] = filled(v, batch, seq, func(int64) int64 { return 0 })
		case strings.HasPrefix(v.Name, "past"):
			t, err := emptyCache(v, batch)
			if err != nil {
				return err
			}
			feeds[v.Name] = t
		default:
			return fmt.Errorf("input %q is not given", v.Name)
		}
	}
	return nil
}

func filled(v *graph.Value, batch, seq int64, at func(i int64) int64) *tensor.Tensor {
	n := batch * seq
	if v.Type.Elem == tensor.Float32 {
		out := make([]float32, n)
		for i := range out {
			out[i] = float32(at(int64(i)))
		}
		return tensor.Of(out, batch, seq)
	}
	out := make([]int64, n)
	for i := range out {
		out[i] = at(int64(i))
	}
	return tensor.Of(out, batch, seq)
}

// emptyCache is a cache of no tokens: the batch first, 0 for the only other symbolic dim.
func emptyCache(v *graph.Value, batch int64) (*tensor.Tensor, error) {
	shape := make([]int64, len(v.Type.Shape.Dims))
	for i, d := range v.Type.Shape.Dims {
		c, ok := d.Value()
		switch {
		case i == 0:
			c = batch
		case !ok:
			c = 0
		}
		shape[i] = c
	}
	if !v.Type.Shape.Known || v.Type.Elem == tensor.Undefined {
		return nil, fmt.Errorf("input %q is a cache of unknown shape", v.Name)
	}
	return tensor.Zeros(v.Type.Elem, shape...), nil
}

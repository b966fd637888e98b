package main

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime"
)

// makeInputs makes n different sets of inputs for m: floats from the normal distribution, integers within the table that they index, masks
// of ones, positions in order.
func makeInputs(m *graph.Model, dims dims, seed uint64, n int) ([]runtime.Feeds, error) {
	rnd := rand.New(rand.NewPCG(seed, 1))
	list := make([]runtime.Feeds, n)
	for i := range list {
		list[i] = runtime.Feeds{}
		for _, v := range m.Graph.Inputs {
			if v.Const != nil {
				continue
			}
			t, err := makeInput(v, dims, rnd)
			if err != nil {
				return nil, fmt.Errorf("input %q: %w", v.Name, err)
			}
			list[i][v.Name] = t
		}
	}
	return list, nil
}

func makeInput(v *graph.Value, dims dims, rnd *rand.Rand) (*tensor.Tensor, error) {
	shape := make([]int64, len(v.Type.Shape.Dims))
	size := int64(1)
	for i, d := range v.Type.Shape.Dims {
		shape[i] = 128
		if i == 0 {
			shape[i] = 1
		}
		if known, ok := d.Bind(dims); ok {
			shape[i] = known
		}
		size *= shape[i]
	}
	switch v.Type.Elem {
	case tensor.Float32:
		x := make([]float32, size)
		for i := range x {
			x[i] = float32(rnd.NormFloat64())
		}
		return tensor.Of(x, shape...), nil
	case tensor.Int64:
		x := make([]int64, size)
		rows := tableRows(v)
		for i := range x {
			switch {
			case strings.Contains(v.Name, "mask"):
				x[i] = 1
			case strings.Contains(v.Name, "position") && len(shape) > 0:
				x[i] = int64(i) % shape[len(shape)-1]
			case rows > 0:
				x[i] = rnd.Int64N(rows)
			}
		}
		return tensor.Of(x, shape...), nil
	}
	return nil, fmt.Errorf("type %s is not made up here", v.Type.Elem)
}

// tableRows is the size of the table that v indexes by a Gather, 0 for none.
func tableRows(v *graph.Value) int64 {
	for u := range v.Uses() {
		if u.Node == nil || u.Node.ID.Op != "Gather" || u.Node.In(1) != v {
			continue
		}
		if w := u.Node.In(0).Const; w != nil && len(w.Shape) > 0 {
			return w.Shape[0]
		}
	}
	return 0
}

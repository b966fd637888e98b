package op

import (
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// conflict says in which way two types exclude each other, or "".
func conflict(stated, found graph.Type) string {
	if stated.Kind == graph.KindUnknown || found.Kind == graph.KindUnknown {
		return ""
	}
	if stated.Kind != found.Kind {
		return fmt.Sprintf("stated type %s, inferred %s", stated, found)
	}
	switch stated.Kind {
	case graph.KindTensor, graph.KindSparseTensor:
		if stated.Elem != found.Elem && stated.Elem != tensor.Undefined && found.Elem != tensor.Undefined {
			return fmt.Sprintf("stated element type %s, inferred %s", stated.Elem, found.Elem)
		}
		a, b := stated.Shape, found.Shape
		if !a.Known || !b.Known {
			return ""
		}
		if len(a.Dims) != len(b.Dims) {
			return fmt.Sprintf("stated shape %s, inferred %s", a, b)
		}
		for i, d := range a.Dims {
			x, ok1 := d.Value()
			y, ok2 := b.Dims[i].Value()
			if ok1 && ok2 && x != y {
				return fmt.Sprintf("stated shape %s, inferred %s", a, b)
			}
		}
	case graph.KindSequence, graph.KindOptional:
		if stated.Of != nil && found.Of != nil {
			return conflict(*stated.Of, *found.Of)
		}
	}
	return ""
}

// merge is first, with what it leaves unknown taken from second.
func merge(first, second graph.Type) graph.Type {
	if first.Kind == graph.KindUnknown {
		return second
	}
	if first.Kind != second.Kind {
		return first
	}
	switch first.Kind {
	case graph.KindTensor, graph.KindSparseTensor:
		if first.Elem == tensor.Undefined {
			first.Elem = second.Elem
		}
		a, b := first.Shape, second.Shape
		switch {
		case !a.Known:
			first.Shape = b
		case b.Known && len(a.Dims) == len(b.Dims):
			first.Shape = graph.Shape{Known: true, Dims: append([]graph.Dim(nil), a.Dims...)}
			for i, d := range a.Dims {
				if !d.IsKnown() {
					first.Shape.Dims[i] = b.Dims[i]
				}
			}
		}
	case graph.KindSequence, graph.KindOptional:
		switch {
		case first.Of == nil:
			first.Of = second.Of
		case second.Of != nil:
			of := merge(*first.Of, *second.Of)
			first.Of = &of
		}
	}
	return first
}

// sharpen is the type that inference goes on with: kept, but with the symbols that were found where kept has names of its own. A
// stated name such as an exporter's "Add_dim_0" would hide that the dim is the batch.
func sharpen(kept, found graph.Type) graph.Type {
	if kept.Kind != found.Kind {
		return kept
	}
	switch kept.Kind {
	case graph.KindTensor, graph.KindSparseTensor:
		a, b := kept.Shape, found.Shape
		if !a.Known || !b.Known || len(a.Dims) != len(b.Dims) {
			return kept
		}
		dims := append([]graph.Dim(nil), a.Dims...)
		for i, d := range b.Dims {
			if _, constant := dims[i].Value(); !constant && d.IsKnown() {
				dims[i] = d
			}
		}
		kept.Shape = graph.ShapeOf(dims...)
	case graph.KindSequence, graph.KindOptional:
		if kept.Of != nil && found.Of != nil {
			of := sharpen(*kept.Of, *found.Of)
			kept.Of = &of
		}
	}
	return kept
}

// join is what a value is that may be of either type: dims that differ become unknown.
func join(a, b graph.Type) graph.Type {
	if a.Kind == graph.KindUnknown || a.Kind != b.Kind {
		return graph.Type{}
	}
	switch a.Kind {
	case graph.KindTensor, graph.KindSparseTensor:
		if a.Elem != b.Elem {
			a.Elem = tensor.Undefined
		}
		a.Shape = joinShapes(a.Shape, b.Shape)
	case graph.KindSequence, graph.KindOptional:
		if a.Of == nil || b.Of == nil {
			a.Of = nil
			break
		}
		of := join(*a.Of, *b.Of)
		a.Of = &of
	}
	return a
}

func joinShapes(a, b graph.Shape) graph.Shape {
	if !a.Known || !b.Known || len(a.Dims) != len(b.Dims) {
		return graph.Shape{}
	}
	dims := make([]graph.Dim, len(a.Dims))
	for i, d := range a.Dims {
		if d.Equal(b.Dims[i]) {
			dims[i] = d
		}
	}
	return graph.ShapeOf(dims...)
}

// maxDimText bounds the expressions that a dimension may grow into.
const maxDimText = 200

func clampDim(d graph.Dim) graph.Dim {
	if _, ok := d.Value(); !ok && len(d.String()) > maxDimText {
		return graph.Unknown()
	}
	return d
}

func clampType(t graph.Type) graph.Type {
	if t.Of != nil {
		of := clampType(*t.Of)
		t.Of = &of
	}
	if len(t.Shape.Dims) > maxRank {
		t.Shape = graph.Shape{}
	}
	for i, d := range t.Shape.Dims {
		if c := clampDim(d); c.IsKnown() != d.IsKnown() || negative(d) {
			dims := append([]graph.Dim(nil), t.Shape.Dims...)
			for k := i; k < len(dims); k++ {
				if dims[k] = clampDim(dims[k]); negative(dims[k]) {
					dims[k] = graph.Unknown()
				}
			}
			t.Shape.Dims = dims
			break
		}
	}
	return t
}

func negative(d graph.Dim) bool {
	v, ok := d.Value()
	return ok && v < 0
}

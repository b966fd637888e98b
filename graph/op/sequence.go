package op

import (
	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

func sequenceOf(t graph.Type) graph.Type { return graph.Type{Kind: graph.KindSequence, Of: &t} }

// element is the type that a sequence or optional type holds.
func element(t graph.Type) graph.Type {
	if t.Of == nil {
		return graph.Type{}
	}
	return *t.Of
}

func sequenceConstruct(c *call) error {
	t := c.in(0)
	for i := 1; i < c.numIn(); i++ {
		t = join(t, c.in(i))
	}
	c.set(0, sequenceOf(t))
	return nil
}

func sequenceEmpty(c *call) error {
	c.set(0, sequenceOf(graph.TensorType(c.attrElem("dtype", tensor.Float32), graph.Shape{})))
	return nil
}

func sequenceAt(c *call) error {
	c.set(0, element(c.in(0)))
	return nil
}

func sequenceInsert(c *call) error {
	held := element(c.in(0))
	t := join(held, c.in(1))
	if v := c.node.In(0); v != nil { // what an empty sequence holds does not count
		if p, _ := v.Producer(); p != nil && p.Is("SequenceEmpty") {
			t = c.in(1)
		}
	}
	c.set(0, sequenceOf(t))
	return nil
}

func sequenceErase(c *call) error {
	c.set(0, c.in(0))
	return nil
}

func sequenceLength(c *call) error {
	c.dims(0, tensor.Int64)
	return nil
}

func splitToSequence(c *call) error {
	elem, s := c.elem(0), c.shape(0)
	if !s.Known {
		c.set(0, sequenceOf(graph.TensorType(elem, graph.Shape{})))
		return nil
	}
	k, err := axis(c.attrInt("axis", 0), len(s.Dims))
	if err != nil {
		return err
	}
	dims := append([]graph.Dim(nil), s.Dims...)
	part := graph.Unknown()
	total, static := s.Dims[k].Value()
	d := c.data(1)
	switch sizes, ok := d.ints(); {
	case !c.has(1):
		part = graph.Const(1)
		if c.attrInt("keepdims", 1) == 0 {
			c.set(0, sequenceOf(graph.TensorType(elem, graph.ShapeOf(without(dims, k)...))))
			return nil
		}
	case ok && len(d.Dims) == 0:
		if static && len(sizes) == 1 && sizes[0] > 0 && total%sizes[0] == 0 {
			part = graph.Const(sizes[0])
		}
	case ok && len(sizes) > 0:
		part = graph.Const(sizes[0])
		for _, n := range sizes {
			if n != sizes[0] {
				part = graph.Unknown()
			}
		}
	}
	dims[k] = part
	c.set(0, sequenceOf(graph.TensorType(elem, graph.ShapeOf(dims...))))
	return nil
}

func concatFromSequence(c *call) error {
	t := element(c.in(0))
	if !t.Shape.Known {
		c.tensor(0, t.Elem, graph.Shape{})
		return nil
	}
	fresh := c.attrInt("new_axis", 0) != 0
	rank := len(t.Shape.Dims)
	if fresh {
		rank++
	}
	k, err := axis(c.attrInt("axis", 0), rank)
	if err != nil {
		return err
	}
	if fresh {
		c.set(0, stacked(t, k, graph.Unknown()))
		return nil
	}
	dims := append([]graph.Dim(nil), t.Shape.Dims...)
	dims[k] = graph.Unknown()
	c.dims(0, t.Elem, dims...)
	return nil
}

func sequenceMap(c *call) error {
	body, err := c.body("body")
	if err != nil {
		return err
	}
	if len(body.Inputs) != c.numIn() || len(c.out) > len(body.Outputs) {
		return contradict("body has %d inputs and %d outputs for %d and %d", len(body.Inputs), len(body.Outputs), c.numIn(), len(c.out))
	}
	for i, v := range body.Inputs {
		t := c.in(i)
		if t.Kind == graph.KindSequence {
			t = element(t)
		}
		c.env.bindFormal(v, t)
	}
	c.env.inferGraph(body)
	for i := range c.out {
		c.set(i, sequenceOf(c.env.typeOf(body.Outputs[i])))
	}
	return nil
}

func optional(c *call) error {
	if c.has(0) {
		t := c.in(0)
		c.set(0, graph.Type{Kind: graph.KindOptional, Of: &t})
		return nil
	}
	a := c.attr("type")
	if a == nil || a.TP == nil {
		return contradict("neither an input nor a type")
	}
	t := *a.TP
	c.set(0, graph.Type{Kind: graph.KindOptional, Of: &t})
	return nil
}

func optionalGetElement(c *call) error {
	t := c.in(0)
	if t.Kind == graph.KindOptional {
		t = element(t)
	}
	c.set(0, t)
	return nil
}

func optionalHasElement(c *call) error {
	c.dims(0, tensor.Bool)
	return nil
}

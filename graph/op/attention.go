package op

import (
	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// attention takes Q, K, V as [batch, heads, length, size] or [batch, length, heads*size]; present keys and values always have rank 4.
func attention(c *call) error {
	q, k, v := c.shape(0), c.shape(1), c.shape(2)
	for i, name := range []string{"key", "value"} {
		if s := c.shape(1 + i); s.Known && len(s.Dims) != 3 && len(s.Dims) != 4 {
			return contradict("%s of shape %s, want rank 3 or 4", name, s)
		}
	}
	elem := c.elem(0)
	if !q.Known {
		c.tensor(0, elem, graph.Shape{})
		c.tensor(1, c.elem(1), unknownDims(4))
		c.tensor(2, c.elem(2), unknownDims(4))
		c.tensor(3, elem, unknownDims(4))
		return nil
	}
	flat := len(q.Dims) == 3
	if !flat && len(q.Dims) != 4 {
		return contradict("query of shape %s, want rank 3 or 4", q)
	}
	if flat && (c.attrInt("q_num_heads", 0) <= 0 || c.attrInt("kv_num_heads", 0) <= 0) {
		return contradict("inputs of rank 3 need q_num_heads and kv_num_heads")
	}
	heads := func(name string, s graph.Shape) (graph.Dim, graph.Dim, graph.Dim) { // heads, length, head size
		if !flat {
			return s.Dim(1), s.Dim(2), s.Dim(3)
		}
		n := c.attrInt(name, 0)
		if n <= 0 {
			return graph.Unknown(), s.Dim(1), graph.Unknown()
		}
		return graph.Const(n), s.Dim(1), s.Dim(2).FloorDiv(graph.Const(n))
	}
	qHeads, qLen, _ := heads("q_num_heads", q)
	kHeads, kLen, kSize := heads("kv_num_heads", k)
	vHeads, _, vSize := heads("kv_num_heads", v)
	if flat {
		c.dims(0, elem, q.Dims[0], qLen, qHeads.Mul(vSize))
	} else {
		c.dims(0, elem, q.Dims[0], qHeads, qLen, vSize)
	}
	total := kLen
	if c.has(4) {
		total = kLen.Add(c.shape(4).Dim(2))
	}
	batch := q.Dims[0]
	c.dims(1, c.elem(1), batch, kHeads, total, kSize)
	c.dims(2, c.elem(2), batch, vHeads, total, vSize)
	c.dims(3, elem, batch, qHeads, qLen, total)
	return nil
}

// swiGLU and the like: two inputs, one shape.
func pairwise(c *call) error {
	s, err := broadcast(c.shape(0), c.shape(1))
	c.tensor(0, c.elem(0), s)
	return err
}

// linearAttention: query [batch, length, heads*size]; the state is [batch, kv heads, key size, value size].
func linearAttention(c *call) error {
	q, k, v := c.shape(0), c.shape(1), c.shape(2)
	for i, name := range []string{"query", "key", "value"} {
		if err := wantRank(name, c.shape(i), 3); err != nil {
			return err
		}
	}
	decay, beta := false, false
	switch c.attrString("update_rule", "gated_delta") {
	case "gated":
		decay = true
	case "delta":
		beta = true
	case "gated_delta":
		decay, beta = true, true
	}
	if decay && !c.has(4) || beta && !c.has(5) {
		return contradict("the update rule needs its inputs decay and beta")
	}
	if !q.Known || !v.Known || len(v.Dims) != 3 || len(q.Dims) != 3 {
		c.tensor(0, c.elem(0), unknownDims(q.Rank()))
		c.tensor(1, c.stateElem(3), unknownDims(4))
		return nil
	}
	heads, kv := c.attrInt("q_num_heads", 1), c.attrInt("kv_num_heads", 1)
	if heads < 1 || kv < 1 {
		return contradict("%d query heads, %d key-value heads", heads, kv)
	}
	size := v.Dims[2].FloorDiv(graph.Const(kv))
	c.dims(0, c.elem(0), q.Dims[0], q.Dims[1], size.Mul(graph.Const(max(heads, kv))))
	if past := c.shape(3); past.Known {
		c.tensor(1, c.stateElem(3), past)
		return nil
	}
	c.dims(1, c.stateElem(3), q.Dims[0], graph.Const(kv), k.Dim(2).FloorDiv(graph.Const(kv)), size)
	return nil
}

// stateElem is the element type of an optional state input, or of input 0.
func (c *call) stateElem(i int) tensor.DType {
	if c.has(i) {
		return c.elem(i)
	}
	return c.elem(0)
}

// causalConv: input [batch, channels, length], weight [channels, 1, kernel]; the state holds the last kernel-1 columns.
func causalConv(c *call) error {
	x, w := c.shape(0), c.shape(1)
	c.tensor(0, c.elem(0), x)
	if !x.Known || !w.Known || len(x.Dims) < 3 {
		c.tensor(1, c.stateElem(3), c.shape(3))
		return nil
	}
	c.dims(1, c.stateElem(3), x.Dims[0], x.Dims[1], w.Dim(-1).Sub(graph.Const(1)))
	return nil
}

// flexAttention: Q, K, V of rank 4; the result has Q's dims and V's head size.
func flexAttention(c *call) error {
	q, k, v := c.shape(0), c.shape(1), c.shape(2)
	for i, name := range []string{"query", "key", "value"} {
		if err := wantRank(name, c.shape(i), 4); err != nil {
			return err
		}
	}
	if a, ok := k.Dim(2).Value(); ok {
		if b, ok := v.Dim(2).Value(); ok && a != b {
			return contradict("key has %d positions and value %d", a, b)
		}
	}
	c.dims(0, c.elem(0), q.Dim(0), q.Dim(1), q.Dim(2), v.Dim(3))
	for _, name := range []string{"score_mod", "prob_mod"} {
		if a := c.attr(name); a != nil && a.G != nil {
			if len(a.G.Outputs) != 1 {
				return contradict("%s has %d outputs, want 1", name, len(a.G.Outputs))
			}
			c.env.inferGraph(a.G)
		}
	}
	return nil
}

package op

import (
	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// The operators of domain com.microsoft that ONNX Runtime's optimizer and quantiser write. They have no schema here.

// skipNormalization gives the normalised sum, two statistics, and the sum itself.
func skipNormalization(c *call) error {
	c.set(0, c.in(0))
	s := c.shape(0)
	stat := graph.Shape{}
	if s.Known && len(s.Dims) > 0 {
		dims := append([]graph.Dim(nil), s.Dims...)
		dims[len(dims)-1] = graph.Const(1)
		stat = graph.ShapeOf(dims...)
	}
	c.tensor(1, tensor.Float32, stat)
	c.tensor(2, tensor.Float32, stat)
	c.set(3, c.in(0))
	return nil
}

func embedNormalization(c *call) error {
	ids, words := c.shape(0), c.shape(2)
	elem := c.elem(2)
	c.dims(0, elem, ids.Dim(0), ids.Dim(1), words.Dim(1))
	c.dims(1, tensor.Int32, ids.Dim(0))
	c.dims(2, elem, ids.Dim(0), ids.Dim(1), words.Dim(1))
	return nil
}

// packedAttention: input [batch, length, width] and one weight [width, q+k+v].
func packedAttention(c *call) error {
	x, w := c.shape(0), c.shape(1)
	if err := wantRank("input", x, 3); err != nil {
		return err
	}
	width := w.Dim(1).FloorDiv(graph.Const(3))
	if sizes, ok := c.attrInts("qkv_hidden_sizes"); ok && len(sizes) == 3 {
		width = graph.Const(sizes[2])
	}
	c.dims(0, c.elem(0), x.Dim(0), x.Dim(1), width)
	heads := graph.Const(c.attrInt("num_heads", 0))
	length := x.Dim(1)
	if c.has(4) {
		length = length.Add(c.shape(4).Dim(3))
	}
	c.dims(1, c.elem(0), graph.Const(2), x.Dim(0), heads, length, width.FloorDiv(heads))
	return nil
}

// groupQueryAttention: query [batch, length, heads·size], or query, key and value in one tensor.
func groupQueryAttention(c *call) error {
	q := c.shape(0)
	if err := wantRank("query", q, 3); err != nil {
		return err
	}
	heads, kv := c.attrInt("num_heads", 0), c.attrInt("kv_num_heads", 0)
	if heads < 1 || kv < 1 {
		return contradict("%d heads, %d key-value heads", heads, kv)
	}
	size, width := q.Dim(2).FloorDiv(graph.Const(heads)), q.Dim(2)
	if !c.has(1) {
		size = q.Dim(2).FloorDiv(graph.Const(heads + 2*kv))
		width = size.Mul(graph.Const(heads))
	}
	c.dims(0, c.elem(0), q.Dim(0), q.Dim(1), width)
	for i := 1; i <= 2; i++ {
		elem := c.elem(0)
		if c.has(i + 2) {
			elem = c.elem(i + 2)
		}
		c.dims(i, elem, q.Dim(0), graph.Const(kv), graph.Unknown(), size)
	}
	return nil
}

func multiHeadAttention(c *call) error {
	q, v := c.shape(0), c.shape(2)
	switch {
	case q.Rank() == 3 && v.Rank() == 3:
		c.dims(0, c.elem(0), q.Dims[0], q.Dims[1], v.Dims[2])
	case q.Rank() == 3 && v.Rank() == 4: // keys and values of a cross attention: [batch, heads, length, size]
		c.dims(0, c.elem(0), q.Dims[0], q.Dims[1], v.Dims[1].Mul(v.Dims[3]))
	default:
		c.tensor(0, c.elem(0), unknownDims(3))
	}
	c.tensor(1, c.elem(0), unknownDims(4))
	c.tensor(2, c.elem(0), unknownDims(4))
	return nil
}

// matMulNBits: the right side is packed, its width is attribute N.
func matMulNBits(c *call) error {
	a := c.shape(0)
	if !a.Known || len(a.Dims) == 0 {
		c.tensor(0, c.elem(0), graph.Shape{})
		return nil
	}
	dims := append([]graph.Dim(nil), a.Dims...)
	dims[len(dims)-1] = graph.Const(c.attrInt("N", 0))
	c.dims(0, c.elem(0), dims...)
	return nil
}

func matMulToFloat(c *call) error {
	s, err := matMulShape(c.shape(0), c.shape(1))
	c.tensor(0, tensor.Float32, s)
	return err
}

func fusedMatMul(c *call) error {
	swap := func(s graph.Shape, flag string) graph.Shape {
		if n := len(s.Dims); c.attrInt(flag, 0) != 0 && n >= 2 {
			dims := append([]graph.Dim(nil), s.Dims...)
			dims[n-1], dims[n-2] = dims[n-2], dims[n-1]
			s.Dims = dims
		}
		return s
	}
	if c.attrInt("transBatchA", 0) != 0 || c.attrInt("transBatchB", 0) != 0 {
		c.tensor(0, c.elem(0), graph.Shape{})
		return stopf("transBatchA and transBatchB are not followed")
	}
	s, err := matMulShape(swap(c.shape(0), "transA"), swap(c.shape(1), "transB"))
	c.tensor(0, c.elem(0), s)
	return err
}

// qGemm: A, its scale and zero, B, its scale and zero, C, then scale and zero of a quantised result.
func qGemm(c *call) error {
	a, b := c.shape(0), c.shape(3)
	elem := tensor.Float32
	if c.has(8) {
		elem = c.elem(8)
	}
	m, n := a.Dim(0), b.Dim(1)
	if c.attrInt("transA", 0) != 0 {
		m = a.Dim(1)
	}
	if c.attrInt("transB", 0) != 0 {
		n = b.Dim(0)
	}
	c.dims(0, elem, m, n)
	return nil
}

// qLinearBinary: A, its scale and zero, then B.
func qLinearBinary(c *call) error {
	s, err := broadcast(c.shape(0), c.shape(3))
	c.tensor(0, c.elem(0), s)
	return err
}

// qLinearConcat: scale and zero of the result, then triples of a tensor with its own.
func qLinearConcat(c *call) error {
	var dims []graph.Dim
	sum := graph.Const(0)
	k := 0
	for i := 2; i < c.numIn(); i += 3 {
		s := c.shape(i)
		if !s.Known {
			c.tensor(0, c.elem(1), graph.Shape{})
			return nil
		}
		a, err := axis(c.attrInt("axis", 0), len(s.Dims))
		if err != nil {
			return err
		}
		k, dims = a, append([]graph.Dim(nil), s.Dims...)
		sum = sum.Add(s.Dims[a])
	}
	if dims == nil {
		return contradict("no inputs")
	}
	dims[k] = sum
	c.dims(0, c.elem(1), dims...)
	return nil
}

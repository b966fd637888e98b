package op

import (
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

func matMul(c *call) error {
	s, err := matMulShape(c.shape(0), c.shape(1))
	c.tensor(0, c.elem(0), s)
	return err
}

func matMulInteger(c *call) error {
	s, err := matMulShape(c.shape(0), c.shape(1))
	c.tensor(0, tensor.Int32, s)
	return err
}

func qLinearMatMul(c *call) error {
	s, err := matMulShape(c.shape(0), c.shape(3))
	elem := c.elem(7)
	if elem == tensor.Undefined {
		elem = c.elem(0)
	}
	c.tensor(0, elem, s)
	return err
}

// matMulShape is NumPy's matmul: batch dims broadcast, a vector counts as a row on the left and a column on the right.
func matMulShape(a, b graph.Shape) (graph.Shape, error) {
	if !a.Known || !b.Known {
		return graph.Shape{}, nil
	}
	if len(a.Dims) == 0 || len(b.Dims) == 0 {
		return graph.Shape{}, contradict("product of shapes %s and %s", a, b)
	}
	x, y := a.Dims, b.Dims
	if len(x) == 1 {
		x = []graph.Dim{graph.Const(1), x[0]}
	}
	if len(y) == 1 {
		y = []graph.Dim{y[0], graph.Const(1)}
	}
	m, n := len(x), len(y)
	if _, err := unify(x[m-1], y[n-2]); err != nil {
		return graph.Shape{}, contradict("product of shapes %s and %s: %v", a, b, err)
	}
	batch, err := broadcast(graph.ShapeOf(x[:m-2]...), graph.ShapeOf(y[:n-2]...))
	if err != nil {
		return graph.Shape{}, contradict("product of shapes %s and %s: %v", a, b, err)
	}
	dims := batch.Dims
	if len(a.Dims) > 1 {
		dims = append(dims, x[m-2])
	}
	if len(b.Dims) > 1 {
		dims = append(dims, y[n-1])
	}
	return graph.ShapeOf(dims...), nil
}

func gemm(c *call) error {
	a, b := c.shape(0), c.shape(1)
	if err := wantRank("A", a, 2); err != nil {
		return err
	}
	if err := wantRank("B", b, 2); err != nil {
		return err
	}
	m, k := a.Dim(0), a.Dim(1)
	if c.attrInt("transA", 0) != 0 {
		m, k = k, m
	}
	l, n := b.Dim(0), b.Dim(1)
	if c.attrInt("transB", 0) != 0 {
		l, n = n, l
	}
	c.dims(0, c.elem(0), m, n)
	if _, err := unify(k, l); err != nil {
		return contradict("product of shapes %s and %s: %v", a, b, err)
	}
	return nil
}

func einsum(c *call) error {
	dims, err := c.einsumDims(strings.ReplaceAll(c.attrString("equation", ""), " ", ""))
	c.tensor(0, c.elem(0), dims)
	return err
}

func (c *call) einsumDims(equation string) (graph.Shape, error) {
	left, right, explicit := strings.Cut(equation, "->")
	terms := strings.Split(left, ",")
	if len(terms) != c.numIn() {
		return graph.Shape{}, contradict("equation %q has %d terms for %d inputs", equation, len(terms), c.numIn())
	}
	size, count := map[rune]graph.Dim{}, map[rune]int{}
	var dots []graph.Shape
	for i, term := range terms {
		s := c.shape(i)
		if !s.Known {
			return graph.Shape{}, nil
		}
		before, after, ellipsis := strings.Cut(term, "...")
		letters := before + after
		for _, r := range letters {
			if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') {
				return graph.Shape{}, contradict("equation %q", equation)
			}
		}
		extra := len(s.Dims) - len(letters)
		if extra < 0 || extra > 0 && !ellipsis {
			return graph.Shape{}, contradict("term %q for input of shape %s", term, s)
		}
		if ellipsis {
			dots = append(dots, graph.ShapeOf(s.Dims[len(before):len(before)+extra]...))
		}
		for j, r := range letters {
			d := s.Dims[j]
			if j >= len(before) {
				d = s.Dims[j+extra]
			}
			count[r]++
			if old, ok := size[r]; ok {
				var err error
				if d, err = broadcastDim(old, d); err != nil {
					return graph.Shape{}, contradict("equation %q, index %c: %v", equation, r, err)
				}
			}
			size[r] = d
		}
	}
	dotted, err := broadcast(dots...)
	if err != nil {
		return graph.Shape{}, err
	}
	if !explicit {
		right = "..."
		for r := 'A'; r <= 'z'; r++ {
			if count[r] == 1 {
				right += string(r)
			}
		}
	}
	before, after, ellipsis := strings.Cut(right, "...")
	for i, r := range before + after {
		if count[r] == 0 || strings.ContainsRune((before + after)[:i], r) {
			return graph.Shape{}, contradict("equation %q, index %c of the result: it must be in a term, and once in the result", equation, r)
		}
	}
	var dims []graph.Dim
	for _, r := range before {
		dims = append(dims, size[r])
	}
	if ellipsis {
		dims = append(dims, dotted.Dims...)
	}
	for _, r := range after {
		dims = append(dims, size[r])
	}
	return graph.ShapeOf(dims...), nil
}

func det(c *call) error {
	s := c.shape(0)
	if !s.Known {
		c.tensor(0, c.elem(0), graph.Shape{})
		return nil
	}
	if len(s.Dims) < 2 {
		return contradict("determinant of shape %s", s)
	}
	c.dims(0, c.elem(0), s.Dims[:len(s.Dims)-2]...)
	return nil
}

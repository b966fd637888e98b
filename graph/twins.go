package graph

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// Twins is initializers that hold the same numbers: weights that are tied and stored more than once, or shared by name only.
type Twins struct {
	Names      []string `json:"names"`                // of the same type, shape and contents
	Transposed []string `json:"transposed,omitempty"` // the same matrix, stored the other way round
	Bytes      int64    `json:"bytes"`                // of one of them
}

// FindTwins compares the dense initializers of the model's graphs that have at least least bytes, and returns those that are stored more
// than once, the largest first. Only tensors that have the size and type of another are read, one at a time.
func (m *Model) FindTwins(least int64) []Twins {
	type size struct {
		elem  tensor.DType
		bytes int64
	}
	alike := map[size][]*Value{}
	var order []size
	m.Walk(func(g *Graph) {
		for _, v := range g.Inits {
			if n := v.ConstBytes(); v.Const != nil && n >= max(least, 1) {
				s := size{v.Const.Elem, n}
				if alike[s] == nil {
					order = append(order, s)
				}
				alike[s] = append(alike[s], v)
			}
		}
	})
	var list []Twins
	for _, s := range order {
		if len(alike[s]) > 1 {
			list = append(list, twinsAmong(alike[s])...)
		}
	}
	slices.SortStableFunc(list, func(a, b Twins) int { return int(min(1, max(-1, b.Bytes-a.Bytes))) })
	return list
}

func twinsAmong(values []*Value) (list []Twins) {
	type key struct {
		shape string
		sum   [32]byte
	}
	found := map[key]int{} // place in list
	for _, v := range values {
		shape := v.Const.Shape
		k := key{fmt.Sprint(shape), sha256.Sum256(v.Const.Bytes())}
		at, same := found[k]
		if same {
			list[at].Names = append(list[at].Names, v.Name)
			release(v.Const)
			continue
		}
		turned := false
		if len(shape) == 2 && hasShape(values, shape[1], shape[0]) {
			if at, turned = found[key{fmt.Sprint([]int64{shape[1], shape[0]}), transposedSum(v.Const)}]; turned {
				list[at].Transposed = append(list[at].Transposed, v.Name)
			}
		}
		if !turned {
			found[k] = len(list)
			list = append(list, Twins{Names: []string{v.Name}, Bytes: v.ConstBytes()})
		}
		release(v.Const)
	}
	return slices.DeleteFunc(list, func(t Twins) bool { return len(t.Names)+len(t.Transposed) < 2 })
}

func hasShape(values []*Value, rows, cols int64) bool {
	return slices.ContainsFunc(values, func(v *Value) bool { return slices.Equal(v.Const.Shape, []int64{rows, cols}) })
}

// transposedSum is the sum of the matrix stored the other way round. Elements that are no whole bytes are not turned.
func transposedSum(t *tensor.Tensor) (sum [32]byte) {
	size := t.Elem.Bits() / 8
	if size == 0 || t.Elem.Bits()%8 != 0 {
		return sum
	}
	h := sha256.New()
	w := bufio.NewWriterSize(h, 1<<16)
	b, rows, cols := t.Bytes(), int(t.Shape[0]), int(t.Shape[1])
	for c := range cols {
		for r := range rows {
			at := (r*cols + c) * size
			w.Write(b[at : at+size]) // a hash does not fail
		}
	}
	w.Flush()
	return [32]byte(h.Sum(nil))
}

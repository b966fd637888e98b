package main

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime"
	"github.com/onnx-rewrite/onnx-rewrite/sparsify/calib"
)

// randomInputs makes seeded inputs for a model: floats are normal, integers that index a table lie within it.
type randomInputs struct {
	dims  map[string]int64
	vocs  map[string]int64 // of each integer input: the values that are in range
	list  []*graph.Value
	m     *graph.Model
	rnd   *rand.Rand
	seq   int64
	given runtime.Feeds // inputs that are not made up
}

// newRandom prepares inputs for m. dims gives sizes of symbolic dims as name=n; the first dim of an input is else 1, the others are seq.
func newRandom(m *graph.Model, dims []string, seq int64, seed uint64) (*randomInputs, error) {
	r := &randomInputs{dims: map[string]int64{}, vocs: map[string]int64{}, list: realInputs(m), m: m, rnd: rand.New(rand.NewPCG(seed, 1)), seq: seq}
	known := map[string]bool{}
	var names []string
	for _, v := range r.list {
		for _, d := range v.Type.Shape.Dims {
			for _, s := range d.Symbols(nil) {
				if !known[s] {
					known[s] = true
					names = append(names, s)
				}
			}
		}
	}
	for _, d := range dims {
		name, value, _ := strings.Cut(d, "=")
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n < 0 {
			return nil, fmt.Errorf("--dim %s: want name=size", d)
		}
		if !known[name] {
			return nil, fmt.Errorf("--dim %s: %w", d, unknown("symbolic dim", name, names))
		}
		r.dims[name] = n
	}
	for _, v := range r.list {
		if v.Type.Elem.IsInteger() {
			r.vocs[v.Name] = vocabulary(v)
		}
	}
	return r, nil
}

// vocabulary is the number of rows of the smallest table that v indexes, through casts and reshapes; 0 when it indexes none.
func vocabulary(v *graph.Value) int64 {
	least := int64(0)
	seen := map[*graph.Value]bool{}
	var walk func(v *graph.Value)
	walk = func(v *graph.Value) {
		if seen[v] {
			return
		}
		seen[v] = true
		for u := range v.Uses() {
			n := u.Node
			if n == nil {
				continue
			}
			switch n.ID.Op {
			case "Gather", "EmbedLayerNormalization":
				table := n.In(0)
				if n.In(1) == v && table != nil {
					if d, ok := table.Type.Shape.Dim(int(n.Attrs.Int("axis", 0))).Value(); ok {
						least = smaller(least, d)
					} else if table.Const != nil && len(table.Const.Shape) > 0 {
						least = smaller(least, table.Const.Shape[0])
					}
				}
			case "Cast", "Reshape", "Unsqueeze", "Squeeze", "Identity", "Flatten":
				if n.In(0) == v && n.Out(0) != nil {
					walk(n.Out(0))
				}
			}
		}
	}
	walk(v)
	return least
}

func smaller(a, b int64) int64 {
	if a == 0 {
		return b
	}
	return min(a, b)
}

// next are other inputs at each call.
func (r *randomInputs) next() (runtime.Feeds, error) {
	feeds := runtime.Feeds{}
	for _, v := range r.list {
		if t := r.given[v.Name]; t != nil {
			feeds[v.Name] = t
			continue
		}
		if fillable(v.Name) && r.hasIDs() {
			continue
		}
		t, err := r.tensor(v)
		if err != nil {
			return nil, fmt.Errorf("input %q: %w", v.Name, err)
		}
		feeds[v.Name] = t
	}
	if err := calib.FillLanguageInputs(r.m, feeds); err != nil {
		return nil, err
	}
	return feeds, nil
}

// fillable are the inputs of language models that follow from the token ids.
func fillable(name string) bool {
	return name == "attention_mask" || name == "position_ids" || name == "token_type_ids" || strings.HasPrefix(name, "past")
}

func (r *randomInputs) hasIDs() bool {
	for _, v := range r.list {
		if v.Name == "input_ids" {
			return v.Type.Shape.Rank() == 2
		}
	}
	return false
}

func (r *randomInputs) shape(v *graph.Value) ([]int64, error) {
	if !v.Type.Shape.Known {
		return nil, fmt.Errorf("its shape is not known; give it with -i %s=file.npy", v.Name)
	}
	shape := make([]int64, v.Type.Shape.Rank())
	for i, d := range v.Type.Shape.Dims {
		if c, ok := d.Value(); ok {
			shape[i] = c
		} else if c, ok := d.Bind(r.dims); ok {
			shape[i] = c
		} else if i == 0 {
			shape[i] = 1
		} else {
			shape[i] = r.seq
		}
	}
	return shape, nil
}

func (r *randomInputs) tensor(v *graph.Value) (*tensor.Tensor, error) {
	if v.Type.Kind != graph.KindTensor && v.Type.Kind != graph.KindUnknown {
		return nil, fmt.Errorf("it is a %s; only tensors are made up", v.Type)
	}
	shape, err := r.shape(v)
	if err != nil {
		return nil, err
	}
	total, err := tensor.NumElements(shape)
	if err != nil {
		return nil, err
	}
	if total > 1<<31 {
		return nil, fmt.Errorf("%d elements are too many; give smaller sizes with --dim", total)
	}
	n := int(total)
	switch e := v.Type.Elem; {
	case e == tensor.Float32:
		return tensor.Of(fill(n, func() float32 { return float32(r.rnd.NormFloat64()) }), shape...), nil
	case e == tensor.Float64:
		return tensor.Of(fill(n, r.rnd.NormFloat64), shape...), nil
	case e == tensor.Float16, e == tensor.BFloat16:
		narrow := tensor.Float32ToHalf
		if e == tensor.BFloat16 {
			narrow = tensor.Float32ToBFloat16
		}
		return tensor.FromBytes(e, shape, tensor.AsBytes(fill(n, func() uint16 { return narrow(float32(r.rnd.NormFloat64())) })))
	case e == tensor.Bool:
		return tensor.Of(fill(n, func() bool { return r.rnd.IntN(2) == 1 }), shape...), nil
	case e == tensor.String:
		return tensor.FromStrings(shape, fill(n, func() []byte { return []byte{byte('a' + r.rnd.IntN(26))} }))
	case e.IsInteger() && e.Bits()%8 == 0:
		top := r.vocs[v.Name]
		if top == 0 {
			top = 2
			if e.Bits() == 8 {
				top = 127
			}
		}
		return integers(e, shape, fill(n, func() int64 { return r.rnd.Int64N(top) }))
	default:
		return nil, fmt.Errorf("no random values of %s", e)
	}
}

func fill[T any](n int, next func() T) []T {
	out := make([]T, n)
	for i := range out {
		out[i] = next()
	}
	return out
}

// integers stores values as the integer type e.
func integers(e tensor.DType, shape []int64, vals []int64) (*tensor.Tensor, error) {
	width := e.Bits() / 8
	out := make([]byte, 0, len(vals)*width)
	for _, x := range vals {
		for b := range width {
			out = append(out, byte(x>>(8*b)))
		}
	}
	return tensor.FromBytes(e, shape, out)
}

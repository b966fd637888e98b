package op

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	schema "github.com/onnx-rewrite/onnx-rewrite/graph/op"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// TestNoPanic runs every operator of the table on arbitrary inputs: wrong ranks, wrong types, wrong counts, empty tensors, arbitrary
// attributes. Whatever happens, it must be a result or an error.
func TestNoPanic(t *testing.T) {
	defer func(n int64) { maxTensorBytes = n }(maxTensorBytes)
	maxTensorBytes = 1 << 26
	rounds := 400
	if testing.Short() {
		rounds = 60
	}
	for _, d := range All() {
		if d.Domain == Lowered {
			continue
		}
		r := rand.New(rand.NewPCG(1, uint64(d.Since)))
		opset := max(d.Since, 1)
		if d.Until == 0 && d.Domain == "" {
			opset = max(opset, 13+r.IntN(14))
		}
		ran := 0
		for range rounds {
			n := testNode{domain: d.Domain, op: d.Op, opset: opset, outs: 1 + r.IntN(3), constants: r.IntN(3) == 0}
			s := schema.Lookup(d.Domain, d.Op, opset)
			in := arbitraryInputs(r, s)
			n.attrs = arbitraryAttrs(r, s)
			_, err := n.run(in...)
			var p *panicked
			if errors.As(err, &p) {
				t.Errorf("%s %d with attributes %s on %v: %s", d.Op, opset, describeAttrs(n.attrs), in, p.text)
				break
			}
			if err == nil {
				ran++
			}
		}
		t.Logf("%s: %d of %d ran", d.Op, ran, rounds)
	}
}

func describeAttrs(attrs []*graph.Attr) string {
	s := ""
	for _, a := range attrs {
		s += a.Name + "=" + string(a.S) + tensor.Of([]int64{a.I}, 1).String()
		for _, v := range a.Ints {
			s += tensor.Scalar(v).String()
		}
		s += " "
	}
	return s
}

func arbitraryInputs(r *rand.Rand, s *schema.Schema) []*tensor.Tensor {
	n := r.IntN(5)
	if s != nil && r.IntN(8) > 0 {
		n = s.MinIn
		if s.MaxIn > s.MinIn {
			n += r.IntN(min(s.MaxIn, s.MinIn+3) - s.MinIn + 1)
		}
	}
	types := []tensor.DType{tensor.Float32, tensor.Float32, tensor.Float32, tensor.Float16, tensor.Float64, tensor.Int64, tensor.Int32, tensor.Uint8, tensor.Bool, tensor.String}
	common := types[r.IntN(len(types))]
	shape := arbitraryShape(r)
	var in []*tensor.Tensor
	for i := range n {
		if r.IntN(12) == 0 {
			in = append(in, nil)
			continue
		}
		e := common
		if s != nil {
			if f := s.Input(i); f != nil && f.Types != nil && !f.Types.Tensor.Has(e) || r.IntN(5) == 0 {
				for range 20 {
					if e = types[r.IntN(len(types))]; f == nil || f.Types == nil || f.Types.Tensor.Has(e) {
						break
					}
				}
			}
		}
		dims := shape
		switch r.IntN(6) {
		case 0:
			dims = arbitraryShape(r)
		case 1:
			dims = nil
		case 2:
			dims = []int64{int64(len(shape))}
		}
		in = append(in, random(r, e, dims...))
	}
	return in
}

func arbitraryShape(r *rand.Rand) []int64 {
	dims := make([]int64, r.IntN(6))
	for i := range dims {
		dims[i] = int64(r.IntN(4))
		if r.IntN(3) > 0 {
			dims[i]++
		}
	}
	return dims
}

var words = []string{"", "mean", "sum", "none", "constant", "reflect", "edge", "wrap", "linear", "cubic", "nearest", "zeros", "border", "reflection", "SAME_UPPER",
	"VALID", "NOTSET", "forward", "bidirectional", "reverse", "half_pixel", "align_corners", "add", "max", "CRD", "ij->ji", "...i,...j->...ij", "TF", "tanh", "LEFT",
	"tf_crop_and_resize", "LOWER", "silu", "delta", "gated", "a+"}

func arbitraryAttrs(r *rand.Rand, s *schema.Schema) []*graph.Attr {
	if s == nil {
		return nil
	}
	small := func() int64 { return int64(r.IntN(7) - 2) }
	var list []*graph.Attr
	for i := range s.Attrs {
		spec := &s.Attrs[i]
		if !spec.Required && r.IntN(3) > 0 {
			continue
		}
		a := &graph.Attr{Name: spec.Name, Kind: spec.Kind}
		switch spec.Kind {
		case graph.AttrInt:
			a.I = small()
			if r.IntN(20) == 0 {
				a.I = []int64{-1 << 63, 1<<63 - 1, 1 << 32, -1 << 31}[r.IntN(4)]
			}
		case graph.AttrFloat:
			a.F = float32(small()) / 2
		case graph.AttrString:
			a.S = []byte(words[r.IntN(len(words))])
			if spec.Default != nil && r.IntN(2) == 0 {
				a.S = spec.Default.S
			}
		case graph.AttrInts:
			for range r.IntN(6) {
				a.Ints = append(a.Ints, small())
			}
		case graph.AttrFloats:
			for range r.IntN(4) {
				a.Floats = append(a.Floats, float32(small()))
			}
		case graph.AttrStrings:
			for range r.IntN(4) {
				a.Strings = append(a.Strings, []byte([]string{"Tanh", "Relu", "Affine", "x"}[r.IntN(4)]))
			}
		case graph.AttrTensor:
			a.T = random(r, tensor.Float32, arbitraryShape(r)...)
		default:
			continue
		}
		list = append(list, a)
	}
	return list
}

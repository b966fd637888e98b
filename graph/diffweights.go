package graph

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// WeightChange is an initializer that only one of the models has, or whose type or values differ. The figures are there where the
// elements are real numbers, those of the difference where both models have the same number of them.
type WeightChange struct {
	Where  string `json:"where,omitempty"`
	Name   string `json:"name"`
	Status Status `json:"status"`
	A      string `json:"a"` // type and shape
	B      string `json:"b"`

	Max      *Figure `json:"max_abs,omitempty"`   // max|a-b|; over the elements that are numbers in both
	Relative *Figure `json:"relative,omitempty"`  // max|a-b| / max|b|
	RMS      *Figure `json:"rms,omitempty"`       // root of the mean of (a-b)²
	Share    *Figure `json:"share,omitempty"`     // of elements that differ, 0..1
	DensityA *Figure `json:"density_a,omitempty"` // share of elements that are not 0
	DensityB *Figure `json:"density_b,omitempty"`
}

// Figure is a number whose JSON is null where JSON has no number for it.
type Figure float64

// MarshalJSON implements json.Marshaler.
func (f Figure) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(f)) || math.IsInf(float64(f), 0) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(f))
}

func (d *differ) weights(where string, a, b *Graph) {
	left := map[string]*Value{}
	for _, v := range a.Inits {
		left[v.Name] = v
	}
	seen := map[string]bool{}
	for _, v := range b.Inits {
		seen[v.Name] = true
		o := left[v.Name]
		if o == nil {
			w := WeightChange{Where: where, Name: v.Name, Status: Added, B: weightText(v)}
			w.DensityB = density(v.Const)
			d.d.Weights = append(d.d.Weights, w)
			continue
		}
		if w, same := compareWeights(o, v); !same {
			w.Where = where
			d.d.Weights = append(d.d.Weights, w)
			continue
		}
		d.d.SameWeights++
	}
	for _, v := range a.Inits {
		if !seen[v.Name] {
			d.d.Weights = append(d.d.Weights, WeightChange{Where: where, Name: v.Name, Status: Removed, A: weightText(v), DensityA: density(v.Const)})
		}
	}
}

func weightText(v *Value) string {
	if v.Const == nil {
		return "sparse " + sparseText(v.Sparse)
	}
	return TypeOf(v.Const).String()
}

func compareWeights(a, b *Value) (w WeightChange, same bool) {
	w = WeightChange{Name: b.Name, Status: Changed, A: weightText(a), B: weightText(b)}
	x, y := a.Const, b.Const
	if x == nil || y == nil {
		return w, x == nil && y == nil && w.A == w.B
	}
	defer release(x, y)
	if x.Elem == y.Elem && slices.Equal(x.Shape, y.Shape) && bytes.Equal(x.Bytes(), y.Bytes()) && slices.EqualFunc(x.Strs, y.Strs, bytes.Equal) {
		return w, true
	}
	w.DensityA, w.DensityB = density(x), density(y)
	if w.DensityA != nil && w.DensityB != nil && x.Len() == y.Len() && x.Len() > 0 {
		most, other, largest, squares := 0.0, 0, 0.0, 0.0
		chunks(x, func(at int, p []float64) {
			for i, q := range chunk(y, at, len(p)) {
				largest = math.Max(largest, math.Abs(q))
				if p[i] == q || math.IsNaN(p[i]) && math.IsNaN(q) {
					continue
				}
				other++
				gap := math.Abs(p[i] - q)
				if gap > most {
					most = gap
				}
				if gap == gap {
					squares += gap * gap
				}
			}
		})
		w.Max, w.Share = figure(most), figure(float64(other)/float64(x.Len()))
		w.RMS = figure(math.Sqrt(squares / float64(x.Len())))
		if w.Relative = figure(0); most > 0 {
			w.Relative = figure(most / largest)
		}
	}
	return w, false
}

// release gives back the memory of tensors that are mapped from a file, so that comparing large models takes that of two tensors.
func release(list ...*tensor.Tensor) {
	for _, t := range list {
		if r, ok := t.Storage().(interface{ Release() }); ok {
			r.Release()
		}
	}
}

func figure(x float64) *Figure { f := Figure(x); return &f }

// density is nil where the elements are no real numbers or there is none.
func density(t *tensor.Tensor) *Figure {
	if t == nil || t.Len() == 0 || t.Storage() == nil || chunk(t, 0, 1) == nil {
		return nil
	}
	n := 0
	chunks(t, func(_ int, p []float64) {
		for _, x := range p {
			if x != 0 {
				n++
			}
		}
	})
	return figure(float64(n) / float64(t.Len()))
}

// chunkSize is a multiple of 8 elements, so that a chunk begins at a byte whatever the type. It bounds the memory of a comparison.
const chunkSize = 1 << 16

// chunks calls visit for the elements in order, with the index of the first.
func chunks(t *tensor.Tensor, visit func(at int, p []float64)) {
	for at := 0; at < t.Len(); at += chunkSize {
		visit(at, chunk(t, at, min(chunkSize, t.Len()-at)))
	}
}

// chunk is n elements from index at, a multiple of 8; nil when they are no real numbers.
func chunk(t *tensor.Tensor, at, n int) []float64 {
	bits := t.Elem.Bits()
	lo, hi := at*bits/8, (at*bits+n*bits+7)/8
	if bits == 0 || hi > len(t.Bytes()) {
		return nil
	}
	part, err := tensor.FromBytes(t.Elem, []int64{int64(n)}, t.Bytes()[lo:hi])
	if err != nil {
		return nil
	}
	list, err := part.Float64s()
	if err != nil {
		return nil
	}
	return list
}

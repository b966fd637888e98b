package main

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// difference is how far a is from b, element by element.
type difference struct {
	Max      number `json:"max_abs"`      // max|a-b|
	Relative number `json:"max_relative"` // max|a-b| / max|b|
	Mean     number `json:"mean_abs"`
	Median   number `json:"median_abs"`
	P99      number `json:"p99_abs"`
	Count    int    `json:"count"`
	Exact    bool   `json:"exact"` // every element is equal, bit for bit or as NaN
}

// measure compares two tensors. An error says why they cannot be compared: other type, shape, strings, or NaN at other places.
func measure(a, b *tensor.Tensor) (difference, error) {
	var d difference
	switch {
	case a == nil:
		return d, errors.New("it is missing")
	case a.Elem != b.Elem || !slices.Equal(a.Shape, b.Shape):
		return d, fmt.Errorf("it is %s%v, want %s%v", a.Elem, a.Shape, b.Elem, b.Shape)
	}
	d.Count = b.Len()
	switch b.Elem {
	case tensor.String:
		for i, s := range b.Strs {
			if !bytes.Equal(s, a.Strs[i]) {
				return d, fmt.Errorf("element %d is %q, want %q", i, a.Strs[i], s)
			}
		}
		d.Exact = true
		return d, nil
	case tensor.Complex64, tensor.Complex128:
		return measureFloats(complexParts(a), complexParts(b))
	}
	x, err := a.Float64s()
	if err != nil {
		return d, err
	}
	y, err := b.Float64s()
	if err != nil {
		return d, err
	}
	return measureFloats(x, y)
}

func complexParts(t *tensor.Tensor) []float64 {
	if t.Elem == tensor.Complex128 {
		return tensor.Cast[float64](t.Bytes())
	}
	var out []float64
	for _, x := range tensor.Cast[float32](t.Bytes()) {
		out = append(out, float64(x))
	}
	return out
}

func measureFloats(x, y []float64) (difference, error) {
	d := difference{Count: len(y), Exact: true}
	gaps := make([]float64, len(y))
	most, top, sum := 0.0, 0.0, 0.0
	for i := range y {
		if math.IsNaN(x[i]) != math.IsNaN(y[i]) {
			return d, fmt.Errorf("element %d is %v, want %v", i, x[i], y[i])
		}
		if x[i] == y[i] || math.IsNaN(y[i]) {
			if !math.IsInf(y[i], 0) && !math.IsNaN(y[i]) {
				top = max(top, math.Abs(y[i]))
			}
			continue
		}
		d.Exact = false
		gaps[i] = math.Abs(x[i] - y[i])
		most, sum = max(most, gaps[i]), sum+gaps[i]
		if !math.IsInf(y[i], 0) {
			top = max(top, math.Abs(y[i]))
		}
	}
	if d.Count == 0 {
		return d, nil
	}
	sort.Float64s(gaps)
	d.Max, d.Mean = number(most), number(sum/float64(len(y)))
	d.Median, d.P99 = number(gaps[(len(gaps)-1)/2]), number(gaps[(len(gaps)-1)*99/100])
	switch {
	case top > 0:
		d.Relative = number(most / top)
	case most > 0:
		d.Relative = number(math.Inf(1))
	}
	return d, nil
}

// elementwise is the rule |a-b| <= atol + rtol·|b|; the error names the first element beyond it.
func elementwise(a, b *tensor.Tensor, rtol, atol float64) error {
	d, err := measure(a, b)
	if err != nil || d.Exact {
		return err
	}
	if b.Elem == tensor.Complex64 || b.Elem == tensor.Complex128 {
		return closeFloats(complexParts(a), complexParts(b), rtol, atol)
	}
	x, err := a.Float64s()
	if err != nil {
		return err
	}
	y, err := b.Float64s()
	if err != nil {
		return err
	}
	return closeFloats(x, y, rtol, atol)
}

func closeFloats(x, y []float64, rtol, atol float64) error {
	for i := range y {
		if x[i] == y[i] || math.IsNaN(x[i]) && math.IsNaN(y[i]) {
			continue
		}
		if !(math.Abs(x[i]-y[i]) <= atol+rtol*math.Abs(y[i])) {
			return fmt.Errorf("element %d is %v, want %v", i, x[i], y[i])
		}
	}
	return nil
}

// bounds are the default tolerances for the outputs of a model, relative to the largest magnitude.
type bounds struct {
	least     float64 // what the model's narrowest type brings into every float output
	quantised bool
}

func boundsOf(m *graph.Model) bounds {
	var b bounds
	m.Walk(func(g *graph.Graph) {
		for _, v := range g.Inits {
			if v.Const != nil {
				b.least = max(b.least, typeBound(v.Const.Elem, true))
			}
		}
		for n := range g.Nodes() {
			op := n.ID.Op
			if strings.Contains(op, "Quantize") || strings.HasPrefix(op, "QLinear") || strings.HasSuffix(op, "Integer") || strings.HasSuffix(op, "NBits") {
				b.quantised = true
			}
			if n.Is("Cast") {
				b.least = max(b.least, typeBound(tensor.DType(n.Attrs.Int("to", 0)), true))
			}
		}
	})
	return b
}

func typeBound(e tensor.DType, narrowOnly bool) float64 {
	switch e {
	case tensor.Float16:
		return 5e-3
	case tensor.BFloat16:
		return 3e-2
	case tensor.Float32, tensor.Float64, tensor.Complex64, tensor.Complex128:
		if !narrowOnly {
			return 1e-4
		}
	}
	return 0
}

// of is the bound for an output of type e; 0 is equality.
func (b bounds) of(e tensor.DType) float64 {
	if !e.IsFloat() {
		return typeBound(e, false)
	}
	bound := max(b.least, typeBound(e, false))
	if b.quantised {
		bound = max(bound, 3e-2)
	}
	return bound
}

// within judges a difference; a quantised model may be off by one step of an integer output.
func (b bounds) within(d difference, e tensor.DType) bool {
	if d.Exact || d.Count == 0 {
		return true
	}
	if b.quantised && e.IsInteger() && d.Max <= 1 {
		return true
	}
	return float64(d.Relative) <= b.of(e)
}

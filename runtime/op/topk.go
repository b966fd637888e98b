package op

import (
	"errors"
	"fmt"
	"sort"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
)

// orderOps are TopK and Unique.
func orderOps() []OpDef {
	return []OpDef{
		{Op: "TopK", Since: 1, Prepare: checked(numbers, prepareTopK, 0)},
		{Op: "Unique", Since: 11, Prepare: checked(wideBytes&^elemSet(tensor.Complex64, tensor.Complex128), prepareUnique, 0)},
	}
}

func prepareTopK(p *Prep) (Exec, error) {
	a := p.Attrs()
	axis, attr, largest := a.Int("axis", -1), a.Int("k", -1), a.Int("largest", 1) != 0
	if p.Opset < 10 && attr < 0 {
		return nil, errors.New("attribute k is missing")
	}
	return ExecFunc(func(c *Call) error {
		x, err := needInput(c, 0)
		if err != nil {
			return err
		}
		k := attr
		if p.Opset >= 10 {
			t, err := needInput(c, 1)
			if err != nil {
				return err
			}
			if k, err = scalarInt(t, "K"); err != nil {
				return err
			}
		}
		ax, err := axisIn(axis, len(x.Shape))
		if err != nil {
			return err
		}
		if k < 0 || k > x.Shape[ax] {
			return fmt.Errorf("K is %d for a dim of %d", k, x.Shape[ax])
		}
		dims := append([]int64{}, x.Shape...)
		dims[ax] = k
		outer, inner := splitAt(x.Shape, ax)
		values, indices := c.Out(0, x.Elem, dims...), tensor.Data[int64](c.Out(1, tensor.Int64, dims...))
		n := int(x.Shape[ax])
		switch x.Elem {
		case tensor.Float32, tensor.Float16, tensor.BFloat16:
			topPlaces(indices, single(x), outer, n, inner, int(k), largest, c.Pool)
		case tensor.Float64:
			topPlaces(indices, tensor.Data[float64](x), outer, n, inner, int(k), largest, c.Pool)
		case tensor.Int8:
			topPlaces(indices, tensor.Data[int8](x), outer, n, inner, int(k), largest, c.Pool)
		case tensor.Int16:
			topPlaces(indices, tensor.Data[int16](x), outer, n, inner, int(k), largest, c.Pool)
		case tensor.Int32:
			topPlaces(indices, tensor.Data[int32](x), outer, n, inner, int(k), largest, c.Pool)
		case tensor.Int64:
			topPlaces(indices, tensor.Data[int64](x), outer, n, inner, int(k), largest, c.Pool)
		case tensor.Uint8:
			topPlaces(indices, tensor.Data[uint8](x), outer, n, inner, int(k), largest, c.Pool)
		case tensor.Uint16:
			topPlaces(indices, tensor.Data[uint16](x), outer, n, inner, int(k), largest, c.Pool)
		case tensor.Uint32:
			topPlaces(indices, tensor.Data[uint32](x), outer, n, inner, int(k), largest, c.Pool)
		case tensor.Uint64:
			topPlaces(indices, tensor.Data[uint64](x), outer, n, inner, int(k), largest, c.Pool)
		default:
			return errElem(x.Elem)
		}
		from := make([]int, len(indices))
		for i, v := range indices {
			o, in := i/(int(k)*inner), i%inner
			from[i] = (o*n+int(v))*inner + in
		}
		return pick(values, x, from, nil)
	}), nil
}

// topPlaces writes the places of the k largest (or smallest) elements along the middle dim, best first, equal ones by place.
func topPlaces[T number](out []int64, x []T, outer, n, inner, k int, largest bool, p *kernel.Pool) {
	if k == 0 {
		return
	}
	p.For(outer*inner, 1+zipGrain/(8*n), func(lo, hi int) {
		v, heap := make([]T, n), make([]int32, 0, k)
		better := func(a, b int32) bool { // the total order of the result
			x, y := v[a], v[b]
			if x == y || x != x || y != y {
				if nanX, nanY := x != x, y != y; nanX != nanY {
					return nanX == largest
				}
				return a < b
			}
			return (x > y) == largest
		}
		for line := lo; line < hi; line++ {
			o, in := line/inner, line%inner
			for i := range v {
				v[i] = x[(o*n+i)*inner+in]
			}
			heap = heap[:0] // worst of the chosen on top
			for i := range int32(n) {
				if len(heap) < k {
					heap = append(heap, i)
					siftUp(heap, better)
				} else if better(i, heap[0]) {
					heap[0] = i
					siftDown(heap, better)
				}
			}
			sort.Slice(heap, func(a, b int) bool { return better(heap[a], heap[b]) })
			for i, at := range heap {
				out[(o*k+i)*inner+in] = int64(at)
			}
		}
	})
}

func siftUp(h []int32, better func(a, b int32) bool) {
	for i := len(h) - 1; i > 0; {
		up := (i - 1) / 2
		if !better(h[up], h[i]) {
			return
		}
		h[up], h[i] = h[i], h[up]
		i = up
	}
}

func siftDown(h []int32, better func(a, b int32) bool) {
	for i := 0; ; {
		worst := i
		for c := 2*i + 1; c <= 2*i+2 && c < len(h); c++ {
			if better(h[worst], h[c]) {
				worst = c
			}
		}
		if worst == i {
			return
		}
		h[worst], h[i] = h[i], h[worst]
		i = worst
	}
}

// prepareUnique finds the different slices along an axis, or the different elements without one.
func prepareUnique(p *Prep) (Exec, error) {
	axis, sorted := p.Attrs().Get("axis"), p.Attrs().Int("sorted", 1) != 0
	return ExecFunc(func(c *Call) error {
		x, err := needInput(c, 0)
		if err != nil {
			return err
		}
		dims, k := []int64{int64(x.Len())}, 0
		if axis != nil {
			if k, err = axisIn(axis.I, len(x.Shape)); err != nil {
				return err
			}
			dims = append([]int64{}, x.Shape...)
		}
		outer, inner := splitAt(dims, k)
		n := int(dims[k])
		cmp, err := elementOrder(x)
		if err != nil {
			return err
		}
		// compare slices a and b lexicographically
		order := func(a, b int) int {
			for o := range outer {
				for i := range inner {
					if d := cmp((o*n+a)*inner+i, (o*n+b)*inner+i); d != 0 {
						return d
					}
				}
			}
			return 0
		}
		perm := make([]int, n)
		for i := range perm {
			perm[i] = i
		}
		sort.SliceStable(perm, func(a, b int) bool { return order(perm[a], perm[b]) < 0 })
		var first []int // of each group, in sorted order
		inverse, counts := make([]int64, n), []int64{}
		for i, at := range perm {
			if i == 0 || order(perm[i-1], at) != 0 {
				first, counts = append(first, at), append(counts, 0)
			}
			inverse[at] = int64(len(first) - 1)
			counts[len(counts)-1]++
		}
		if !sorted { // by first occurrence
			by := make([]int, len(first))
			for i := range by {
				by[i] = i
			}
			sort.Slice(by, func(a, b int) bool { return first[by[a]] < first[by[b]] })
			rank, f, cn := make([]int64, len(by)), make([]int, len(by)), make([]int64, len(by))
			for i, g := range by {
				rank[g], f[i], cn[i] = int64(i), first[g], counts[g]
			}
			first, counts = f, cn
			for i, g := range inverse {
				inverse[i] = rank[g]
			}
		}
		dims[k] = int64(len(first))
		y := c.Out(0, x.Elem, dims...)
		for o := range outer {
			for i, at := range first {
				copyBlock(y, (o*len(first)+i)*inner, x, (o*n+at)*inner, inner)
			}
		}
		places := make([]int64, len(first))
		for i, at := range first {
			places[i] = int64(at)
		}
		for i, v := range [][]int64{places, inverse, counts} {
			if c.Wanted(i + 1) {
				copy(tensor.Data[int64](c.Out(i+1, tensor.Int64, int64(len(v)))), v)
			}
		}
		return nil
	}), nil
}

// elementOrder compares the elements of x at two places.
func elementOrder(x *tensor.Tensor) (func(a, b int) int, error) {
	if x.Elem == tensor.String {
		return func(a, b int) int {
			switch s, t := string(x.Strs[a]), string(x.Strs[b]); {
			case s < t:
				return -1
			case s > t:
				return 1
			}
			return 0
		}, nil
	}
	if x.Elem == tensor.Int64 || x.Elem == tensor.Uint64 {
		v := tensor.Cast[int64](x.Bytes())
		flip := int64(0)
		if x.Elem == tensor.Uint64 {
			flip = -1 << 63
		}
		return func(a, b int) int { return compareOrdered(v[a]^flip, v[b]^flip) }, nil
	}
	v, err := x.Float64s()
	if err != nil {
		return nil, err
	}
	return func(a, b int) int { return compareOrdered(v[a], v[b]) }, nil
}

// compareOrdered is -1, 0 or 1; NaN is above everything and differs from itself.
func compareOrdered[T number](a, b T) int {
	switch {
	case a < b || b != b && a == a:
		return -1
	case a > b || a != a:
		return 1
	}
	return 0
}

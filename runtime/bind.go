package runtime

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// BoundPlan is a Plan with sizes: where each class lies in the arena.
type BoundPlan struct {
	Symbols map[string]int64
	Offsets []int // by class; -1: from the dynamic pool
	Sizes   []int // by class, in bytes
	Peak    int   // bytes of the arena
}

const (
	alignment  = 64
	keptPlans  = 8
	maxPlanned = 1 << 46 // a buffer larger than any machine's memory is left to the step that asks for it
)

// Bind places every class whose size the symbols give: the largest first, each at the lowest offset that is free during its life.
// Offsets are multiples of 64.
func (p *Plan) Bind(symbols map[string]int64) *BoundPlan {
	b := &BoundPlan{Symbols: symbols, Offsets: make([]int, len(p.Classes)), Sizes: make([]int, len(p.Classes))}
	var order []int
	for n := range p.Classes {
		b.Offsets[n] = -1
		size, ok := p.Classes[n].Size.Bind(symbols)
		if !ok || size <= 0 || size > maxPlanned {
			continue
		}
		b.Sizes[n] = int(size)
		order = append(order, n)
	}
	sort.SliceStable(order, func(i, j int) bool { return b.Sizes[order[i]] > b.Sizes[order[j]] })
	var placed []int // by offset
	for _, n := range order {
		c, at := &p.Classes[n], 0
		for _, m := range placed {
			o := &p.Classes[m]
			if o.Last < c.First || c.Last < o.First {
				continue
			}
			if at+b.Sizes[n] <= b.Offsets[m] {
				break
			}
			at = max(at, (b.Offsets[m]+b.Sizes[m]+alignment-1)&^(alignment-1))
		}
		b.Offsets[n] = at
		b.Peak = max(b.Peak, at+b.Sizes[n])
		i := sort.Search(len(placed), func(i int) bool { return b.Offsets[placed[i]] > at })
		placed = slices.Insert(placed, i, n)
	}
	return b
}

// String lists the offsets.
func (b *BoundPlan) String() string {
	var s strings.Builder
	names := make([]string, 0, len(b.Symbols))
	for name := range b.Symbols {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		fmt.Fprintf(&s, "%s=%d ", name, b.Symbols[name])
	}
	fmt.Fprintf(&s, "peak %d bytes\n", b.Peak)
	for n, off := range b.Offsets {
		if off < 0 {
			fmt.Fprintf(&s, "class %d: dynamic\n", n)
			continue
		}
		fmt.Fprintf(&s, "class %d: %d..%d\n", n, off, off+b.Sizes[n])
	}
	return s.String()
}

// binder reads the values of the symbols off the inputs and captures of a program, and keeps the plans of the last few.
type binder struct {
	symbols []string
	sources []symbolSource // one or more per symbol
	mu      *sync.Mutex
	recent  []recentPlan // newest last
}

type symbolSource struct{ symbol, value, axis int }

type recentPlan struct {
	key  []int64
	plan *BoundPlan
}

func newBinder(values []value, inputs []int) binder {
	b := binder{mu: new(sync.Mutex)}
	for _, id := range inputs {
		for axis, d := range values[id].typ.Shape.Dims {
			name, ok := d.Symbol()
			if !ok {
				continue
			}
			k := slices.Index(b.symbols, name)
			if k < 0 {
				k = len(b.symbols)
				b.symbols = append(b.symbols, name)
			}
			b.sources = append(b.sources, symbolSource{k, id, axis})
		}
	}
	return b
}

// covers reports whether the symbols of d are all read off inputs.
func (b *binder) covers(d graph.Dim) bool {
	for _, s := range d.Symbols(nil) {
		if !slices.Contains(b.symbols, s) {
			return false
		}
	}
	return true
}

// conflict is an input axis that gives a symbol another size than the input before it.
type conflict struct {
	symbol    string
	value     int
	got, want int64
}

// read appends the symbols' values to key, -1 where an input has no such axis. A symbol with two values is reported; the first counts.
func (b *binder) read(key []int64, vals []*tensor.Tensor) ([]int64, *conflict) {
	for range b.symbols {
		key = append(key, -1)
	}
	var bad *conflict
	for _, s := range b.sources {
		t := vals[s.value]
		if t == nil || s.axis >= len(t.Shape) {
			continue
		}
		n := t.Shape[s.axis]
		switch {
		case key[s.symbol] < 0:
			key[s.symbol] = n
		case key[s.symbol] != n && bad == nil:
			bad = &conflict{b.symbols[s.symbol], s.value, n, key[s.symbol]}
		}
	}
	return key, bad
}

// plan is the bound plan for these symbol values.
func (b *binder) plan(p *Plan, key []int64) *BoundPlan {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := len(b.recent) - 1; i >= 0; i-- {
		if r := b.recent[i]; slices.Equal(r.key, key) {
			if i != len(b.recent)-1 {
				b.recent = append(slices.Delete(b.recent, i, i+1), r)
			}
			return r.plan
		}
	}
	symbols := make(map[string]int64, len(key))
	for i, name := range b.symbols {
		if key[i] >= 0 {
			symbols[name] = key[i]
		}
	}
	bound := p.Bind(symbols)
	if len(b.recent) == keptPlans {
		b.recent = slices.Delete(b.recent, 0, 1)
	}
	b.recent = append(b.recent, recentPlan{slices.Clone(key), bound})
	return bound
}

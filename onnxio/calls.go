package onnxio

import (
	"fmt"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
)

// checkCalls holds the calls between functions against lim.Calls, so that whoever follows them later need not count. Functions that come
// to call themselves are an error, which a lenient reader reports.
func (d *decoder) checkCalls(m *graph.Model, off int64) error {
	if len(m.Functions) == 0 {
		return nil
	}
	w := newCallWalk(m, d.lim.Calls)
	for i := range m.Functions {
		w.path = w.path[:0]
		_, err := w.deep(i)
		if err == nil {
			continue
		}
		if _, limit := err.(*LimitError); limit || !d.opt.Lenient {
			d.push("functions", i)
			defer d.pop()
			return d.fail(off, err)
		}
		d.report(graph.Finding{Severity: graph.Error, Where: "function " + m.Functions[i].ID.String(), Message: err.Error()})
		return nil
	}
	return nil
}

type callWalk struct {
	m     *graph.Model
	lim   int
	index map[graph.OpID]int // 1 and more
	depth []int              // of each function, once it is known; -1: being walked
	path  []int
}

func newCallWalk(m *graph.Model, limit int) *callWalk {
	w := &callWalk{lim: limit, index: map[graph.OpID]int{}, m: m, depth: make([]int, len(m.Functions))}
	for i, f := range m.Functions {
		if id := f.ID.Canonical(); id.Op != "" && w.index[id] == 0 {
			w.index[id] = i + 1
		}
	}
	return w
}

// deep is how many calls of functions lie one inside the other in function i, itself included.
func (w *callWalk) deep(i int) (int, error) {
	switch {
	case w.depth[i] < 0:
		return 0, w.circle(i)
	case len(w.path)+max(1, w.depth[i]) > w.lim:
		return 0, &LimitError{Name: "calls", Limit: int64(w.lim)}
	case w.depth[i] > 0:
		return w.depth[i], nil
	}
	w.depth[i] = -1
	w.path = append(w.path, i)
	most := 0
	var err error
	w.m.Functions[i].Body.Walk(func(g *graph.Graph) {
		for n := range g.Nodes() {
			callee := w.index[n.ID.Canonical()]
			if callee == 0 || err != nil {
				continue
			}
			var below int
			below, err = w.deep(callee - 1)
			most = max(most, below)
		}
	})
	w.path = w.path[:len(w.path)-1]
	w.depth[i] = most + 1
	return most + 1, err
}

func (w *callWalk) circle(i int) error {
	var names []string
	for _, j := range w.path {
		if j == i {
			names = names[:0]
		}
		names = append(names, w.m.Functions[j].ID.String())
	}
	if len(names) > 5 {
		names = append(names[:4], fmt.Sprintf("(%d more)", len(names)-4))
	}
	names = append(names, w.m.Functions[i].ID.String())
	return fmt.Errorf("functions call each other in a circle: %s", strings.Join(names, " -> "))
}

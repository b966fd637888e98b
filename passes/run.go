package passes

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
)

// Apply runs the passes on a clone of m and returns it with the number of changes. m itself is never touched, so a failed run leaves
// nothing half done. Tensors are shared with m: close m only when the result is no longer needed.
func Apply(env *Env, m *graph.Model, passes ...Pass) (*graph.Model, int, error) {
	out := m.Clone()
	total := 0
	for i, p := range passes {
		if err := env.ctx().Err(); err != nil {
			return nil, 0, err
		}
		start := time.Now()
		n, err := runPass(env, p, out)
		if err != nil {
			return nil, 0, fmt.Errorf("%s: %w", p.Name, err)
		}
		total += n
		if env.Knobs.Time {
			env.logf("%-18s %6d changes %10s", p.Name, n, time.Since(start).Round(time.Microsecond))
		}
		if env.Knobs.Check {
			if err := graph.Err(out.Verify()); err != nil {
				return nil, 0, fmt.Errorf("%s left a broken graph: %w", p.Name, err)
			}
		}
		if d := env.Knobs.Dump; d == p.Name || d == "all" {
			if err := dump(i, p.Name, out); err != nil {
				return nil, 0, err
			}
		}
	}
	declareInits(m, out)
	if err := graph.Err(out.Verify()); err != nil {
		return nil, 0, fmt.Errorf("the rewritten graph is broken: %w", err)
	}
	return out, total, nil
}

// declareInits makes the initializers that passes added inputs as well, as IR versions below 4 want it. Subgraphs cannot have further
// inputs: a model that has new initializers there becomes one of version 4.
func declareInits(from, m *graph.Model) {
	if m.IRVersion >= 4 {
		return
	}
	old := map[string]bool{}
	from.Walk(func(g *graph.Graph) {
		for _, v := range g.Inits {
			old[v.Name] = true
		}
	})
	m.Graph.Walk(func(g *graph.Graph) {
		for _, v := range g.Inits {
			switch {
			case old[v.Name] || v.IsInput():
			case g != m.Graph:
				m.IRVersion = 4
			default:
				if v.Type.Kind == graph.KindUnknown && v.Const != nil {
					v.Type = graph.TypeOf(v.Const)
				}
				g.Inputs = append(g.Inputs, v)
			}
		}
	})
}

// runPass turns a panic, which is a bug of the pass, into an error that names the pass.
func runPass(env *Env, p Pass, m *graph.Model) (n int, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("bug in the pass: %v\n%s", r, debug.Stack())
		}
	}()
	return p.Run(env, m)
}

func dump(i int, name string, m *graph.Model) error {
	file := fmt.Sprintf("%02d_%s.txt", i+1, name)
	if err := os.WriteFile(filepath.Clean(file), []byte(m.String()), 0o644); err != nil {
		return fmt.Errorf("dump=%s: %w", name, err)
	}
	return nil
}

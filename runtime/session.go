package runtime

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
)

// Options says how a model is executed. The zero value is the fast way on all cores.
type Options struct {
	Threads       int      // goroutines that share a kernel's work; 0: GOMAXPROCS. Results do not depend on it.
	NoPlan        bool     // allocate each value on its own
	Check         bool     // fill memory with NaN as soon as it is dead
	Profile       bool     // measure every step; see Session.Profile
	DisableFusion bool     // run the operators one by one
	UseBodies     bool     // run the bodies of functions that have a kernel of their own
	Outputs       []string // compute only these values of the main graph, outputs or not; nil: the model's outputs
	Taps          []string // values of the main graph that are returned besides the outputs
}

// Feeds are the inputs of a run by name. The session reads them and keeps no hold on them.
type Feeds map[string]*tensor.Tensor

// Fetches are the outputs of a run by name. They are the caller's.
type Fetches map[string]*tensor.Tensor

// Session is a compiled model. Run may be called from several goroutines at once; the state of a run is its own.
type Session struct {
	prog    *program
	env     *environment
	inputs  []*graph.Value
	outputs []*graph.Value
	blocks  []BlockUse
	rules   []RuleCount
	feeds   map[string]int // by name: index in inputs

	// defaults are the inputs that have an initializer. They are constants until a run feeds one; then the model is compiled again
	// without it.
	defaults []*graph.Value
	source   *graph.Model
	mu       sync.Mutex
	variants map[string]*Session
	needs    map[string][]bool
}

// Compile prepares a model for execution. m is not changed; its tensors are shared, so it must stay open while the session is used. Every
// node that cannot be executed is named in one *UnsupportedError.
func Compile(m *graph.Model, opt Options) (*Session, error) {
	env := &environment{opt: opt}
	if opt.Threads != 1 {
		env.pool = kernel.NewPool(opt.Threads)
	}
	if opt.Profile {
		env.profile = newProfiler()
	}
	s, err := compile(m, env, nil)
	if err != nil {
		env.pool.Close()
		return nil, err
	}
	return s, nil
}

// Inputs are the values that Run wants, in the model's order; then those that have a default.
func (s *Session) Inputs() []*graph.Value { return slices.Concat(s.inputs, s.defaults) }

// Outputs are the values that Run returns, in order.
func (s *Session) Outputs() []*graph.Value { return slices.Clone(s.outputs) }

// Plan is the memory plan of the main graph.
func (s *Session) Plan() *Plan { return s.prog.plan }

// Close stops the worker goroutines. Runs that follow are executed serially.
func (s *Session) Close() { s.env.pool.Close() }

// Run computes all outputs.
func (s *Session) Run(ctx context.Context, in Feeds) (Fetches, error) { return s.run(ctx, in, nil) }

// RunOutputs computes only the named outputs and skips what they do not need.
func (s *Session) RunOutputs(ctx context.Context, in Feeds, names ...string) (Fetches, error) {
	if len(names) == 0 {
		return Fetches{}, nil
	}
	return s.run(ctx, in, names)
}

func (s *Session) run(ctx context.Context, in Feeds, names []string) (Fetches, error) {
	if ctx == nil {
		ctx = context.Background()
	}
	if v, err := s.variant(in); v != s || err != nil {
		if err != nil {
			return nil, err
		}
		return v.run(ctx, in, names)
	}
	if err := s.checkFeeds(in); err != nil {
		return nil, err
	}
	need, err := s.stepsFor(names)
	if err != nil {
		return nil, err
	}
	st := s.prog.states.take(s.prog)
	defer s.prog.states.give(st)
	for i, v := range s.inputs {
		st.vals[s.prog.inputs[i]] = in[v.Name]
	}
	if err := s.prog.prepare(st, true); err != nil {
		return nil, err
	}
	if err := st.run(ctx, need); err != nil {
		return nil, err
	}
	out := make(Fetches, len(s.outputs))
	for i, v := range s.outputs {
		if names != nil && !slices.Contains(names, v.Name) {
			continue
		}
		out[v.Name] = st.output(s.prog.outputs[i])
	}
	return out, nil
}

// prepare binds the plan to the sizes of the inputs.
func (p *program) prepare(st *state, strict bool) error {
	if p.env.opt.NoPlan {
		return nil
	}
	var buf [16]int64
	key, bad := p.binder.read(buf[:0], st.vals)
	if bad != nil && strict {
		return fmt.Errorf("input %q: dim %s is %d here and %d in an input before it", p.values[bad.value].name, bad.symbol, bad.got, bad.want)
	}
	st.bind(p.binder.plan(p.plan, key))
	return nil
}

// output is the value for a caller: fresh memory, or a copy of an input or constant.
func (st *state) output(id int) *tensor.Tensor {
	t := st.vals[id]
	if st.slotOf[id] < 0 {
		return t.Clone()
	}
	return t
}

// stepsFor marks the steps that the named outputs need; nil for all.
func (s *Session) stepsFor(names []string) ([]bool, error) {
	if names == nil {
		return nil, nil
	}
	sorted := slices.Clone(names)
	sort.Strings(sorted)
	key := strings.Join(sorted, "\x00")
	s.mu.Lock()
	defer s.mu.Unlock()
	if need, ok := s.needs[key]; ok {
		return need, nil
	}
	var ids []int
	for _, name := range names {
		i := slices.IndexFunc(s.outputs, func(v *graph.Value) bool { return v.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("the session has no output %q", name)
		}
		ids = append(ids, s.prog.outputs[i])
	}
	need := s.prog.needed(ids)
	if s.needs == nil {
		s.needs = map[string][]bool{}
	}
	s.needs[key] = need
	return need, nil
}

// needed marks the steps that the values depend on.
func (p *program) needed(ids []int) []bool {
	need := make([]bool, len(p.steps))
	for len(ids) > 0 {
		id := ids[len(ids)-1]
		ids = ids[:len(ids)-1]
		i := p.values[id].producer
		if i < 0 || need[i] {
			continue
		}
		need[i] = true
		for _, list := range [][]int{p.steps[i].ins, p.steps[i].captured} {
			for _, in := range list {
				if in >= 0 {
					ids = append(ids, in)
				}
			}
		}
	}
	return need
}

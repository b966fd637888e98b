package runtime

import (
	"fmt"
	"sort"
	"strings"
	"sync"
	"time"
)

// StepTime is the time that one step took over all runs so far.
type StepTime struct {
	Node  string
	Op    string
	Count int64
	Total time.Duration
}

// Profile is where the time of a session's runs went. Steps of subgraphs are listed, and counted again in the step that runs them.
type Profile struct{ Steps []StepTime }

type profiler struct {
	mu    sync.Mutex
	steps map[stepKey]*StepTime
	order []*StepTime
}

type stepKey struct {
	p *program
	i int
}

func newProfiler() *profiler { return &profiler{steps: map[stepKey]*StepTime{}} }

func (f *profiler) add(p *program, i int, d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.steps[stepKey{p, i}]
	if s == nil {
		s = &StepTime{Node: p.steps[i].node, Op: p.steps[i].id.String()}
		f.steps[stepKey{p, i}] = s
		f.order = append(f.order, s)
	}
	s.Count++
	s.Total += d
}

// Profile is the profile so far; nil without Options.Profile.
func (s *Session) Profile() *Profile {
	f := s.env.profile
	if f == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	p := &Profile{}
	for _, t := range f.order {
		p.Steps = append(p.Steps, *t)
	}
	return p
}

// ByOp sums the steps by operator, the slowest first.
func (p *Profile) ByOp() []StepTime {
	sum := map[string]*StepTime{}
	var list []*StepTime
	for _, s := range p.Steps {
		t := sum[s.Op]
		if t == nil {
			t = &StepTime{Op: s.Op}
			sum[s.Op] = t
			list = append(list, t)
		}
		t.Count += s.Count
		t.Total += s.Total
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].Total > list[j].Total })
	out := make([]StepTime, len(list))
	for i, t := range list {
		out[i] = *t
	}
	return out
}

// String is a table by operator.
func (p *Profile) String() string {
	var b strings.Builder
	var total time.Duration
	for _, s := range p.Steps {
		total += s.Total
	}
	fmt.Fprintf(&b, "%-40s %10s %12s %8s\n", "operator", "count", "total", "share")
	for _, t := range p.ByOp() {
		fmt.Fprintf(&b, "%-40s %10d %12s %7.1f%%\n", t.Op, t.Count, t.Total.Round(time.Microsecond), 100*float64(t.Total)/float64(max(total, 1)))
	}
	return b.String()
}

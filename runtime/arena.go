package runtime

import (
	"math/bits"
	"sync"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/op"
)

// state is the memory of one run of a program: the arena, the values, and one Call per step with its headers. States are reused by later
// runs.
type state struct {
	prog    *program
	outer   *state // of the surrounding program's run; nil for the main program
	vals    []*tensor.Tensor
	calls   []op.Call
	slots   []op.Slot
	slotOf  []int // by value: index in slots; -1 for inputs, captures and constants
	arena   []byte
	bound   *BoundPlan
	pool    dynamicPool
	scratch op.Scratch
}

func newState(p *program) *state {
	st := &state{prog: p, vals: make([]*tensor.Tensor, len(p.values)), calls: make([]op.Call, len(p.steps)), slotOf: make([]int, len(p.values))}
	for i, v := range p.values {
		st.vals[i] = v.constant
		st.slotOf[i] = -1
	}
	ins, outs := 0, 0
	for i := range p.steps {
		ins += len(p.steps[i].ins)
		outs += len(p.steps[i].outs)
	}
	inMem := make([]*tensor.Tensor, ins)
	st.slots = make([]op.Slot, outs)
	k := 0
	for i := range p.steps {
		s := &p.steps[i]
		n := len(s.ins)
		st.calls[i] = op.Call{In: inMem[:n:n], Pool: p.env.pool, Mem: st, Outs: st.slots[k : k+len(s.outs)], View: s.view, Env: st}
		inMem = inMem[n:]
		for _, id := range s.outs {
			st.slots[k].InPlace = -1
			if id >= 0 {
				st.slots[k].Wanted = true
				st.slotOf[id] = k
			}
			k++
		}
	}
	for _, o := range p.plan.escaping {
		st.slots[st.slotOf[o.value]].Escapes = true
		st.slots[st.slotOf[o.value]].Share = o.share
	}
	return st
}

// bind makes the slots point into the arena as b says.
func (st *state) bind(b *BoundPlan) {
	if st.bound == b {
		return
	}
	st.bound = b
	if len(st.arena) < b.Peak {
		st.arena = op.AlignedBytes(b.Peak)
	}
	for id, k := range st.slotOf {
		if k < 0 {
			continue
		}
		s := &st.slots[k]
		s.Planned, s.InPlace = nil, -1
		class := st.prog.plan.classOf[id]
		if class < 0 || b.Offsets[class] < 0 {
			continue
		}
		lo, hi := b.Offsets[class], b.Offsets[class]+b.Sizes[class]
		s.Planned = st.arena[lo:hi:hi]
		s.InPlace = st.prog.plan.inPlaceOf[id]
	}
}

// free gives the memory of dead classes back.
func (st *state) free(classes []int) {
	p := st.prog.plan
	for _, class := range classes {
		for _, id := range p.Classes[class].members {
			if k := st.slotOf[id]; k >= 0 && st.slots[k].Dynamic != nil {
				st.release(&st.slots[k])
			}
		}
		if st.prog.env.opt.Check && st.bound != nil && st.bound.Offsets[class] >= 0 {
			poison(st.arena[st.bound.Offsets[class]:][:st.bound.Sizes[class]])
		}
	}
}

func (st *state) release(s *op.Slot) {
	b := s.Dynamic
	s.Dynamic = nil
	if st.prog.env.opt.NoPlan {
		return
	}
	if st.prog.env.opt.Check {
		poison(b)
	}
	st.pool.put(b)
}

// poison fills b with bytes that are NaN in every float type.
func poison(b []byte) {
	for i := range b {
		b[i] = 0xff
	}
}

// reset forgets all values of the last run, so that the state holds on to nothing of the caller's.
func (st *state) reset() {
	for i := range st.slots {
		s := &st.slots[i]
		s.Clear()
		if s.Dynamic != nil {
			st.release(s)
		}
	}
	for i := range st.prog.values {
		st.vals[i] = st.prog.values[i].constant
	}
	for i := range st.calls {
		st.calls[i].Ctx = nil
		clear(st.calls[i].In)
	}
	st.outer = nil
}

// Dynamic implements op.Memory.
func (st *state) Dynamic(n int) []byte {
	if st.prog.env.opt.NoPlan {
		return op.AlignedBytes(n)
	}
	return st.pool.get(n)
}

// Fresh implements op.Memory.
func (st *state) Fresh(n int) []byte { return make([]byte, n) }

// dynamicPool keeps free buffers by size bucket: four buckets per power of two.
type dynamicPool struct {
	free [4 * 64][][]byte
}

const smallestBuffer = 256

func bucketOf(n int) (index, size int) {
	n = max(n, smallestBuffer)
	shift := bits.Len(uint(n-1)) - 3 // n-1 has three leading bits above shift
	top := (n - 1) >> shift          // 4..7
	return 4*shift + top - 4, (top + 1) << shift
}

func (d *dynamicPool) get(n int) []byte {
	i, size := bucketOf(n)
	if list := d.free[i]; len(list) > 0 {
		b := list[len(list)-1]
		d.free[i] = list[:len(list)-1]
		return b[:n]
	}
	return op.AlignedBytes(size)[:n]
}

func (d *dynamicPool) put(b []byte) {
	b = b[:cap(b)]
	if len(b) == 0 {
		return
	}
	i, _ := bucketOf(len(b))
	d.free[i] = append(d.free[i], b)
}

// stateList keeps the states of finished runs for the next ones.
type stateList struct {
	mu   sync.Mutex
	free []*state
}

func (l *stateList) take(p *program) *state {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.free); n > 0 {
		st := l.free[n-1]
		l.free = l.free[:n-1]
		return st
	}
	return newState(p)
}

func (l *stateList) give(st *state) {
	st.reset()
	l.mu.Lock()
	l.free = append(l.free, st)
	l.mu.Unlock()
}

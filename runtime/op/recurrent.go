package op

import (
	"fmt"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
)

// recurrentOps are RNN, GRU and LSTM.
func recurrentOps() []OpDef {
	types := elemSet(tensor.Float32, tensor.Float16, tensor.BFloat16)
	layer := func(c cell) func(*Prep) (Exec, error) {
		return func(p *Prep) (Exec, error) { return newRecurrent(p, c) }
	}
	return []OpDef{
		{Op: "RNN", Since: 1, Prepare: checked(types, layer(cellRNN), 0)},
		{Op: "GRU", Since: 1, Prepare: checked(types, layer(cellGRU), 0)},
		{Op: "LSTM", Since: 1, Prepare: checked(types, layer(cellLSTM), 0)},
	}
}

// cell names the kind of a recurrent layer; its number of gates is how many blocks of rows W and R have.
type cell uint8

const (
	cellRNN  cell = iota // i
	cellGRU              // z, r, h
	cellLSTM             // i, o, f, c
)

func (c cell) gates() int { return [...]int{1, 3, 4}[c] }

// functions is the number of activations by direction, and their defaults.
func (c cell) functions() []string {
	return [...][]string{{"Tanh"}, {"Sigmoid", "Tanh"}, {"Sigmoid", "Tanh", "Tanh"}}[c]
}

// gateFunc is an activation in place.
type gateFunc func(v []float32)

type recurrent struct {
	cell        cell
	hidden      int
	back        []bool       // by direction: walks the sequence from its end
	acts        [][]gateFunc // by direction
	clip        float32      // 0: none
	batchFirst  bool
	beforeReset bool // GRU: the reset gate applies after the product
	inputForget bool // LSTM: f = 1 - i
	packed      []*direction
}

// direction is one direction's weights.
type direction struct {
	w, r, rh *kernel.PackedB // rh: the GRU's hidden rows of R, when they are multiplied apart
	bias     []float32       // what is added to X W^T: [gates, hidden]
	rbias    []float32       // GRU: recurrent bias of the hidden gate, [hidden]
	peep     []float32       // LSTM: [i, o, f], or nil
}

func newRecurrent(p *Prep, c cell) (Exec, error) {
	a := p.Attrs()
	l := &recurrent{
		cell: c, hidden: int(a.Int("hidden_size", 0)), clip: a.Float("clip", 0), batchFirst: a.Int("layout", 0) != 0,
		beforeReset: a.Int("linear_before_reset", 0) != 0, inputForget: a.Int("input_forget", 0) != 0,
	}
	if l.hidden < 0 {
		return nil, fmt.Errorf("attribute hidden_size is %d", l.hidden)
	}
	switch d := strings.ToLower(a.String("direction", "forward")); d {
	case "forward":
		l.back = []bool{false}
	case "reverse":
		l.back = []bool{true}
	case "bidirectional":
		l.back = []bool{false, true}
	default:
		return nil, fmt.Errorf("attribute direction is %q", d)
	}
	var names []string
	if t := a.Get("activations"); t != nil {
		for _, s := range t.Strings {
			names = append(names, string(s))
		}
	} else {
		for range l.back {
			names = append(names, c.functions()...)
		}
	}
	n := len(c.functions())
	if len(names) != n*len(l.back) {
		return nil, fmt.Errorf("%d activations, want %d", len(names), n*len(l.back))
	}
	alphas, betas := a.Floats("activation_alpha"), a.Floats("activation_beta")
	for d := range l.back {
		var fs []gateFunc
		for _, name := range names[d*n : (d+1)*n] {
			f, err := gateFuncOf(name, &alphas, &betas)
			if err != nil {
				return nil, err
			}
			fs = append(fs, f)
		}
		l.acts = append(l.acts, fs)
	}
	w, r, b, peep := p.Const(1), p.Const(2), p.Const(3), p.Const(7)
	if w != nil && r != nil && (b != nil || !p.Has(3)) && (peep != nil || !p.Has(7)) {
		var err error
		if l.packed, err = l.pack(w, r, b, peep, p.Pool); err != nil {
			return nil, err
		}
		p.Drop(1)
		p.Drop(2)
	}
	return l, nil
}

// gateFuncOf is an activation by name; it takes its parameters from the front of the lists, as the operators say.
func gateFuncOf(name string, alphas, betas *[]float32) (gateFunc, error) {
	next := func(list *[]float32, def float32) float32 {
		if len(*list) == 0 {
			return def
		}
		v := (*list)[0]
		*list = (*list)[1:]
		return v
	}
	act := func(a kernel.Act, alpha, beta bool) gateFunc {
		p := a.Defaults()
		if alpha {
			p.Alpha = next(alphas, p.Alpha)
		}
		if beta {
			p.Beta = next(betas, p.Beta)
		}
		return func(v []float32) { kernel.ActivateParams(a, p, v, v) }
	}
	switch strings.ToLower(name) {
	case "relu":
		return act(kernel.ActRelu, false, false), nil
	case "tanh":
		return act(kernel.ActTanh, false, false), nil
	case "sigmoid":
		return act(kernel.ActSigmoid, false, false), nil
	case "softsign":
		return act(kernel.ActSoftsign, false, false), nil
	case "softplus":
		return act(kernel.ActSoftplus, false, false), nil
	case "leakyrelu":
		return act(kernel.ActLeakyRelu, true, false), nil
	case "thresholdedrelu":
		return act(kernel.ActThresholdedRelu, true, false), nil
	case "elu":
		return act(kernel.ActElu, true, false), nil
	case "hardsigmoid":
		return act(kernel.ActHardSigmoid, true, true), nil
	case "affine":
		alpha, beta := next(alphas, 1), next(betas, 0)
		return func(v []float32) { kernel.Affine(v, v, alpha, beta) }, nil
	case "scaledtanh":
		alpha, beta := next(alphas, 1), next(betas, 1)
		return func(v []float32) {
			kernel.Scale(v, v, beta)
			kernel.Tanh(v, v)
			kernel.Scale(v, v, alpha)
		}, nil
	}
	return nil, fmt.Errorf("activation %q", name)
}

// pack checks W [dirs, gates*hidden, in], R [dirs, gates*hidden, hidden], B [dirs, 2*gates*hidden] and P [dirs, 3*hidden] and lays them out.
func (l *recurrent) pack(w, r, b, peep *tensor.Tensor, p *kernel.Pool) ([]*direction, error) {
	g := l.cell.gates()
	if len(w.Shape) != 3 || len(r.Shape) != 3 || int(w.Shape[0]) != len(l.back) || r.Shape[0] != w.Shape[0] || r.Shape[1] != w.Shape[1] ||
		int(w.Shape[1]) != g*int(r.Shape[2]) {
		return nil, fmt.Errorf("W %v and R %v do not fit %d directions of %d gates", w.Shape, r.Shape, len(l.back), g)
	}
	in, h := int(w.Shape[2]), int(r.Shape[2])
	if l.hidden != 0 && l.hidden != h {
		return nil, fmt.Errorf("hidden_size is %d, R has %d columns", l.hidden, h)
	}
	wv, err := w.Float32s()
	if err != nil {
		return nil, err
	}
	rv, err := r.Float32s()
	if err != nil {
		return nil, err
	}
	var bv, pv []float32
	if b != nil {
		if bv, err = b.Float32s(); err != nil || len(bv) != len(l.back)*2*g*h {
			return nil, fmt.Errorf("B is %s%v", b.Elem, b.Shape)
		}
	}
	if peep != nil {
		if pv, err = peep.Float32s(); err != nil || len(pv) != len(l.back)*3*h {
			return nil, fmt.Errorf("P is %s%v", peep.Elem, peep.Shape)
		}
	}
	var dirs []*direction
	for d := range l.back {
		rd := rv[d*g*h*h:]
		k := &direction{w: kernel.PackB(in, g*h, wv[d*g*h*in:], in, true, p), bias: make([]float32, g*h), rbias: make([]float32, h)}
		if l.cell == cellGRU {
			k.r, k.rh = kernel.PackB(h, 2*h, rd, h, true, p), kernel.PackB(h, h, rd[2*h*h:], h, true, p)
		} else {
			k.r = kernel.PackB(h, g*h, rd, h, true, p)
		}
		if bv != nil {
			bd := bv[d*2*g*h : (d+1)*2*g*h]
			kernel.Add(k.bias, bd[:g*h], bd[g*h:])
			if l.cell == cellGRU {
				copy(k.bias[2*h:], bd[2*h:3*h])
				copy(k.rbias, bd[5*h:])
			}
		}
		if pv != nil {
			k.peep = pv[d*3*h : (d+1)*3*h]
		}
		dirs = append(dirs, k)
	}
	return dirs, nil
}

func (l *recurrent) Run(c *Call) error {
	x, err := needInput(c, 0)
	if err != nil {
		return err
	}
	dirs := l.packed
	if dirs == nil {
		w, err := needInput(c, 1)
		if err != nil {
			return err
		}
		r, err := needInput(c, 2)
		if err != nil {
			return err
		}
		if dirs, err = l.pack(w, r, input(c, 3), input(c, 7), c.Pool); err != nil {
			return err
		}
	}
	in, h := dirs[0].w.K, dirs[0].r.K
	if len(x.Shape) != 3 || int(x.Shape[2]) != in {
		return fmt.Errorf("X has shape %v, want %d features", x.Shape, in)
	}
	seq, batch := int(x.Shape[0]), int(x.Shape[1])
	if l.batchFirst {
		seq, batch = batch, seq
	}
	s := &sequence{layer: l, c: c, seq: seq, batch: batch, h: h, nd: len(dirs)}
	if s.x, err = x.Float32s(); err != nil {
		return err
	}
	if l.batchFirst {
		t := c.Scratch(len(s.x))
		kernel.Transpose0213(t, s.x, 1, batch, seq, in, c.Pool)
		s.x = t
	}
	s.lens = make([]int, batch)
	fillWith(s.lens, seq)
	if t := input(c, 4); t != nil {
		lens, err := intList(t)
		if err != nil {
			return err
		}
		if len(lens) != batch {
			return fmt.Errorf("sequence_lens has %d values for a batch of %d", len(lens), batch)
		}
		for i, n := range lens {
			if n < 0 || int(n) > seq {
				return fmt.Errorf("sequence length %d is outside 0..%d", n, seq)
			}
			s.lens[i] = int(n)
		}
	}
	if s.hv, err = s.initial(5); err != nil {
		return err
	}
	if l.cell == cellLSTM {
		if s.cv, err = s.initial(6); err != nil {
			return err
		}
	}
	s.y = c.Scratch(seq * s.nd * batch * h)
	clear(s.y)
	for d, k := range dirs {
		s.direction(d, k)
	}
	s.write(x.Elem)
	return nil
}

// sequence is one run of a layer.
type sequence struct {
	layer             *recurrent
	c                 *Call
	seq, batch, h, nd int
	x                 []float32 // [seq, batch, in]
	y                 []float32 // [seq, dirs, batch, h]
	hv, cv            []float32 // states, [dirs, batch, h]
	lens              []int
}

// initial is a state's start: input i, or zeros.
func (s *sequence) initial(i int) ([]float32, error) {
	v := make([]float32, s.nd*s.batch*s.h)
	t := input(s.c, i)
	if t == nil {
		return v, nil
	}
	f, err := t.Float32s()
	if err != nil || len(f) != len(v) {
		return nil, fmt.Errorf("input %d is %s%v, want %d values", i, t.Elem, t.Shape, len(v))
	}
	if s.layer.batchFirst {
		kernel.Transpose0213(v, f, 1, s.batch, s.nd, s.h, nil)
		return v, nil
	}
	copy(v, f)
	return v, nil
}

// direction runs one direction over the sequence.
func (s *sequence) direction(d int, k *direction) {
	l, h, g := s.layer, s.h, s.layer.cell.gates()
	size := g * h
	xg := s.c.Scratch(s.seq * s.batch * size)
	kernel.Gemm(s.seq*s.batch, s.x, k.w.K, k.w, xg, size, false, &kernel.Epilogue{Bias: k.bias}, s.c.Pool)
	hv := s.hv[d*s.batch*h : (d+1)*s.batch*h]
	hg, reset := s.c.Scratch(s.batch*size), s.c.Scratch(s.batch*h)
	tmp := s.c.Scratch(h)
	for step := range s.seq {
		kernel.Gemm(s.batch, hv, h, k.r, hg, k.r.N, false, nil, s.c.Pool)
		if l.cell == cellGRU {
			s.resetGates(d, k, step, xg, hg, reset, hv)
		}
		for b := range s.batch {
			if step >= s.lens[b] {
				continue
			}
			t := s.time(d, b, step)
			v := xg[(t*s.batch+b)*size:][:size]
			state := hv[b*h : (b+1)*h]
			switch l.cell {
			case cellRNN:
				kernel.Add(state, v, hg[b*h:(b+1)*h])
				l.clamp(state)
				l.acts[d][0](state)
			case cellGRU:
				s.gru(d, v, hg[b*2*h:][:2*h], reset[b*h:][:h], state)
			default:
				kernel.Add(v, v, hg[b*size:][:size])
				at := (d*s.batch + b) * h
				s.lstm(d, k, v, state, s.cv[at:at+h], tmp)
			}
			copy(s.y[((t*s.nd+d)*s.batch+b)*h:][:h], state)
		}
	}
}

// time is the position in the sequence that sample b works on.
func (s *sequence) time(d, b, step int) int {
	if s.layer.back[d] {
		return s.lens[b] - 1 - step
	}
	return step
}

func (l *recurrent) clamp(v []float32) {
	if l.clip > 0 {
		kernel.Clip(v, v, -l.clip, l.clip)
	}
}

// resetGates makes the recurrent part of the hidden gate: (r*H) Rh^T, or r*(H Rh^T + b) before the reset.
func (s *sequence) resetGates(d int, k *direction, step int, xg, hg, reset, hv []float32) {
	h, l := s.h, s.layer
	gate := func(b int) []float32 {
		t := s.time(d, b, step)
		v, r := xg[(t*s.batch+b)*3*h:][:3*h], hg[b*2*h:][:2*h]
		kernel.Add(r, r, v[:2*h])
		l.clamp(r)
		l.acts[d][0](r)
		return r[h:]
	}
	if l.beforeReset {
		kernel.Gemm(s.batch, hv, h, k.rh, reset, h, false, &kernel.Epilogue{Bias: k.rbias}, s.c.Pool)
		for b := range s.batch {
			if step < s.lens[b] {
				kernel.Mul(reset[b*h:][:h], reset[b*h:][:h], gate(b))
			}
		}
		return
	}
	masked := make([]float32, len(hv))
	for b := range s.batch {
		if step < s.lens[b] {
			kernel.Mul(masked[b*h:][:h], hv[b*h:][:h], gate(b))
		}
	}
	kernel.Gemm(s.batch, masked, h, k.rh, reset, h, false, &kernel.Epilogue{Bias: k.rbias}, s.c.Pool)
}

// gru finishes a step: gates z and r are in zr, reset is the recurrent part of the hidden gate.
func (s *sequence) gru(d int, v, zr, reset, state []float32) {
	h := s.h
	cand := v[2*h:]
	kernel.Add(cand, cand, reset)
	s.layer.clamp(cand)
	s.layer.acts[d][1](cand)
	z := zr[:h]
	for i, c := range cand {
		state[i] = (1-z[i])*c + z[i]*state[i]
	}
}

// lstm does a step on gate sums v (i, o, f, c).
func (s *sequence) lstm(d int, k *direction, v, state, cell, tmp []float32) {
	h, l := s.h, s.layer
	in, out, forget, cand := v[:h], v[h:2*h], v[2*h:3*h], v[3*h:]
	if k.peep != nil {
		kernel.MulAdd(in, k.peep[:h], cell, in)
		kernel.MulAdd(forget, k.peep[2*h:], cell, forget)
	}
	f, g, hAct := l.acts[d][0], l.acts[d][1], l.acts[d][2]
	l.clamp(in)
	f(in)
	if l.inputForget {
		for i, a := range in {
			forget[i] = 1 - a
		}
	} else {
		l.clamp(forget)
		f(forget)
	}
	l.clamp(cand)
	g(cand)
	for i := range cell {
		cell[i] = forget[i]*cell[i] + in[i]*cand[i]
	}
	if k.peep != nil {
		kernel.MulAdd(out, k.peep[h:2*h], cell, out)
	}
	l.clamp(out)
	f(out)
	copy(tmp, cell)
	hAct(tmp)
	kernel.Mul(state, out, tmp)
}

// write stores Y, Y_h and Y_c in the layout asked for.
func (s *sequence) write(elem tensor.DType) {
	n, b, d, h := int64(s.seq), int64(s.batch), int64(s.nd), int64(s.h)
	if s.c.Wanted(0) {
		if s.layer.batchFirst { // [batch, seq, dirs, h]
			y := s.c.Out(0, elem, b, n, d, h)
			out := singleOut(y)
			for t := range s.seq * s.nd {
				for k := range s.batch {
					copy(out[(k*s.seq*s.nd+t)*s.h:][:s.h], s.y[(t*s.batch+k)*s.h:])
				}
			}
			singleDone(y, out)
		} else {
			s.put(0, elem, s.y, n, d, b, h)
		}
	}
	for i, v := range [][]float32{s.hv, s.cv} {
		if v == nil || !s.c.Wanted(i+1) {
			continue
		}
		if s.layer.batchFirst {
			t := make([]float32, len(v))
			kernel.Transpose0213(t, v, 1, s.nd, s.batch, s.h, nil)
			s.put(i+1, elem, t, b, d, h)
			continue
		}
		s.put(i+1, elem, v, d, b, h)
	}
}

func (s *sequence) put(i int, elem tensor.DType, v []float32, dims ...int64) {
	y := s.c.Out(i, elem, dims...)
	out := singleOut(y)
	copy(out, v)
	singleDone(y, out)
}

package op

import (
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
)

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

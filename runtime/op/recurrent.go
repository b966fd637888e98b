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

package op

import (
	"errors"
	"fmt"
	"math"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
)

// attentionOps are Attention and RotaryEmbedding of opset 23 on.
func attentionOps() []OpDef {
	return []OpDef{
		{Op: "Attention", Since: 23, Prepare: checked(halves|elemSet(tensor.Float32), prepareAttention, 0, 1, 2, 4, 5)},
		{Op: "RotaryEmbedding", Since: 23, Prepare: checked(halves|elemSet(tensor.Float32), prepareRotary, 0, 1, 2)},
	}
}

// attentionExec is the operator's attributes.
type attentionExec struct {
	causal     bool
	qHeads     int // 0 when the inputs are [batch, heads, seq, dim]
	kvHeads    int
	scale      float32 // 0: 1/√dim
	softcap    float32
	outputMode int64 // what the fourth output shows: 0 the products, 1 after the soft cap, 2 after the mask, 3 after softmax
	left       int64 // keys before and after a query's own that it may see; -1: all
	right      int64
}

func prepareAttention(p *Prep) (Exec, error) {
	a := p.Attrs()
	e := &attentionExec{
		causal: a.Int("is_causal", 0) != 0, qHeads: int(a.Int("q_num_heads", 0)), kvHeads: int(a.Int("kv_num_heads", 0)),
		scale: a.Float("scale", 0), softcap: a.Float("softcap", 0), outputMode: a.Int("qk_matmul_output_mode", 0),
		left: a.Int("left_window_size", -1), right: a.Int("right_window_size", -1),
	}
	for _, t := range a {
		switch t.Name {
		case "is_causal", "q_num_heads", "kv_num_heads", "scale", "softcap", "qk_matmul_output_mode", "softmax_precision", "left_window_size", "right_window_size":
		default:
			return nil, fmt.Errorf("attribute %s is not supported", t.Name)
		}
	}
	if e.outputMode < 0 || e.outputMode > 3 {
		return nil, fmt.Errorf("attribute qk_matmul_output_mode is %d", e.outputMode)
	}
	return e, nil
}

// headBlock is an attention input seen as [batch, heads, seq, dim] float32.
type headBlock struct {
	v                   []float32
	batch, n, seq, size int
}

// split reads an input: [batch, heads, seq, dim], or [batch, seq, heads*dim] which is transposed.
func (e *attentionExec) split(c *Call, i, n int) (headBlock, error) {
	t, err := needInput(c, i)
	if err != nil {
		return headBlock{}, err
	}
	v, err := t.Float32s()
	if err != nil {
		return headBlock{}, err
	}
	if t.Elem == tensor.Float64 {
		return headBlock{}, errElem(t.Elem)
	}
	d := t.Shape
	switch {
	case len(d) == 4:
		return headBlock{v, int(d[0]), int(d[1]), int(d[2]), int(d[3])}, nil
	case len(d) != 3:
		return headBlock{}, fmt.Errorf("input %d has shape %v, want rank 3 or 4", i, d)
	case n <= 0 || int(d[2])%n != 0:
		return headBlock{}, fmt.Errorf("input %d has shape %v, which does not split into %d heads", i, d, n)
	}
	h := headBlock{nil, int(d[0]), n, int(d[1]), int(d[2]) / n}
	h.v = c.Scratch(len(v))
	kernel.Transpose0213(h.v, v, h.batch, h.seq, h.n, h.size, c.Pool)
	return h, nil
}

// extend appends h to the cached keys or values in input i, and writes the result to output o.
func (h headBlock) extend(c *Call, i, o int) (headBlock, error) {
	past := input(c, i)
	if past == nil && !c.Wanted(o) {
		return h, nil
	}
	all := h
	var old []float32
	if past != nil {
		d := past.Shape
		if len(d) != 4 || int(d[0]) != h.batch || int(d[1]) != h.n || int(d[3]) != h.size {
			return h, fmt.Errorf("input %d has shape %v, want [%d,%d,past,%d]", i, d, h.batch, h.n, h.size)
		}
		var err error
		if old, err = past.Float32s(); err != nil {
			return h, err
		}
		all.seq += int(d[2])
	}
	dims := []int64{int64(h.batch), int64(h.n), int64(all.seq), int64(h.size)}
	var y *tensor.Tensor
	if c.Wanted(o) {
		y = c.Out(o, c.In[0].Elem, dims...)
		all.v = singleOut(y)
	} else {
		all.v = c.Scratch(numel(dims))
	}
	a, b := (all.seq-h.seq)*h.size, h.seq*h.size
	for k := range h.batch * h.n {
		copy(all.v[k*(a+b):], old[k*a:(k+1)*a])
		copy(all.v[k*(a+b)+a:], h.v[k*b:(k+1)*b])
	}
	if y != nil {
		singleDone(y, all.v)
	}
	return all, nil
}

func (e *attentionExec) Run(c *Call) error {
	q, err := e.split(c, 0, e.qHeads)
	if err != nil {
		return err
	}
	k, err := e.split(c, 1, e.kvHeads)
	if err != nil {
		return err
	}
	v, err := e.split(c, 2, e.kvHeads)
	if err != nil {
		return err
	}
	past := 0
	if t := input(c, 4); t != nil && len(t.Shape) == 4 {
		past = int(t.Shape[2])
	}
	if k, err = k.extend(c, 4, 1); err != nil {
		return err
	}
	if v, err = v.extend(c, 5, 2); err != nil {
		return err
	}
	if q.batch != k.batch || q.batch != v.batch || k.n != v.n || k.n == 0 || q.n%k.n != 0 || k.seq != v.seq || q.size != k.size {
		return fmt.Errorf("queries, keys and values of shapes %v, %v, %v do not fit", c.In[0].Shape, c.In[1].Shape, c.In[2].Shape)
	}
	mask, err := e.mask(c, q, k, past)
	if err != nil {
		return err
	}
	y := c.Out(0, c.In[0].Elem, e.outDims(c.In[0], q, v)...)
	out := singleOut(y)
	if len(out) > 0 {
		if err := e.compute(c, out, q, k, v, mask); err != nil {
			return err
		}
	} else if c.Wanted(3) {
		return errors.New("no queries")
	}
	singleDone(y, out)
	return nil
}

func (e *attentionExec) outDims(x *tensor.Tensor, q, v headBlock) []int64 {
	if len(x.Shape) == 3 {
		return []int64{int64(q.batch), int64(q.seq), int64(q.n * v.size)}
	}
	return []int64{int64(q.batch), int64(q.n), int64(q.seq), int64(v.size)}
}

func (e *attentionExec) compute(c *Call, y []float32, q, k, v headBlock, mask *scores) error {
	scale := e.scale
	if scale == 0 {
		scale = float32(1 / math.Sqrt(float64(q.size)))
	}
	var show *tensor.Tensor
	block := q.seq * k.seq
	n := q.batch * q.n
	var s, shown []float32
	if c.Wanted(3) {
		show = c.Out(3, c.In[0].Elem, int64(q.batch), int64(q.n), int64(q.seq), int64(k.seq))
		shown = singleOut(show)
	}
	s = c.Scratch(n * block)
	ctx := y
	rank3 := len(c.In[0].Shape) == 3
	if rank3 {
		ctx = c.Scratch(len(y))
	}
	if block > 0 && q.size > 0 {
		group := q.n / k.n
		for kv := range k.batch * k.n { // the query heads of one key head are rows of one product
			kernel.GemmUnpacked(group*q.seq, k.seq, q.size, q.v[kv*group*q.seq*q.size:], q.size, false,
				k.v[kv*k.seq*k.size:], k.size, true, scale, s[kv*group*block:], k.seq, 0, c.Pool, nil)
		}
	} else {
		clear(s)
	}
	keep := func(mode int64) {
		if show != nil && e.outputMode == mode {
			copy(shown, s)
		}
	}
	keep(0)
	if e.softcap != 0 {
		kernel.DivScalar(s, s, e.softcap)
		kernel.Tanh(s, s)
		kernel.Scale(s, s, e.softcap)
	}
	keep(1)
	if mask != nil {
		c.Pool.For(n, 1+zipGrain/(block+1), func(lo, hi int) {
			for i := lo; i < hi; i++ {
				m := mask.of(i/q.n, i%q.n)
				kernel.Add(s[i*block:(i+1)*block], s[i*block:(i+1)*block], m[:block])
			}
		})
	}
	keep(2)
	if k.seq > 0 {
		kernel.Softmax(s, s, n*q.seq, k.seq, c.Pool)
	}
	if mask != nil { // a query that sees no key gives zeros
		for i := range n {
			m := mask.of(i/q.n, i%q.n)
			for r := range q.seq {
				if k.seq > 0 && math.IsInf(float64(kernel.MaxOf(m[r*k.seq:(r+1)*k.seq])), -1) {
					clear(s[i*block+r*k.seq:][:k.seq])
				}
			}
		}
	}
	keep(3)
	group := q.n / k.n
	for kv := range k.batch * k.n {
		if k.seq == 0 {
			clear(ctx)
			break
		}
		kernel.GemmUnpacked(group*q.seq, v.size, k.seq, s[kv*group*block:], k.seq, false,
			v.v[kv*v.seq*v.size:], v.size, false, 1, ctx[kv*group*q.seq*v.size:], v.size, 0, c.Pool, nil)
	}
	if rank3 {
		kernel.Transpose0213(y, ctx, q.batch, q.n, q.seq, v.size, c.Pool)
	}
	if show != nil {
		singleDone(show, shown)
	}
	return nil
}

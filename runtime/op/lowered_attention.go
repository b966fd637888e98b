package op

import (
	"fmt"
	"sync"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
)

// The layouts of the operands of Attention.
const (
	LayoutBHSD = 0 // [batch, heads, seq, dim]; with three dims [batch, seq, dim]
	LayoutBSHD = 1 // [batch, seq, heads, dim]
	LayoutBHDS = 2 // [batch, heads, dim, seq]; keys only
)

// attention is softmax(scale*q*kᵀ + mask) * v for every head. k and v may have fewer heads than q, each shared by consecutive ones.
//
// Inputs: q, k, v, mask. A float mask is added, and broadcasts to [batch, heads, queries, keys]. A bool mask says which scores count
// (keep=1) or do not (keep=0); the others get the attribute masked added. With nan_zero=1 rows without a probability become zeros.
type attention struct {
	scale, masked  float32
	q, k, v, o     int64 // layouts
	keep, nanZero  bool
	buffers, packs sync.Pool // of *[]float32 and *kernel.Scratch
}

// attentionBlock is the number of scores that a head computes at a time.
const attentionBlock = 64 << 10

func prepareLoweredAttention(p *Prep) (Exec, error) {
	a := p.Attrs()
	e := &attention{scale: a.Float("scale", 1), masked: a.Float("masked", 0), q: a.Int("q", 0), k: a.Int("k", 0), v: a.Int("v", 0), o: a.Int("o", 0),
		keep: a.Int("keep", 0) != 0, nanZero: a.Int("nan_zero", 0) != 0}
	e.buffers.New = func() any { return new([]float32) }
	e.packs.New = func() any { return new(kernel.Scratch) }
	return e, nil
}

// heads is an operand seen as batch x heads matrices of rows x cols.
type heads struct {
	data             []float32
	b, h, rows, cols int
	sb, sh, ld       int // elements from one batch, head, row to the next
}

func headsOf(t *tensor.Tensor, data []float32, layout int64) (heads, error) {
	s := t.Shape
	if len(s) == 3 && layout != LayoutBSHD {
		s = []int64{s[0], 1, s[1], s[2]}
	}
	if len(s) != 4 {
		return heads{}, fmt.Errorf("operand of shape %v", t.Shape)
	}
	h := heads{data: data, b: int(s[0]), h: int(s[1]), rows: int(s[2]), cols: int(s[3])}
	h.sb, h.sh, h.ld = h.h*h.rows*h.cols, h.rows*h.cols, h.cols
	if layout == LayoutBSHD {
		h.h, h.rows = h.rows, h.h
		h.sh, h.ld = h.cols, h.h*h.cols
	}
	return h, nil
}

func (h *heads) at(b, head, row int) []float32 { return h.data[b*h.sb+head*h.sh+row*h.ld:] }

// Run implements Exec.
func (e *attention) Run(c *Call) error {
	var in [3]heads
	for i, layout := range [3]int64{e.q, e.k, e.v} {
		t, data, err := floatIn(c, i)
		if err != nil {
			return err
		}
		if in[i], err = headsOf(t, data, layout); err != nil {
			return err
		}
	}
	q, k, v := in[0], in[1], in[2]
	keys, depth := k.rows, k.cols
	if e.k == LayoutBHDS {
		keys, depth = depth, keys
	}
	if depth != q.cols || v.rows != keys || k.b != q.b || v.b != q.b || k.h != v.h || k.h == 0 || q.h%max(k.h, 1) != 0 {
		return fmt.Errorf("shapes %v, %v and %v do not fit", c.In[0].Shape, c.In[1].Shape, c.In[2].Shape)
	}
	mask, err := e.maskOf(c, q.b, q.h, q.rows, keys)
	if err != nil {
		return err
	}
	var y *tensor.Tensor
	switch {
	case len(c.In[0].Shape) == 3:
		y = c.Out(0, tensor.Float32, int64(q.b), int64(q.rows), int64(v.cols))
	case e.o == LayoutBSHD:
		y = c.Out(0, tensor.Float32, int64(q.b), int64(q.rows), int64(q.h), int64(v.cols))
	default:
		y = c.Out(0, tensor.Float32, int64(q.b), int64(q.h), int64(q.rows), int64(v.cols))
	}
	o, err := headsOf(y, tensor.Data[float32](y), e.o)
	if err != nil {
		return err
	}
	if len(o.data) == 0 {
		return nil
	}
	if keys == 0 || depth == 0 {
		return fmt.Errorf("attention over nothing: shapes %v and %v", c.In[0].Shape, c.In[1].Shape)
	}
	block := min(q.rows, max(8, attentionBlock/keys))
	blocks := (q.rows + block - 1) / block
	job := attentionJob{e: e, q: q, k: k, v: v, o: o, mask: mask, keys: keys, depth: depth, block: block}
	c.Pool.For(q.b*q.h*blocks, 1, func(lo, hi int) {
		buf, scratch := e.buffers.Get().(*[]float32), e.packs.Get().(*kernel.Scratch)
		if cap(*buf) < block*keys {
			*buf = make([]float32, block*keys)
		}
		for u := lo; u < hi; u++ {
			row := u % blocks * block
			job.rows(u/blocks/q.h, u/blocks%q.h, row, min(block, q.rows-row), (*buf)[:block*keys], scratch)
		}
		e.buffers.Put(buf)
		e.packs.Put(scratch)
	})
	return nil
}

type attentionJob struct {
	e                  *attention
	q, k, v, o         heads
	mask               scoreMask
	keys, depth, block int
}

// rows computes n rows of one head's output.
func (j *attentionJob) rows(b, h, row, n int, scores []float32, scratch *kernel.Scratch) {
	kv := h / (j.q.h / j.k.h)
	q, k, v, o := j.q.at(b, h, row), j.k.at(b, kv, 0), j.v.at(b, kv, 0), j.o.at(b, h, row)
	scores = scores[:n*j.keys]
	if n == 1 && j.e.k != LayoutBHDS {
		for i := range scores {
			scores[i] = kernel.Dot(q[:j.depth], k[i*j.k.ld:][:j.depth])
		}
	} else {
		kernel.GemmUnpacked(n, j.keys, j.depth, q, j.q.ld, false, k, j.k.ld, j.e.k != LayoutBHDS, 1, scores, j.keys, 0, nil, scratch)
	}
	kernel.SoftmaxMasked(scores, scores, n, j.keys, j.e.scale, kernel.AttentionMask{Add: j.mask.rows(b, h, row, n)}, nil)
	if j.e.nanZero {
		for i := range n {
			if r := scores[i*j.keys:][:j.keys]; r[0] != r[0] {
				clear(r)
			}
		}
	}
	if n == 1 {
		o = o[:j.v.cols]
		clear(o)
		for i, s := range scores {
			kernel.Axpy(s, v[i*j.v.ld:][:j.v.cols], o)
		}
		return
	}
	kernel.GemmUnpacked(n, j.v.cols, j.keys, scores, j.keys, false, v, j.v.ld, false, 1, o, j.o.ld, 0, nil, scratch)
}

// scoreMask is what is added to the scores: [.., keys] rows, the same for every batch, head or query where the stride is 0.
type scoreMask struct {
	data       []float32
	sb, sh, sq int
	keys       int
}

// rows is the mask of n rows of scores: n rows, or one for all of them.
func (m *scoreMask) rows(b, h, row, n int) []float32 {
	if m.data == nil {
		return nil
	}
	at := b*m.sb + h*m.sh + row*m.sq
	if m.sq == 0 {
		n = 1
	}
	return m.data[at : at+n*m.keys]
}

// maskOf is input 3 as something to add to the scores.
func (e *attention) maskOf(c *Call, batch, head, queries, keys int) (scoreMask, error) {
	t := input(c, 3)
	if t == nil {
		return scoreMask{}, nil
	}
	want := [4]int{batch, head, queries, keys}
	if len(c.In[0].Shape) == 3 { // the heads are part of the batch
		want = [4]int{1, batch, queries, keys}
	}
	dims := [4]int{1, 1, 1, 1}
	if len(t.Shape) > 4 {
		return scoreMask{}, fmt.Errorf("mask of shape %v", t.Shape)
	}
	for i, d := range t.Shape {
		k := 4 - len(t.Shape) + i
		dims[k] = int(d)
		if dims[k] != 1 && dims[k] != want[k] {
			return scoreMask{}, fmt.Errorf("mask of shape %v for %d x %d scores of %d heads", t.Shape, queries, keys, head)
		}
	}
	rows := dims[0] * dims[1] * dims[2]
	m := scoreMask{keys: keys}
	switch {
	case t.Elem == tensor.Float32 && dims[3] == keys:
		m.data = tensor.Data[float32](t)
	case t.Elem == tensor.Float32:
		m.data = c.Scratch(rows * keys)
		for i, x := range tensor.Data[float32](t) {
			fillWith(m.data[i*keys:][:keys], x)
		}
	case t.Elem == tensor.Bool:
		m.data = c.Scratch(rows * keys)
		e.addend(m.data, tensor.Data[bool](t), keys/dims[3])
	default:
		return scoreMask{}, fmt.Errorf("mask of %s", t.Elem)
	}
	size := keys
	for i, s := range []*int{&m.sq, &m.sh, &m.sb} {
		if d := dims[2-i]; d > 1 {
			*s = size
			size *= d
		}
	}
	if len(c.In[0].Shape) == 3 {
		m.sb, m.sh = m.sh, 0
	}
	return m, nil
}

// addend turns a bool mask into numbers; each element stands for repeat keys.
func (e *attention) addend(dst []float32, cond []bool, repeat int) {
	if repeat > 1 {
		for i, x := range cond {
			v := e.masked
			if x == e.keep {
				v = 0
			}
			fillWith(dst[i*repeat:][:repeat], v)
		}
		return
	}
	table := [2]float32{e.masked, e.masked}
	if e.keep {
		table[1] = 0
	} else {
		table[0] = 0
	}
	for i, x := range cond[:len(dst)] {
		k := 0
		if x {
			k = 1
		}
		dst[i] = table[k]
	}
}

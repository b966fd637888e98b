package op

import (
	"fmt"
	"math"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
)

// sequenceOps are the sequence operators of newer opsets: LinearAttention, CausalConvWithState, SwiGLU and FlexAttention.
func sequenceOps() []OpDef {
	singles := elemSet(tensor.Float32, tensor.Float16, tensor.BFloat16)
	return []OpDef{
		{Op: "LinearAttention", Since: 27, Prepare: checked(singles, prepareLinearAttention, 0, 1, 2, 3, 4, 5)},
		{Op: "CausalConvWithState", Since: 27, Prepare: checked(singles, prepareCausalConv, 0, 1, 2, 3)},
		{Op: "SwiGLU", Since: 28, Prepare: checked(floats, prepareSwiGLU, 0, 1), InPlace: []int{0, 1}},
		{Domain: "ai.onnx.preview", Op: "FlexAttention", Since: 1, Prepare: checked(singles, prepareFlexAttention, 0, 1, 2)},
	}
}

// linearAttention is the recurrence S = decay S + k ⊗ u, o = scale q S, by head.
type linearAttention struct {
	qHeads, kvHeads int
	scale           float32
	gated, delta    bool
}

func prepareLinearAttention(p *Prep) (Exec, error) {
	a := p.Attrs()
	e := &linearAttention{qHeads: int(a.Int("q_num_heads", 0)), kvHeads: int(a.Int("kv_num_heads", 0)), scale: a.Float("scale", 0)}
	switch rule := a.String("update_rule", "gated_delta"); rule {
	case "linear":
	case "gated":
		e.gated = true
	case "delta":
		e.delta = true
	case "gated_delta":
		e.gated, e.delta = true, true
	default:
		return nil, fmt.Errorf("attribute update_rule is %q", rule)
	}
	if e.kvHeads < 1 || e.qHeads < 1 || e.qHeads%e.kvHeads != 0 {
		return nil, fmt.Errorf("%d query heads for %d key heads", e.qHeads, e.kvHeads)
	}
	if e.gated != p.Has(4) || e.delta != p.Has(5) {
		return nil, fmt.Errorf("decay and beta do not fit update_rule %q", a.String("update_rule", "gated_delta"))
	}
	return e, nil
}

func (e *linearAttention) Run(c *Call) error {
	q, k, v := c.In[0], c.In[1], c.In[2]
	if len(q.Shape) != 3 || len(k.Shape) != 3 || len(v.Shape) != 3 || int(q.Shape[2])%e.qHeads != 0 || int(v.Shape[2])%e.kvHeads != 0 {
		return fmt.Errorf("shapes %v, %v, %v do not split into heads", q.Shape, k.Shape, v.Shape)
	}
	batch, steps := int(q.Shape[0]), int(q.Shape[1])
	dk, dv := int(q.Shape[2])/e.qHeads, int(v.Shape[2])/e.kvHeads
	if int(k.Shape[2]) != e.kvHeads*dk || !equalDims(k.Shape[:2], q.Shape[:2]) || !equalDims(v.Shape[:2], q.Shape[:2]) {
		return fmt.Errorf("shapes %v, %v, %v do not fit", q.Shape, k.Shape, v.Shape)
	}
	var decay, beta []float32
	perKey, betas := false, 0
	if t := input(c, 4); t != nil {
		decay, perKey = single(t), t.Len() == k.Len() && dk > 1
		if t.Len() != batch*steps*e.kvHeads && !perKey {
			return fmt.Errorf("decay has shape %v", t.Shape)
		}
	}
	if t := input(c, 5); t != nil {
		beta = single(t)
		if betas = len(beta) / max(batch*steps, 1); betas != 1 && betas != e.kvHeads {
			return fmt.Errorf("beta has shape %v", t.Shape)
		}
	}
	size := dk * dv
	state := c.Scratch(batch * e.kvHeads * size)
	clear(state)
	elem := q.Elem
	if t := input(c, 3); t != nil {
		if t.Len() != len(state) {
			return fmt.Errorf("past_state has shape %v", t.Shape)
		}
		copy(state, single(t))
		elem = t.Elem
	}
	scale := e.scale
	if scale == 0 {
		scale = float32(1 / math.Sqrt(float64(dk)))
	}
	y := c.Out(0, q.Elem, int64(batch), int64(steps), int64(e.qHeads*dv))
	out := singleOut(y)
	qv, kv, vv := single(q), single(k), single(v)
	group := e.qHeads / e.kvHeads
	c.Pool.For(batch*e.kvHeads, 1, func(lo, hi int) {
		u := make([]float32, dv)
		for i := lo; i < hi; i++ {
			b, h := i/e.kvHeads, i%e.kvHeads
			s := state[i*size : (i+1)*size]
			for t := range steps {
				at := b*steps + t
				key := kv[(at*e.kvHeads+h)*dk:][:dk]
				if e.gated {
					for r := range dk {
						g := at*e.kvHeads + h
						if perKey {
							g = g*dk + r
						}
						row := s[r*dv : (r+1)*dv]
						kernel.Scale(row, row, float32(math.Exp(float64(decay[g]))))
					}
				}
				copy(u, vv[(at*e.kvHeads+h)*dv:])
				if e.delta {
					for r, x := range key {
						kernel.Axpy(-x, s[r*dv:(r+1)*dv], u)
					}
					kernel.Scale(u, u, beta[at*betas+h%betas])
				}
				for r, x := range key {
					kernel.Axpy(x, u, s[r*dv:(r+1)*dv])
				}
				for j := h * group; j < (h+1)*group; j++ {
					o := out[(at*e.qHeads+j)*dv:][:dv]
					clear(o)
					for r, x := range qv[(at*e.qHeads+j)*dk:][:dk] {
						kernel.Axpy(x*scale, s[r*dv:(r+1)*dv], o)
					}
				}
			}
		}
	})
	singleDone(y, out)
	if c.Wanted(1) {
		p := c.Out(1, elem, int64(batch), int64(e.kvHeads), int64(dk), int64(dv))
		last := singleOut(p)
		copy(last, state)
		singleDone(p, last)
	}
	return nil
}

// prepareCausalConv is a depthwise convolution over the current and past positions of each channel.
func prepareCausalConv(p *Prep) (Exec, error) {
	act := kernel.ActNone
	switch a := p.Attrs().String("activation", "none"); a {
	case "none":
	case "silu", "swish":
		act = kernel.ActSilu
	default:
		return nil, fmt.Errorf("attribute activation is %q", a)
	}
	return ExecFunc(func(c *Call) error {
		x, w := c.In[0], c.In[1]
		if len(x.Shape) != 3 || len(w.Shape) != 3 || w.Shape[0] != x.Shape[1] || w.Shape[1] != 1 || w.Shape[2] < 1 {
			return fmt.Errorf("input has shape %v, weight %v", x.Shape, w.Shape)
		}
		ch, n, k := int(x.Shape[1]), int(x.Shape[2]), int(w.Shape[2])
		rows := int(x.Shape[0]) * ch
		past, bias := single(input(c, 3)), single(input(c, 2))
		if past != nil && len(past) != rows*(k-1) || bias != nil && len(bias) != ch {
			return fmt.Errorf("past_state or bias does not fit input %v", x.Shape)
		}
		xv, wv := single(x), single(w)
		y := c.Out(0, x.Elem, x.Shape...)
		out := singleOut(y)
		var st *tensor.Tensor
		var state []float32
		if c.Wanted(1) {
			st = c.Out(1, x.Elem, x.Shape[0], x.Shape[1], int64(k-1))
			state = singleOut(st)
		}
		c.Pool.For(rows, 1+zipGrain/(n*k+1), func(lo, hi int) {
			line := make([]float32, n+k-1)
			for r := lo; r < hi; r++ {
				clear(line[:k-1])
				if past != nil {
					copy(line, past[r*(k-1):(r+1)*(k-1)])
				}
				copy(line[k-1:], xv[r*n:(r+1)*n])
				dst := out[r*n : (r+1)*n]
				b := float32(0)
				if bias != nil {
					b = bias[r%ch]
				}
				fillWith(dst, b)
				for i, a := range wv[r%ch*k:][:k] {
					kernel.Axpy(a, line[i:i+n], dst)
				}
				kernel.Activate(act, dst, dst)
				if state != nil {
					copy(state[r*(k-1):(r+1)*(k-1)], line[n:])
				}
			}
		})
		singleDone(y, out)
		if st != nil {
			singleDone(st, state)
		}
		return nil
	}), nil
}

func prepareSwiGLU(p *Prep) (Exec, error) {
	alpha := p.Attrs().Float("alpha", 1)
	return ExecFunc(func(c *Call) error {
		a, b := c.In[0], c.In[1]
		if a.Elem != b.Elem || !equalDims(a.Shape, b.Shape) {
			return fmt.Errorf("inputs are %s%v and %s%v", a.Elem, a.Shape, b.Elem, b.Shape)
		}
		y := c.Out(0, a.Elem, a.Shape...)
		if a.Elem == tensor.Float64 {
			out, bv := tensor.Data[float64](y), tensor.Data[float64](b)
			for i, x := range tensor.Data[float64](a) {
				out[i] = activate64(kernel.ActSilu, float64(alpha), 0, x) * bv[i]
			}
			return nil
		}
		out, av, bv := singleOut(y), single(a), single(b)
		c.Pool.For(len(av), zipGrain/4, func(lo, hi int) {
			var buf [512]float32 // the output may be either input
			for ; lo < hi; lo += len(buf) {
				n := min(len(buf), hi-lo)
				kernel.ActivateParams(kernel.ActSilu, kernel.ActParams{Alpha: alpha}, buf[:n], av[lo:lo+n])
				kernel.Mul(out[lo:lo+n], buf[:n], bv[lo:lo+n])
			}
		})
		singleDone(y, out)
		return nil
	}), nil
}

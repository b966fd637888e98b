package kernel

// tapRows is the argument of the depthwise kernels. The assembly knows the
// layout up to bias; strides are in bytes.
type tapRows struct {
	dst       *float32
	dstStride int
	src       *float32
	srcStride int
	offs      *int
	w         *float32
	taps      int
	rows      int        // counted down
	n         int        // columns
	mask      uint64     // lanes of the last vector of a row, AVX-512
	masks     *[8]uint32 // the same for AVX2
	relu      uint64
	bias      float32
}

// runDepthwise computes a convolution whose groups have one input channel: the
// taps are applied to whole rows.
func (c *Conv) runDepthwise(batch int, plan *convPlan, x, y []float32, p *Pool) {
	s := &c.spec
	outs := s.OutChannels / s.Group
	work := plan.outSize*plan.taps*outs + plan.plane
	p.For(batch*s.InChannels, 1+minPartWork/4/work, func(lo, hi int) {
		ws := newWorkspace()
		for i := lo; i < hi; i++ {
			src := grow(&ws.a, plan.plane)
			plan.spread(src, x[i*plan.inSize:][:plan.inSize], s)
			for o := range outs {
				out := i%s.InChannels*outs + o
				dst := y[(i*outs+o)*plan.outSize:][:plan.outSize]
				ws.depthwise(c, plan, out, dst, src)
			}
		}
		ws.release()
	})
}

// depthwise computes output channel out.
func (ws *workspace) depthwise(c *Conv, plan *convPlan, out int, dst, src []float32) {
	s := &c.spec
	w := c.w[out*c.ldw:][:plan.taps]
	var bias float32
	if s.Bias != nil {
		bias = s.Bias[out]
	}
	oh, ow := plan.out[1], plan.out[2]
	t := &ws.taps
	relu := s.Act == ActRelu
	for z := range plan.out[0] {
		d := dst[z*oh*ow:][:oh*ow]
		from := src[plan.position(z, 0, 0):]
		if plan.level == Portable {
			tapsRef(d, ow, from, plan.axes[2].size, plan.offs, w, oh, bias, relu)
			continue
		}
		*t = tapRows{
			dst: &d[0], dstStride: 4 * ow, src: &from[0], srcStride: 4 * plan.axes[2].size,
			offs: &plan.offs[0], w: &w[0], taps: plan.taps, rows: oh, n: ow, bias: bias,
		}
		t.mask, _ = laneMask((ow-1)%16 + 1)
		_, t.masks = laneMask((ow-1)%8 + 1)
		if relu {
			t.relu = 1
		}
		tapsAsm(plan.level, t)
	}
	if s.Act != ActNone && !relu {
		Activate(s.Act, dst, dst)
	}
}

// tapsRef is the contract of the assembly: dst[r,x] = bias + the sum over the
// taps of w[t] * src[offs[t]/4 + r*srcStride + x].
func tapsRef(dst []float32, n int, src []float32, srcStride int, offs []int, w []float32, rows int, bias float32, relu bool) {
	for r := range rows {
		d := dst[r*n:][:n]
		clear(d)
		for t, f := range w {
			for x, v := range src[r*srcStride+offs[t]/4:][:n] {
				d[x] += float32(f * v)
			}
		}
		for x := range d {
			d[x] += bias
			if relu && d[x] < 0 {
				d[x] = 0
			}
		}
	}
}

package kernel

import "math/bits"

// convPlan is what a convolution works out for one spatial input size.
//
// A strided convolution reads, for tap q of a dimension, the input positions
// q*dilation + stride*o. Splitting the padded input into its phases (position
// mod stride) makes every tap read consecutive elements of one phase. So the
// input is copied once, padded and split; taps are offsets into the copy.
type convPlan struct {
	level           Level
	in, out         [3]int
	inSize, outSize int
	plain           bool        // no padding, no stride: the input itself is read
	axes            [3]axis     // phases used along each dimension
	plane           int         // elements of one channel of the source
	rows            [][]convRun // how a row of each width phase is copied (not with large strides)
	offs            []int       // byte offset of each (channel of a group, tap)
	taps            int         // taps of a kernel; offs[:taps] are those of channel 0
}

// slack is the space behind a plane of the copy, which whole vectors may be
// written to or read from.
const slack = 32

// axis is one dimension of the padded copy: size positions of each used phase.
type axis struct {
	phases []int // the used phases, ascending
	slot   []int // slot[q]: index in phases of tap q
	shift  []int // shift[q]: position of tap q within its phase
	size   int
}

func (c *Conv) planFor(in [3]int) *convPlan {
	level := ActiveLevel()
	if p := c.plan.Load(); p != nil && p.in == in && p.level == level {
		return p
	}
	s := &c.spec
	p := &convPlan{level: level, in: in, out: c.OutputSize(in), plain: true}
	p.inSize, p.outSize = in[0]*in[1]*in[2], p.out[0]*p.out[1]*p.out[2]
	p.plane, p.taps = 1, 1
	depthwise := c.depthwise()
	for d := range 3 {
		if depthwise || s.PadBegin[d] != 0 || s.PadEnd[d] != 0 || s.Stride[d] != 1 {
			p.plain = false
		}
		p.axes[d] = newAxis(s.Kernel[d], s.Stride[d], s.Dilation[d], p.out[d])
		p.taps *= s.Kernel[d]
	}
	if p.plain {
		for d := range 3 {
			p.axes[d].size = in[d]
		}
	}
	for d := range 3 {
		p.plane *= p.axes[d].size * len(p.axes[d].phases)
	}
	if !p.plain {
		p.plane += slack
		p.planRows(s)
	}
	p.offs = make([]int, 0, c.k)
	for ch := range s.InChannels / s.Group {
		for z := range s.Kernel[0] {
			for y := range s.Kernel[1] {
				for x := range s.Kernel[2] {
					p.offs = append(p.offs, 4*(ch*p.plane+p.tap(z, y, x)))
				}
			}
		}
	}
	c.plan.Store(p)
	return p
}

func newAxis(kernel, stride, dilation, out int) axis {
	var a axis
	slots := make([]int, stride)
	for i := range slots {
		slots[i] = -1
	}
	for q := range kernel {
		slots[q*dilation%stride] = 0
		a.shift = append(a.shift, q*dilation/stride)
	}
	for phase, s := range slots {
		if s == 0 {
			slots[phase] = len(a.phases)
			a.phases = append(a.phases, phase)
		}
	}
	for q := range kernel {
		a.slot = append(a.slot, slots[q*dilation%stride])
	}
	a.size = a.shift[kernel-1] + out
	return a
}

// tap is the offset of a tap within the copy of a channel: the copy is
// [phases z, phases y, phases x, size z, size y, size x].
func (p *convPlan) tap(z, y, x int) int {
	a, b, c := &p.axes[0], &p.axes[1], &p.axes[2]
	phase := (a.slot[z]*len(b.phases)+b.slot[y])*len(c.phases) + c.slot[x]
	return phase*a.size*b.size*c.size + p.position(a.shift[z], b.shift[y], c.shift[x])
}

func (p *convPlan) position(z, y, x int) int {
	return (z*p.axes[1].size+y)*p.axes[2].size + x
}

// spread writes the padded, phase-split copy of one channel.
func (p *convPlan) spread(dst, src []float32, s *ConvSpec) {
	ax := &p.axes
	row := ax[2].size
	clear(dst)
	for _, pz := range ax[0].phases {
		for _, py := range ax[1].phases {
			ylo, yhi := inside(p.in[1], ax[1].size, s.Stride[1], py-s.PadBegin[1])
			iy := ylo*s.Stride[1] + py - s.PadBegin[1]
			for i, px := range ax[2].phases {
				for z := range ax[0].size {
					iz := z*s.Stride[0] + pz - s.PadBegin[0]
					if iz < 0 || iz >= p.in[0] || ylo == yhi {
						continue
					}
					p.spreadRows(dst[(z*ax[1].size+ylo)*row:], src[(iz*p.in[1]+iy)*p.in[2]:], yhi-ylo, s.Stride, i, px-s.PadBegin[2])
				}
				dst = dst[ax[0].size*ax[1].size*row:]
			}
		}
	}
}

// inside returns the range of positions i in [0,n) with first + i*stride in [0,in).
func inside(in, n, stride, first int) (lo, hi int) {
	if first < 0 {
		lo = min(n, ceilDiv(-first, stride))
	}
	hi = lo
	if in > first {
		hi = max(lo, min(n, ceilDiv(in-first, stride)))
	}
	return lo, hi
}

// planRows lists the runs that copy a row of each width phase, for the strides
// the assembly knows.
func (p *convPlan) planRows(s *ConvSpec) {
	stride := s.Stride[2]
	if stride > 2 || p.level == Portable {
		return
	}
	lanes := p.lanes()
	for _, px := range p.axes[2].phases {
		first := px - s.PadBegin[2]
		lo, hi := inside(p.in[2], p.axes[2].size, stride, first)
		var rs []convRun
		for at := lo; at < hi; at += lanes {
			n := min(lanes, hi-at)
			src := first + at*stride
			r := convRun{src: 4 * src, dst: 4 * at}
			values := (n-1)*stride + 1 // from the first to the last one wanted
			r.mask, r.masks = laneMask(min(values, lanes))
			r.mask2, r.masks2 = laneMask(max(values-lanes, 0))
			rs = append(rs, r)
		}
		p.rows = append(p.rows, rs)
	}
}

// spreadRows copies rows of one phase: dst[r,i] = src[r*stride, first +
// i*stride], leaving what lies outside the input. dst may be written up to a
// vector past its end.
func (p *convPlan) spreadRows(dst, src []float32, rows int, stride [3]int, phase, first int) {
	row, in := p.axes[2].size, p.in[2]
	lo, hi := inside(in, row, stride[2], first)
	if lo == hi {
		return
	}
	if p.rows != nil {
		spreadAsm(p.level, stride[2], dst, row, src, stride[1]*in, rows, p.rows[phase])
		return
	}
	first += lo * stride[2]
	for r := range rows {
		d, s := dst[r*row+lo:][:hi-lo], src[r*stride[1]*in:][first:in]
		if stride[2] == 1 {
			copy(d, s)
			continue
		}
		for i := range d {
			d[i] = s[i*stride[2]]
		}
	}
}

// convRun is a stretch of neighbours in the source, at most one vector of the
// destination. The assembly knows the layout.
type convRun struct {
	src, dst int        // in bytes, from the source's and the row's start
	mask     uint64     // lanes to read, AVX-512
	masks    *[8]uint32 // the same, AVX2
	mask2    uint64     // lanes of the vector after it, where every second value is taken
	masks2   *[8]uint32
}

func (p *convPlan) lanes() int {
	if p.level == AVX512 {
		return 16
	}
	return 8
}

// runs appends the runs of output positions j..j+w to rs.
func (p *convPlan) runs(rs []convRun, j, w int) []convRun {
	lanes := p.lanes()
	ow, oh := p.out[2], p.out[1]
	for at := 0; at < w; {
		pos := j + at
		n := min(w-at, ow-pos%ow, lanes)
		src := p.position(pos/ow/oh, pos/ow%oh, pos%ow)
		if p.axes[2].size == ow { // rows follow each other: the run may go on into the next
			n = min(w-at, lanes)
			if p.axes[1].size != oh {
				n = min(n, ow*oh-pos%(ow*oh))
			}
		}
		r := convRun{src: 4 * src, dst: 4 * at}
		r.mask, r.masks = laneMask(n)
		rs = append(rs, r)
		at += n
	}
	return rs
}

// length is the number of values of a run.
func (r *convRun) length() int { return bits.Len64(r.mask) }

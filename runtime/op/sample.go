package op

import (
	"fmt"
	"math"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// sampleOps read images at positions that are data.
func sampleOps() []OpDef {
	return []OpDef{
		{Op: "GridSample", Since: 16, Prepare: checked(floats, prepareGridSample, 0, 1)},
		{Op: "AffineGrid", Since: 20, Prepare: checked(floats, prepareAffineGrid, 0)},
		{Op: "RoiAlign", Since: 10, Prepare: checked(floats, prepareRoiAlign, 0, 1)},
		{Op: "DeformConv", Since: 19, Prepare: checked(floats, prepareDeformConv, 0, 1, 2)},
	}
}

// sampler reads an image of two or three spatial dims between its pixels.
type sampler struct {
	mode    string // linear, nearest, cubic
	padding string // zeros, border, reflection
	corners bool   // -1 and 1 are the centres of the outer pixels, not their outer edges
}

func prepareGridSample(p *Prep) (Exec, error) {
	a := p.Attrs()
	s := sampler{mode: a.String("mode", "linear"), padding: a.String("padding_mode", "zeros"), corners: a.Int("align_corners", 0) != 0}
	switch s.mode {
	case "bilinear":
		s.mode = "linear"
	case "bicubic":
		s.mode = "cubic"
	case "linear", "nearest", "cubic":
	default:
		return nil, fmt.Errorf("attribute mode is %q", s.mode)
	}
	switch s.padding {
	case "zeros", "border", "reflection":
	default:
		return nil, fmt.Errorf("attribute padding_mode is %q", s.padding)
	}
	return ExecFunc(func(c *Call) error {
		x, g := c.In[0], c.In[1]
		rank := len(x.Shape) - 2
		if rank < 1 || len(g.Shape) != rank+2 || g.Shape[0] != x.Shape[0] || int(g.Shape[rank+1]) != rank {
			return fmt.Errorf("input has shape %v, grid %v", x.Shape, g.Shape)
		}
		dims := append(append([]int64{}, x.Shape[:2]...), g.Shape[1:rank+1]...)
		v, err := x.Float64s()
		if err != nil {
			return err
		}
		grid, err := g.Float64s()
		if err != nil {
			return err
		}
		size := make([]int, rank)
		for i := range size {
			if size[i] = int(x.Shape[2+i]); size[i] == 0 {
				return fmt.Errorf("input has shape %v", x.Shape)
			}
		}
		ch, in, points := int(x.Shape[1]), numel(x.Shape[2:]), numel(g.Shape[1:rank+1])
		out := make([]float64, numel(dims))
		c.Pool.For(int(x.Shape[0])*points, 64, func(lo, hi int) {
			pos := make([]float64, rank)
			for i := lo; i < hi; i++ {
				n, k := i/points, i%points
				for d := range pos {
					pos[d] = s.denormalize(grid[i*rank+rank-1-d], size[d])
				}
				taps := s.taps(pos, size)
				for j := range ch {
					img := v[(n*ch+j)*in:]
					sum := 0.0
					for _, t := range taps {
						sum += img[t.at] * t.w
					}
					out[(n*ch+j)*points+k] = sum
				}
			}
		})
		return storeFloats(c.Out(0, x.Elem, dims...), out)
	}), nil
}

// denormalize maps -1..1 to pixel positions; rounded to float32 as the operator's own arithmetic does.
func (s *sampler) denormalize(v float64, n int) float64 {
	if s.corners {
		return float64(float32((v + 1) / 2 * float64(n-1)))
	}
	return float64(float32(((v+1)*float64(n) - 1) / 2))
}

// taps lists the pixels, as places in the image, that make up the value at pos. Pixels of the zero padding are left out.
func (s *sampler) taps(pos []float64, size []int) []tap {
	list := []tap{{0, 1}}
	for d, n := range size {
		var own []tap
		for _, t := range s.axisTaps(pos[d], n) {
			own = append(own, t)
		}
		var next []tap
		for _, a := range list {
			for _, b := range own {
				next = append(next, tap{a.at*n + b.at, a.w * b.w})
			}
		}
		list = next
	}
	return list
}

func (s *sampler) axisTaps(x float64, n int) []tap {
	lo, hi := -0.5, float64(n)-0.5
	if s.corners {
		lo, hi = 0, float64(n-1)
	}
	if s.mode == "nearest" {
		x = math.RoundToEven(x)
	}
	if s.mode != "cubic" || s.mode == "nearest" {
		if x < lo || x > hi {
			switch s.padding {
			case "border":
				x = min(max(x, 0), float64(n-1))
			case "reflection":
				x = reflect(x, lo, hi)
			}
		}
	}
	if x != x || math.Abs(x) > 1<<40 { // far outside: nothing but padding
		if s.padding == "zeros" || x != x {
			return nil
		}
		x = math.Copysign(1<<40, x)
	}
	base := math.Floor(x)
	t := x - base
	var taps []tap
	add := func(i float64, w float64) {
		if w == 0 {
			return
		}
		if i < 0 || i >= float64(n) {
			switch s.padding {
			case "zeros":
				return
			case "border":
				i = min(max(i, 0), float64(n-1))
			default:
				i = math.Trunc(reflect(i, lo, hi))
			}
		}
		taps = append(taps, tap{int(min(max(i, 0), float64(n-1))), w})
	}
	switch s.mode {
	case "nearest":
		add(math.RoundToEven(x), 1)
	case "linear":
		add(base, 1-t)
		add(base+1, t)
	default:
		k := resizer{cubicA: -0.75}
		for i := -1.0; i <= 2; i++ {
			add(base+i, k.cubic(math.Abs(t-i)))
		}
	}
	return taps
}

// reflect folds x at lo and hi until it lies between them.
func reflect(x, lo, hi float64) float64 {
	span := hi - lo
	if span <= 0 {
		return lo
	}
	d := math.Mod(math.Abs(x-lo), 2*span)
	if x < lo || x > hi {
		if d > span {
			d = 2*span - d
		}
		return lo + d
	}
	return x
}

func prepareAffineGrid(p *Prep) (Exec, error) {
	corners := p.Attrs().Int("align_corners", 0) != 0
	return ExecFunc(func(c *Call) error {
		theta, s := c.In[0], c.In[1]
		size, err := intList(s)
		if err != nil {
			return err
		}
		rank := len(size) - 2
		if rank != 2 && rank != 3 || len(theta.Shape) != 3 || theta.Shape[0] != size[0] || int(theta.Shape[1]) != rank || int(theta.Shape[2]) != rank+1 {
			return fmt.Errorf("theta has shape %v, size is %v", theta.Shape, size)
		}
		dims := append(append([]int64{size[0]}, size[2:]...), int64(rank))
		if err := sizeOf(theta.Elem, dims); err != nil {
			return err
		}
		m, err := theta.Float64s()
		if err != nil {
			return err
		}
		out := make([]float64, numel(dims))
		points := numel(size[2:])
		pos := make([]float64, rank) // x, y(, z)
		for i := range int(size[0]) * points {
			rest := i % points
			for d := range rank {
				n := int(size[len(size)-1-d])
				k := rest % n
				rest /= n
				if corners {
					pos[d] = -1 + float64(k)*2/float64(n-1)
				} else {
					pos[d] = -1 + (2*float64(k)+1)/float64(n)
				}
			}
			row := m[i/points*rank*(rank+1):]
			for d := range rank {
				v := row[d*(rank+1)+rank]
				for j, x := range pos {
					v += row[d*(rank+1)+j] * x
				}
				out[i*rank+d] = v
			}
		}
		return storeFloats(c.Out(0, theta.Elem, dims...), out)
	}), nil
}

func prepareRoiAlign(p *Prep) (Exec, error) {
	a := p.Attrs()
	oh, ow, ratio := int(a.Int("output_height", 1)), int(a.Int("output_width", 1)), int(a.Int("sampling_ratio", 0))
	scale, mode := float64(a.Float("spatial_scale", 1)), a.String("mode", "avg")
	def := "output_half_pixel"
	if p.Opset >= 16 {
		def = "half_pixel"
	}
	half := a.String("coordinate_transformation_mode", def) == "half_pixel"
	if mode != "avg" && mode != "max" || oh < 1 || ow < 1 {
		return nil, fmt.Errorf("attribute mode is %q, output is %dx%d", mode, oh, ow)
	}
	return ExecFunc(func(c *Call) error {
		x, r, b := c.In[0], c.In[1], c.In[2]
		if len(x.Shape) != 4 || len(r.Shape) != 2 || r.Shape[1] != 4 || b.Len() != int(r.Shape[0]) {
			return fmt.Errorf("input %v, rois %v, batch_indices %v", x.Shape, r.Shape, b.Shape)
		}
		v, err := x.Float64s()
		if err != nil {
			return err
		}
		rois, err := r.Float64s()
		if err != nil {
			return err
		}
		batch, err := intList(b)
		if err != nil {
			return err
		}
		ch, h, w := int(x.Shape[1]), int(x.Shape[2]), int(x.Shape[3])
		if h*w == 0 {
			return fmt.Errorf("input has shape %v", x.Shape)
		}
		out := make([]float64, len(batch)*ch*oh*ow)
		for n, bi := range batch {
			if bi < 0 || bi >= x.Shape[0] {
				return fmt.Errorf("batch index %d is outside a batch of %d", bi, x.Shape[0])
			}
			shift := 0.0
			if half {
				shift = 0.5
			}
			x1, y1, x2, y2 := rois[4*n]*scale-shift, rois[4*n+1]*scale-shift, rois[4*n+2]*scale-shift, rois[4*n+3]*scale-shift
			rw, rh := x2-x1, y2-y1
			if !half {
				rw, rh = max(rw, 1), max(rh, 1)
			}
			bw, bh := rw/float64(ow), rh/float64(oh)
			gh, gw := ratio, ratio
			if ratio <= 0 {
				gh, gw = int(math.Ceil(bh)), int(math.Ceil(bw))
			}
			if gh > h+1 && ratio <= 0 && gh > 1<<12 || gw > 1<<12 {
				return fmt.Errorf("region %d is too large", n)
			}
			for i := range oh * ow {
				py, px := i/ow, i%ow
				var pts [][4]tap
				for iy := range gh {
					for ix := range gw {
						y := y1 + float64(py)*bh + (float64(iy)+0.5)*bh/float64(gh)
						xx := x1 + float64(px)*bw + (float64(ix)+0.5)*bw/float64(gw)
						pts = append(pts, roiTaps(y, xx, h, w))
					}
				}
				for k := range ch {
					img := v[(int(bi)*ch+k)*h*w:]
					out[(n*ch+k)*oh*ow+i] = roiPool(img, pts, mode == "max", max(gh*gw, 1))
				}
			}
		}
		return storeFloats(c.Out(0, x.Elem, int64(len(batch)), int64(ch), int64(oh), int64(ow)), out)
	}), nil
}

// roiTaps are the four pixels around a point with their bilinear weights; all zero beyond one pixel outside the image.
func roiTaps(y, x float64, h, w int) (t [4]tap) {
	if y < -1 || y > float64(h) || x < -1 || x > float64(w) || h == 0 || w == 0 {
		return t
	}
	y, x = max(y, 0), max(x, 0)
	y0, x0 := int(y), int(x)
	y1, x1 := y0+1, x0+1
	if y0 >= h-1 {
		y0, y1, y = h-1, h-1, float64(h-1)
	}
	if x0 >= w-1 {
		x0, x1, x = w-1, w-1, float64(w-1)
	}
	ly, lx := y-float64(y0), x-float64(x0)
	return [4]tap{{y0*w + x0, (1 - ly) * (1 - lx)}, {y0*w + x1, (1 - ly) * lx}, {y1*w + x0, ly * (1 - lx)}, {y1*w + x1, ly * lx}}
}

// roiPool averages the points, or takes the largest of their weighted pixels.
func roiPool(img []float64, pts [][4]tap, largest bool, count int) float64 {
	s, first := 0.0, true
	for _, p := range pts {
		v := 0.0
		for i, t := range p {
			a := img[t.at] * t.w
			if largest {
				if i == 0 || a > v {
					v = a
				}
				continue
			}
			v += a
		}
		if !largest {
			s += v
		} else if first || v > s {
			s, first = v, false
		}
	}
	if largest {
		return s
	}
	return s / float64(count)
}

func prepareDeformConv(p *Prep) (Exec, error) {
	a := p.Attrs()
	group, og := int(a.Int("group", 1)), int(a.Int("offset_group", 1))
	if group < 1 || og < 1 {
		return nil, fmt.Errorf("groups are %d and %d", group, og)
	}
	return ExecFunc(func(c *Call) error {
		x, w, off := c.In[0], c.In[1], c.In[2]
		if len(x.Shape) != 4 || len(w.Shape) != 4 || len(off.Shape) != 4 {
			return fmt.Errorf("input has shape %v, weight %v, offset %v", x.Shape, w.Shape, off.Shape)
		}
		win, err := windowOf(a, w.Shape[2:])
		if err != nil {
			return err
		}
		f, err := win.fit(x.Shape[2:])
		if err != nil {
			return err
		}
		d := deform{f: f, n: int(x.Shape[0]), ic: int(x.Shape[1]), oc: int(w.Shape[0]), group: group, og: og, taps: f.kernel[1] * f.kernel[2]}
		if int(w.Shape[1])*group != d.ic || d.oc%group != 0 || d.ic%og != 0 || int(off.Shape[0]) != d.n || int(off.Shape[1]) != og*d.taps*2 ||
			int(off.Shape[2]) != f.out[1] || int(off.Shape[3]) != f.out[2] {
			return fmt.Errorf("input %v, weight %v and offset %v do not fit", x.Shape, w.Shape, off.Shape)
		}
		for i, t := range []*tensor.Tensor{x, w, off, input(c, 3), input(c, 4)} {
			if t == nil {
				continue
			}
			if d.in[i], err = t.Float64s(); err != nil {
				return err
			}
		}
		if d.in[3] != nil && len(d.in[3]) != d.oc || d.in[4] != nil && len(d.in[4])*2 != len(d.in[2]) {
			return fmt.Errorf("bias or mask does not fit")
		}
		out := make([]float64, d.n*d.oc*f.outSize())
		d.run(out)
		return storeFloats(c.Out(0, x.Elem, int64(d.n), int64(d.oc), int64(f.out[1]), int64(f.out[2])), out)
	}), nil
}

// deform is one deformable convolution: input, weight, offset, bias, mask.
type deform struct {
	f                    fitted
	n, ic, oc, group, og int
	taps                 int
	in                   [5][]float64
}

func (d *deform) run(out []float64) {
	f := &d.f
	h, w, size := f.in[1], f.in[2], f.outSize()
	s := sampler{mode: "linear", padding: "zeros", corners: true}
	icg, ocg := d.ic/d.group, d.oc/d.group
	cols := make([]float64, d.ic*d.taps)
	for n := range d.n {
		for pos := range size {
			oy, ox := pos/f.out[2], pos%f.out[2]
			for g := range d.og {
				for k := range d.taps {
					at := ((n*d.og+g)*d.taps + k)
					y := float64(oy*f.stride[1]-f.begin[1]+k/f.kernel[2]*f.dilation[1]) + d.in[2][2*at*size+pos]
					x := float64(ox*f.stride[2]-f.begin[2]+k%f.kernel[2]*f.dilation[2]) + d.in[2][(2*at+1)*size+pos]
					m := 1.0
					if d.in[4] != nil {
						m = d.in[4][at*size+pos]
					}
					list := s.taps([]float64{y, x}, []int{h, w})
					per := d.ic / d.og
					for c := g * per; c < (g+1)*per; c++ {
						v := 0.0
						for _, t := range list {
							v += d.in[0][(n*d.ic+c)*h*w+t.at] * t.w
						}
						cols[c*d.taps+k] = v * m
					}
				}
			}
			for o := range d.oc {
				v := 0.0
				if d.in[3] != nil {
					v = d.in[3][o]
				}
				col := cols[o/ocg*icg*d.taps:]
				for i, wt := range d.in[1][o*icg*d.taps : (o+1)*icg*d.taps] {
					v += wt * col[i]
				}
				out[(n*d.oc+o)*size+pos] = v
			}
		}
	}
}

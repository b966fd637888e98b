package op

import (
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

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

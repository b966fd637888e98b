package op

import (
	"fmt"
	"math"
)

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

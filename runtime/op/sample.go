package op

import (
	"fmt"
	"math"
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

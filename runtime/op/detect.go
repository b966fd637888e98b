package op

import (
	"fmt"
	"sort"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// detectOps are NonMaxSuppression, Det and Col2Im.
func detectOps() []OpDef {
	return []OpDef{
		{Op: "NonMaxSuppression", Since: 10, Prepare: checked(elemSet(tensor.Float32), prepareNMS, 0, 1)},
		{Op: "Det", Since: 11, Prepare: checked(floats, func(*Prep) (Exec, error) { return ExecFunc(runDet), nil }, 0)},
		{Op: "Col2Im", Since: 18, Prepare: checked(floats, prepareCol2Im, 0)},
	}
}

// box is an axis-parallel rectangle.
type box struct{ x1, y1, x2, y2 float32 }

func boxOf(v []float32, center bool) box {
	if center {
		return box{v[0] - v[2]/2, v[1] - v[3]/2, v[0] + v[2]/2, v[1] + v[3]/2}
	}
	return box{min(v[1], v[3]), min(v[0], v[2]), max(v[1], v[3]), max(v[0], v[2])}
}

// overlap is the intersection of two boxes divided by their union; 0 for boxes without area.
func overlap(a, b box) float32 {
	w, h := min(a.x2, b.x2)-max(a.x1, b.x1), min(a.y2, b.y2)-max(a.y1, b.y1)
	if w <= 0 || h <= 0 {
		return 0
	}
	both := w * h
	union := (a.x2-a.x1)*(a.y2-a.y1) + (b.x2-b.x1)*(b.y2-b.y1) - both
	if union <= 0 {
		return 0
	}
	return both / union
}

func prepareNMS(p *Prep) (Exec, error) {
	center := p.Attrs().Int("center_point_box", 0) != 0
	return ExecFunc(func(c *Call) error {
		boxes, scores := c.In[0], c.In[1]
		if len(boxes.Shape) != 3 || len(scores.Shape) != 3 || boxes.Shape[2] != 4 || boxes.Shape[0] != scores.Shape[0] || boxes.Shape[1] != scores.Shape[2] {
			return fmt.Errorf("boxes have shape %v, scores %v", boxes.Shape, scores.Shape)
		}
		limit := int64(0)
		var err error
		if t := input(c, 2); t != nil {
			if limit, err = scalarInt(t, "max_output_boxes_per_class"); err != nil {
				return err
			}
		}
		var iou, floor float32
		for i, dst := range []*float32{&iou, &floor} {
			if t := input(c, 3+i); t != nil {
				v, err := t.Float32s()
				if err != nil || len(v) != 1 {
					return fmt.Errorf("input %d is %v", 3+i, t)
				}
				*dst = v[0]
			}
		}
		useFloor := input(c, 4) != nil
		bv, sv := single(boxes), single(scores)
		n, classes := int(boxes.Shape[1]), int(scores.Shape[1])
		var found []int64
		for b := range int(boxes.Shape[0]) {
			for k := range classes {
				s := sv[(b*classes+k)*n:][:n]
				var order []int
				for i, v := range s {
					if !useFloor || v > floor {
						order = append(order, i)
					}
				}
				sort.SliceStable(order, func(i, j int) bool { return s[order[i]] > s[order[j]] })
				var chosen []box
				for _, i := range order {
					if int64(len(chosen)) >= limit {
						break
					}
					cand := boxOf(bv[(b*n+i)*4:], center)
					free := true
					for _, o := range chosen {
						if overlap(cand, o) > iou {
							free = false
							break
						}
					}
					if free {
						chosen = append(chosen, cand)
						found = append(found, int64(b), int64(k), int64(i))
					}
				}
			}
		}
		copy(tensor.Data[int64](c.Out(0, tensor.Int64, int64(len(found)/3), 3)), found)
		return nil
	}), nil
}

func runDet(c *Call) error {
	x := c.In[0]
	r := len(x.Shape)
	if r < 2 || x.Shape[r-1] != x.Shape[r-2] {
		return fmt.Errorf("input has shape %v, want square matrices", x.Shape)
	}
	v, err := x.Float64s()
	if err != nil {
		return err
	}
	n := int(x.Shape[r-1])
	out := make([]float64, numel(x.Shape[:r-2]))
	for i := range out {
		out[i] = det(v[i*n*n:(i+1)*n*n], n)
	}
	return storeFloats(c.Out(0, x.Elem, x.Shape[:r-2]...), out)
}

// det is the determinant by elimination with row exchange; it overwrites m.
func det(m []float64, n int) float64 {
	d := 1.0
	for k := range n {
		p := k
		for i := k + 1; i < n; i++ {
			if abs(m[i*n+k]) > abs(m[p*n+k]) {
				p = i
			}
		}
		if m[p*n+k] == 0 {
			return 0
		}
		if p != k {
			for j := range n {
				m[k*n+j], m[p*n+j] = m[p*n+j], m[k*n+j]
			}
			d = -d
		}
		d *= m[k*n+k]
		for i := k + 1; i < n; i++ {
			f := m[i*n+k] / m[k*n+k]
			for j := k; j < n; j++ {
				m[i*n+j] -= f * m[k*n+j]
			}
		}
	}
	return d
}

func abs[T number](v T) T {
	if v < 0 {
		return -v
	}
	return v
}

// prepareCol2Im adds blocks back into the image that they were cut from.
func prepareCol2Im(p *Prep) (Exec, error) {
	a := p.Attrs()
	return ExecFunc(func(c *Call) error {
		x := c.In[0]
		image, err := intList(c.In[1])
		if err != nil {
			return err
		}
		block, err := intList(c.In[2])
		if err != nil {
			return err
		}
		win, err := windowOf(a, block)
		if err != nil {
			return err
		}
		if len(x.Shape) != 3 || len(image) != len(block) {
			return fmt.Errorf("input has shape %v, image_shape is %v, block_shape %v", x.Shape, image, block)
		}
		f, err := win.fit(image)
		if err != nil {
			return err
		}
		taps := numel(block)
		if taps == 0 || int(x.Shape[1])%taps != 0 || int(x.Shape[2]) != f.outSize() {
			return fmt.Errorf("input of shape %v does not hold blocks %v of an image %v", x.Shape, block, image)
		}
		v, err := x.Float64s()
		if err != nil {
			return err
		}
		ch := x.Shape[1] / int64(taps)
		dims := append([]int64{x.Shape[0], ch}, image...)
		if err := sizeOf(x.Elem, dims); err != nil {
			return err
		}
		out := make([]float64, numel(dims))
		for n := range int(x.Shape[0] * ch) {
			dst := out[n*f.inSize():]
			for pos := range f.outSize() {
				f.tapsAt(pos/(f.out[1]*f.out[2]), pos/f.out[2]%f.out[1], pos%f.out[2], func(tap, at int) {
					dst[at] += v[(n*taps+tap)*f.outSize()+pos]
				})
			}
		}
		return storeFloats(c.Out(0, x.Elem, dims...), out)
	}), nil
}

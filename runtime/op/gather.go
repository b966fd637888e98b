package op

import (
	"errors"
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// gatherOps pick elements by indices that are data.
func gatherOps() []OpDef {
	return []OpDef{
		{Op: "Gather", Since: 1, Prepare: checked(wideBytes, prepareGather, 0)},
		{Op: "GatherElements", Since: 11, Prepare: checked(wideBytes, prepareGatherElements, 0)},
		{Op: "GatherND", Since: 11, Prepare: checked(wideBytes, prepareGatherND, 0)},
		{Op: "Compress", Since: 9, Prepare: checked(wideBytes, prepareCompress, 0)},
	}
}

// place maps an index that may count from the end to 0..n-1.
func place(i, n int64) (int, error) {
	if i < -n || i >= n {
		return 0, fmt.Errorf("index %d is outside a dim of %d", i, n)
	}
	if i < 0 {
		i += n
	}
	return int(i), nil
}

func prepareGather(p *Prep) (Exec, error) {
	axis := p.Attrs().Int("axis", 0)
	return ExecFunc(func(c *Call) error {
		x, err := needInput(c, 0)
		if err != nil {
			return err
		}
		t, err := needInput(c, 1)
		if err != nil {
			return err
		}
		k, err := axisIn(axis, len(x.Shape))
		if err != nil {
			return err
		}
		idx, err := intList(t)
		if err != nil {
			return err
		}
		var buf dimsBuf
		dims := append(append(append(buf[:0], x.Shape[:k]...), t.Shape...), x.Shape[k+1:]...)
		y := c.Out(0, x.Elem, dims...)
		outer, inner := splitAt(x.Shape, k)
		n := x.Shape[k]
		for _, i := range idx {
			if _, err := place(i, n); err != nil {
				return err
			}
		}
		c.Pool.For(outer*len(idx), 1+moveGrain/(inner+1), func(lo, hi int) {
			for j := lo; j < hi; j++ {
				o, i := j/len(idx), idx[j%len(idx)]
				if i < 0 {
					i += n
				}
				copyBlock(y, j*inner, x, (o*int(n)+int(i))*inner, inner)
			}
		})
		return nil
	}), nil
}

// elementPlaces lists, for each index tensor element, the place in a tensor of shape dims that GatherElements and ScatterElements mean:
// the element's own coordinates, with the one on axis replaced by the index.
func elementPlaces(dims []int64, axis int, shape, idx []int64) ([]int, error) {
	if len(shape) != len(dims) {
		return nil, fmt.Errorf("indices have rank %d, data has %d", len(shape), len(dims))
	}
	for i, d := range shape {
		if i != axis && d > dims[i] {
			return nil, fmt.Errorf("indices of shape %v do not lie in data of shape %v", shape, dims)
		}
	}
	strides := rowMajor(dims)
	step := strides[axis]
	strides[axis] = 0
	ns, err := newNest(shape, strides)
	if err != nil {
		return nil, err
	}
	out := make([]int, len(idx))
	_, s := ns.inner()
	ns.walk(0, ns.n, func(d int, o [3]int, n int) {
		for i := range n {
			k, e := place(idx[d+i], dims[axis])
			if e != nil {
				err = e
			}
			out[d+i] = o[0] + i*s[0] + k*step
		}
	})
	return out, err
}

func prepareGatherElements(p *Prep) (Exec, error) {
	axis := p.Attrs().Int("axis", 0)
	return ExecFunc(func(c *Call) error {
		x, t := c.In[0], c.In[1]
		k, err := axisIn(axis, len(x.Shape))
		if err != nil {
			return err
		}
		idx, err := intList(t)
		if err != nil {
			return err
		}
		at, err := elementPlaces(x.Shape, k, t.Shape, idx)
		if err != nil {
			return err
		}
		return pick(c.Out(0, x.Elem, t.Shape...), x, at, nil)
	}), nil
}

// tuples reads indices of GatherND and ScatterND: the last dim is a coordinate in dims. It gives where each coordinate points, in
// elements, and how many elements a slice there has.
func tuples(dims []int64, t *tensor.Tensor) (at []int, slice int, err error) {
	if len(t.Shape) == 0 {
		return nil, 0, errors.New("indices are a scalar")
	}
	width := int(t.Shape[len(t.Shape)-1])
	if width > len(dims) {
		return nil, 0, fmt.Errorf("indices have %d coordinates, data has rank %d", width, len(dims))
	}
	idx, err := intList(t)
	if err != nil {
		return nil, 0, err
	}
	strides := rowMajor(dims)
	at = make([]int, numel(t.Shape[:len(t.Shape)-1]))
	for i := range at {
		for j := range width {
			k, err := place(idx[i*width+j], dims[j])
			if err != nil {
				return nil, 0, err
			}
			at[i] += k * strides[j]
		}
	}
	return at, numel(dims[width:]), nil
}

func prepareGatherND(p *Prep) (Exec, error) {
	batch := int(p.Attrs().Int("batch_dims", 0))
	return ExecFunc(func(c *Call) error {
		x, t := c.In[0], c.In[1]
		if batch < 0 || batch >= len(t.Shape) || batch >= len(x.Shape) && batch > 0 || !equalDims(x.Shape[:batch], t.Shape[:batch]) {
			return fmt.Errorf("batch_dims %d does not fit shapes %v and %v", batch, x.Shape, t.Shape)
		}
		at, n, err := tuples(x.Shape[batch:], t)
		if err != nil {
			return err
		}
		width := int(t.Shape[len(t.Shape)-1])
		dims := append(append([]int64{}, t.Shape[:len(t.Shape)-1]...), x.Shape[batch+width:]...)
		y := c.Out(0, x.Elem, dims...)
		per, size := numel(t.Shape[batch:len(t.Shape)-1]), numel(x.Shape[batch:])
		c.Pool.For(len(at), 1+moveGrain/(n+1), func(lo, hi int) {
			for i := lo; i < hi; i++ {
				copyBlock(y, i*n, x, i/per*size+at[i], n)
			}
		})
		return nil
	}), nil
}

func prepareCompress(p *Prep) (Exec, error) {
	a := p.Attrs().Get("axis")
	return ExecFunc(func(c *Call) error {
		x, cond := c.In[0], c.In[1]
		if cond.Elem != tensor.Bool || len(cond.Shape) != 1 {
			return fmt.Errorf("condition is %s%v", cond.Elem, cond.Shape)
		}
		var keep []int
		for i, v := range cond.Bytes() {
			if v != 0 {
				keep = append(keep, i)
			}
		}
		dims := []int64{int64(x.Len())}
		k := 0
		if a != nil {
			var err error
			if k, err = axisIn(a.I, len(x.Shape)); err != nil {
				return err
			}
			dims = append([]int64{}, x.Shape...)
		}
		if int64(len(cond.Bytes())) > dims[k] && len(keep) > 0 && int64(keep[len(keep)-1]) >= dims[k] {
			return fmt.Errorf("condition of %d elements for a dim of %d", cond.Len(), dims[k])
		}
		outer, inner := splitAt(dims, k)
		row := int(dims[k])
		dims[k] = int64(len(keep))
		y := c.Out(0, x.Elem, dims...)
		for o := range outer {
			for i, at := range keep {
				copyBlock(y, (o*len(keep)+i)*inner, x, (o*row+at)*inner, inner)
			}
		}
		return nil
	}), nil
}

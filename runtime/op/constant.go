package op

import (
	"errors"
	"fmt"
	"math"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// constantOps make tensors from attributes and sizes.
func constantOps() []OpDef {
	return []OpDef{
		{Op: "Constant", Since: 1, Prepare: prepareConstant},
		{Op: "ConstantOfShape", Since: 9, Prepare: prepareConstantOfShape},
		{Op: "EyeLike", Since: 9, Prepare: prepareEyeLike},
		{Op: "Range", Since: 11, Prepare: checked(floats|integers, func(*Prep) (Exec, error) { return ExecFunc(runRange), nil }, 0, 1, 2)},
		{Op: "OneHot", Since: 9, Prepare: checked(wideBytes, prepareOneHot, 2)},
	}
}

func prepareConstant(p *Prep) (Exec, error) {
	t, err := ConstantValue(p.Node.Attrs)
	if err != nil {
		return nil, err
	}
	return ExecFunc(func(c *Call) error {
		copyAll(c.Out(0, t.Elem, t.Shape...), t)
		return nil
	}), nil
}

// ConstantValue is the tensor that the attributes of a Constant node say.
func ConstantValue(attrs graph.Attrs) (*tensor.Tensor, error) {
	for _, a := range attrs {
		switch {
		case a.Name == "value" && a.T != nil:
			return a.T, nil
		case a.Name == "value_int" && a.Kind == graph.AttrInt:
			return tensor.Scalar(a.I), nil
		case a.Name == "value_float" && a.Kind == graph.AttrFloat:
			return tensor.Scalar(a.F), nil
		case a.Name == "value_ints":
			return tensor.Of(append([]int64{}, a.Ints...), int64(len(a.Ints))), nil
		case a.Name == "value_floats":
			return tensor.Of(append([]float32{}, a.Floats...), int64(len(a.Floats))), nil
		case a.Name == "value_string" && a.Kind == graph.AttrString:
			return tensor.FromStrings(nil, [][]byte{a.S})
		case a.Name == "value_strings":
			return tensor.FromStrings([]int64{int64(len(a.Strings))}, a.Strings)
		case a.Name == "sparse_value" && a.Sparse != nil:
			return densify(a.Sparse)
		}
	}
	return nil, errors.New("no attribute gives a value")
}

// densify writes a sparse tensor out, zeros included.
func densify(s *tensor.Sparse) (*tensor.Tensor, error) {
	if s.Values == nil || s.Indices == nil || !movable(s.Values.Elem) || s.Values.Elem == tensor.String {
		return nil, errors.New("the sparse value is incomplete or of a type that is not supported")
	}
	if err := sizeOf(s.Values.Elem, s.Dims); err != nil {
		return nil, err
	}
	idx, err := s.Indices.Int64s()
	if err != nil {
		return nil, err
	}
	n, rank := s.Values.Len(), len(s.Dims)
	linear := len(s.Indices.Shape) == 1
	if linear && len(idx) != n || !linear && len(idx) != n*rank {
		return nil, fmt.Errorf("indices of shape %v for %d values", s.Indices.Shape, n)
	}
	out := tensor.Zeros(s.Values.Elem, append([]int64{}, s.Dims...)...)
	strides, size := rowMajor(s.Dims), int64(out.Len())
	for i := range n {
		at := int64(0)
		if linear {
			at = idx[i]
		} else {
			for d := range rank {
				if k := idx[i*rank+d]; k < 0 || k >= s.Dims[d] {
					return nil, fmt.Errorf("index %d is outside a dim of %d", k, s.Dims[d])
				}
				at += idx[i*rank+d] * int64(strides[d])
			}
		}
		if at < 0 || at >= size {
			return nil, fmt.Errorf("index %d is outside %v", at, s.Dims)
		}
		copyBlock(out, int(at), s.Values, i, 1)
	}
	return out, nil
}

func prepareConstantOfShape(p *Prep) (Exec, error) {
	v := p.Attrs().Tensor("value")
	if v == nil {
		v = tensor.Scalar(float32(0))
	}
	if v.Len() != 1 {
		return nil, fmt.Errorf("attribute value has %d elements", v.Len())
	}
	if !movable(v.Elem) {
		return nil, errElem(v.Elem)
	}
	return ExecFunc(func(c *Call) error {
		s, err := needInput(c, 0)
		if err != nil {
			return err
		}
		dims, err := intList(s)
		if err != nil {
			return err
		}
		if err := sizeOf(v.Elem, dims); err != nil {
			return err
		}
		return fillAll(c.Out(0, v.Elem, dims...), v)
	}), nil
}

func prepareEyeLike(p *Prep) (Exec, error) {
	k := p.Attrs().Int("k", 0)
	to := tensor.DType(p.Attrs().Int("dtype", 0))
	if to != tensor.Undefined && !(numbers | bools).has(to) {
		return nil, errElem(to)
	}
	return ExecFunc(func(c *Call) error {
		x, err := needInput(c, 0)
		if err != nil {
			return err
		}
		if len(x.Shape) != 2 {
			return fmt.Errorf("input has shape %v, want a matrix", x.Shape)
		}
		elem := to
		if elem == tensor.Undefined {
			elem = x.Elem
		}
		v := make([]float64, x.Len())
		for i := range x.Shape[0] {
			if j := i + k; j >= 0 && j < x.Shape[1] {
				v[i*x.Shape[1]+j] = 1
			}
		}
		return storeFloats(c.Out(0, elem, x.Shape...), v)
	}), nil
}

func runRange(c *Call) error {
	for i := range 3 {
		t, err := needInput(c, i)
		if err != nil {
			return err
		}
		if t.Len() != 1 || t.Elem != c.In[0].Elem {
			return fmt.Errorf("input %d is %s%v, want one element of %s", i, t.Elem, t.Shape, c.In[0].Elem)
		}
	}
	elem := c.In[0].Elem
	if integers.has(elem) {
		var v [3]int64
		for i := range v {
			v[i], _ = scalarInt(c.In[i], "")
		}
		return rangeInts(c, elem, v[0], v[1], v[2])
	}
	var v [3]float64
	for i := range v {
		a, err := double(c.In[i])
		if err != nil {
			return err
		}
		v[i] = a[0]
	}
	n := math.Ceil((v[1] - v[0]) / v[2])
	if !(n < float64(maxTensorBytes)) {
		return fmt.Errorf("a range from %v to %v by %v has no length", v[0], v[1], v[2])
	}
	y := c.Out(0, elem, int64(max(n, 0)))
	if elem == tensor.Float32 {
		out, start, step := tensor.Data[float32](y), float32(v[0]), float32(v[2])
		for i := range out {
			out[i] = start + float32(i)*step
		}
		return nil
	}
	out := make([]float64, y.Len())
	for i := range out {
		out[i] = v[0] + float64(i)*v[2]
	}
	return storeFloats(y, out)
}

func rangeInts(c *Call, elem tensor.DType, start, end, step int64) error {
	if step == 0 {
		return errors.New("the step is 0")
	}
	n := int64(0)
	if step > 0 && end > start {
		n = (end-start-1)/step + 1
	} else if step < 0 && end < start {
		n = (start-end-1)/-step + 1
	}
	if n < 0 || n > maxTensorBytes {
		return fmt.Errorf("a range from %d to %d by %d is too long", start, end, step)
	}
	y := c.Out(0, elem, n)
	var out []int64
	if elem == tensor.Int64 {
		out = tensor.Data[int64](y)
	} else {
		out = make([]int64, n)
	}
	for i := range out {
		out[i] = start + int64(i)*step
	}
	if elem == tensor.Int64 {
		return nil
	}
	return storeInts(y, out)
}

func prepareOneHot(p *Prep) (Exec, error) {
	axis := p.Attrs().Int("axis", -1)
	return ExecFunc(func(c *Call) error {
		for i := range 3 {
			if _, err := needInput(c, i); err != nil {
				return err
			}
		}
		idx, err := c.In[0].Float64s()
		if err != nil {
			return err
		}
		depth, err := c.In[1].Float64s()
		if err != nil || len(depth) != 1 || depth[0] < 0 {
			return fmt.Errorf("depth is %v", c.In[1])
		}
		values := c.In[2]
		if values.Len() != 2 {
			return fmt.Errorf("values has %d elements, want off and on", values.Len())
		}
		rank := len(c.In[0].Shape) + 1
		k, err := axisIn(axis, rank)
		if err != nil {
			return err
		}
		in := c.In[0].Shape
		n := int64(depth[0])
		dims := append(append(append([]int64{}, in[:k]...), n), in[k:]...)
		if err := sizeOf(values.Elem, dims); err != nil {
			return err
		}
		y := c.Out(0, values.Elem, dims...)
		off := &tensor.Tensor{Elem: values.Elem}
		if values.Elem == tensor.String {
			off.Strs = values.Strs[:1]
		} else {
			off.SetStorage(tensor.Heap(values.Bytes()[:values.Elem.Bits()/8]))
		}
		if err := fillAll(y, off); err != nil {
			return err
		}
		inner := numel(in[k:])
		for i, v := range idx {
			j := int64(v)
			if j < -n || j >= n {
				continue
			}
			if j < 0 {
				j += n
			}
			copyBlock(y, (i/inner*int(n)+int(j))*inner+i%inner, values, 1, 1)
		}
		return nil
	}), nil
}

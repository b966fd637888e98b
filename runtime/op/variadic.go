package op

import (
	"errors"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
)

// variadic folds any number of inputs with one operation, from the left.
func variadic(op arith, set elems) func(*Prep) (Exec, error) {
	return func(p *Prep) (Exec, error) {
		for i := range p.Node.NumIn() {
			if err := want(p, set, i); err != nil {
				return nil, err
			}
		}
		return ExecFunc(func(c *Call) error {
			_, err := fold(c, op)
			return err
		}), nil
	}
}

func fold(c *Call, op arith) (*tensor.Tensor, error) {
	if len(c.In) == 0 || c.In[0] == nil {
		return nil, errors.New("no input")
	}
	dims := c.In[0].Shape
	for _, t := range c.In[1:] {
		var err error
		if dims, err = broadcastDims(dims, t.Shape); err != nil {
			return nil, err
		}
	}
	y := c.Out(0, c.In[0].Elem, dims...)
	dims = y.Shape
	if len(c.In) == 1 {
		copyAll(y, c.In[0])
		return y, nil
	}
	acc := y
	for i, t := range c.In[1:] {
		left := acc
		if i == 0 {
			left = c.In[0]
		}
		// The first two operands may broadcast to less than the whole shape; the operands are read at the whole shape all the same.
		if err := arithInto(acc, op, left, t, operands{left.Shape, t.Shape, dims}, c.Pool); err != nil {
			return nil, err
		}
	}
	return y, nil
}

func prepareMean(p *Prep) (Exec, error) {
	for i := range p.Node.NumIn() {
		if err := want(p, floats, i); err != nil {
			return nil, err
		}
	}
	return ExecFunc(func(c *Call) error {
		y, err := fold(c, arithAdd)
		if err != nil {
			return err
		}
		n := len(c.In)
		if y.Elem == tensor.Float64 {
			for i, v := range tensor.Data[float64](y) {
				tensor.Data[float64](y)[i] = v / float64(n)
			}
			return nil
		}
		v := single(y)
		kernel.DivScalar(v, v, float32(n))
		singleDone(y, v)
		return nil
	}), nil
}

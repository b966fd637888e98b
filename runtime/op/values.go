package op

import (
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
)

// number are the Go types that arithmetic runs in.
type number interface {
	~int8 | ~int16 | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~float32 | ~float64
}

// integer are the integer types among number.
type integer interface {
	~int8 | ~int16 | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32 | ~uint64
}

// realNumber are the floating-point types among number.
type realNumber interface{ ~float32 | ~float64 }

// elems is a set of element types.
type elems uint64

func elemSet(list ...tensor.DType) elems {
	var s elems
	for _, e := range list {
		s |= 1 << uint(e)
	}
	return s
}

func (s elems) has(e tensor.DType) bool { return e >= 0 && e < 64 && s&(1<<uint(e)) != 0 }

// The sets of types that families support.
var (
	halves    = elemSet(tensor.Float16, tensor.BFloat16)
	floats    = halves | elemSet(tensor.Float32, tensor.Float64)
	signed    = elemSet(tensor.Int8, tensor.Int16, tensor.Int32, tensor.Int64)
	unsigned  = elemSet(tensor.Uint8, tensor.Uint16, tensor.Uint32, tensor.Uint64)
	integers  = signed | unsigned
	numbers   = floats | integers
	bools     = elemSet(tensor.Bool)
	indices   = elemSet(tensor.Int32, tensor.Int64)
	wideBytes = numbers | bools | elemSet(tensor.String, tensor.Complex64, tensor.Complex128, tensor.Float8E4M3FN, tensor.Float8E4M3FNUZ,
		tensor.Float8E5M2, tensor.Float8E5M2FNUZ, tensor.Float8E8M0)
)

// errElem says that an operator does not run on a type.
func errElem(e tensor.DType) error { return fmt.Errorf("element type %s is not supported", e) }

// want refuses a node whose inputs from..to-1 are known to have a type outside set; a type that nobody knows is judged at run time.
func want(p *Prep, set elems, inputs ...int) error {
	for _, i := range inputs {
		v := p.Node.In(i)
		if v == nil {
			continue
		}
		t := p.Type(i)
		if err := wantTensor(v.Name, t.Kind); err != nil {
			return err
		}
		if t.IsTensor() && !set.has(t.Elem) {
			return fmt.Errorf("input %d: %w", i, errElem(t.Elem))
		}
	}
	return nil
}

// isHalf reports whether e is computed in float32 and rounded back.
func isHalf(e tensor.DType) bool { return e == tensor.Float16 || e == tensor.BFloat16 }

// single is t as float32: a view of a float32 tensor, a widened copy of a half one. Nil stays nil. Any other type ends the run with an error.
func single(t *tensor.Tensor) []float32 {
	if t == nil {
		return nil
	}
	switch t.Elem {
	case tensor.Float16:
		out := make([]float32, t.Len())
		kernel.Float16ToFloat32(out, tensor.Data[uint16](t))
		return out
	case tensor.BFloat16:
		out := make([]float32, t.Len())
		kernel.BFloat16ToFloat32(out, tensor.Data[uint16](t))
		return out
	case tensor.Float32:
		return tensor.Data[float32](t)
	}
	panic(&Failure{errElem(t.Elem)})
}

// singleOut is where to compute an output in float32: the tensor itself, or a buffer that singleDone rounds into it.
func singleOut(t *tensor.Tensor) []float32 {
	if isHalf(t.Elem) {
		return make([]float32, t.Len())
	}
	return tensor.Data[float32](t)
}

// singleDone stores what was computed in singleOut's buffer.
func singleDone(t *tensor.Tensor, buf []float32) {
	switch t.Elem {
	case tensor.Float16:
		kernel.Float32ToFloat16(tensor.Data[uint16](t), buf)
	case tensor.BFloat16:
		kernel.Float32ToBFloat16(tensor.Data[uint16](t), buf)
	}
}

// double is t as float64: a view of a float64 tensor, a converted copy of any other real one.
func double(t *tensor.Tensor) ([]float64, error) {
	if t.Elem == tensor.Float64 {
		return tensor.Data[float64](t), nil
	}
	return t.Float64s()
}

// intList is an integer tensor as int64.
func intList(t *tensor.Tensor) ([]int64, error) { return t.Int64s() }

// scalarInt is the only element of an integer tensor.
func scalarInt(t *tensor.Tensor, what string) (int64, error) {
	v, err := t.Int64s()
	if err != nil {
		return 0, fmt.Errorf("%s: %w", what, err)
	}
	if len(v) != 1 {
		return 0, fmt.Errorf("%s has %d elements, want 1", what, len(v))
	}
	return v[0], nil
}

// needInput is input i of a call, which must be there.
func needInput(c *Call, i int) (*tensor.Tensor, error) {
	if i >= len(c.In) || c.In[i] == nil {
		return nil, fmt.Errorf("input %d is missing", i)
	}
	return c.In[i], nil
}

// input is input i of a call; nil when it is omitted.
func input(c *Call, i int) *tensor.Tensor {
	if i >= len(c.In) {
		return nil
	}
	return c.In[i]
}

func wantTensor(name string, k graph.Kind) error {
	switch k {
	case graph.KindSequence, graph.KindOptional, graph.KindMap, graph.KindSparseTensor, graph.KindOpaque:
		return fmt.Errorf("%q is no dense tensor", name)
	}
	return nil
}

// checked is a Prepare that refuses inputs known to have a type outside set.
func checked(set elems, prepare func(*Prep) (Exec, error), inputs ...int) func(*Prep) (Exec, error) {
	return func(p *Prep) (Exec, error) {
		if err := want(p, set, inputs...); err != nil {
			return nil, err
		}
		return prepare(p)
	}
}

package op

import (
	"fmt"
	"math"
	"strconv"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// castOps are Cast, CastLike and BitCast.
func castOps() []OpDef {
	return []OpDef{
		{Op: "Cast", Since: 1, Prepare: prepareCast},
		{Op: "CastLike", Since: 15, Prepare: prepareCastLike},
		{Op: "BitCast", Since: 26, Prepare: prepareBitCast},
	}
}

var castable = wideBytes&^elemSet(tensor.Complex64, tensor.Complex128) |
	elemSet(tensor.Uint4, tensor.Int4, tensor.Uint2, tensor.Int2, tensor.Float4E2M1)

func prepareCast(p *Prep) (Exec, error) {
	if err := want(p, castable, 0); err != nil {
		return nil, err
	}
	a := p.Attrs().Get("to")
	if a == nil {
		return nil, fmt.Errorf("attribute to is missing")
	}
	to := tensor.DType(a.I)
	if p.Opset < 6 && len(a.S) > 0 {
		var ok bool
		if to, ok = oldTypeNames[string(a.S)]; !ok {
			return nil, fmt.Errorf("attribute to is %q", a.S)
		}
	}
	if !castable.has(to) {
		return nil, fmt.Errorf("attribute to: %w", errElem(to))
	}
	opt := castOptions(p)
	return ExecFunc(func(c *Call) error { return castInto(c, to, opt) }), nil
}

// oldTypeNames are the values of Cast's attribute before opset 6.
var oldTypeNames = map[string]tensor.DType{
	"FLOAT": tensor.Float32, "UINT8": tensor.Uint8, "INT8": tensor.Int8, "UINT16": tensor.Uint16, "INT16": tensor.Int16,
	"INT32": tensor.Int32, "INT64": tensor.Int64, "STRING": tensor.String, "BOOL": tensor.Bool, "FLOAT16": tensor.Float16,
	"DOUBLE": tensor.Float64, "UINT32": tensor.Uint32, "UINT64": tensor.Uint64,
}

func castOptions(p *Prep) narrowing {
	return narrowing{saturate: p.Attrs().Int("saturate", 1) != 0, mode: p.Attrs().String("round_mode", "up")}
}

func prepareCastLike(p *Prep) (Exec, error) {
	if err := want(p, castable, 0, 1); err != nil {
		return nil, err
	}
	opt := castOptions(p)
	return ExecFunc(func(c *Call) error {
		if !castable.has(c.In[1].Elem) {
			return errElem(c.In[1].Elem)
		}
		return castInto(c, c.In[1].Elem, opt)
	}), nil
}

func castInto(c *Call, to tensor.DType, opt narrowing) error {
	x, err := needInput(c, 0)
	if err != nil {
		return err
	}
	return convert(c.Out(0, to, x.Shape...), x, opt, c.Pool)
}

func parseStrings(y, x *tensor.Tensor, opt narrowing) error {
	if !y.Elem.IsFloat() && y.Elem != tensor.Bool {
		v := make([]int64, len(x.Strs))
		for i, s := range x.Strs {
			a, err := strconv.ParseInt(string(s), 10, 64)
			if err != nil {
				u, uerr := strconv.ParseUint(string(s), 10, 64)
				if uerr != nil {
					return fmt.Errorf("element %d: %q is no integer", i, s)
				}
				a = int64(u)
			}
			v[i] = a
		}
		return storeInts(y, v)
	}
	v := make([]float64, len(x.Strs))
	for i, s := range x.Strs {
		a, err := strconv.ParseFloat(string(s), 64)
		if err != nil && !math.IsInf(a, 0) {
			return fmt.Errorf("element %d: %q is no number", i, s)
		}
		v[i] = a
	}
	return storeWide(y, v, opt)
}

// formatStrings writes numbers as numpy does: the shortest text that reads back as the same value, "NaN" and "INF" as such.
func formatStrings(y, x *tensor.Tensor) error {
	if !x.Elem.IsFloat() {
		if x.Elem == tensor.Uint64 {
			for i, a := range tensor.Data[uint64](x) {
				y.Strs[i] = strconv.AppendUint(nil, a, 10)
			}
			return nil
		}
		v, err := x.Int64s()
		if err != nil {
			return err
		}
		for i, a := range v {
			y.Strs[i] = strconv.AppendInt(nil, a, 10)
		}
		return nil
	}
	v, err := x.Float64s()
	if err != nil {
		return err
	}
	size := 32
	if x.Elem == tensor.Float64 {
		size = 64
	}
	for i, a := range v {
		switch {
		case a != a:
			y.Strs[i] = []byte("NaN")
		case math.IsInf(a, 1):
			y.Strs[i] = []byte("INF")
		case math.IsInf(a, -1):
			y.Strs[i] = []byte("-INF")
		default:
			y.Strs[i] = strconv.AppendFloat(nil, a, 'g', -1, size)
		}
	}
	return nil
}

func prepareBitCast(p *Prep) (Exec, error) {
	to := tensor.DType(p.Attrs().Int("to", 0))
	if to.Bits() < 8 {
		return nil, fmt.Errorf("attribute to: %w", errElem(to))
	}
	return ExecFunc(func(c *Call) error {
		x := c.In[0]
		if x.Elem.Bits() != to.Bits() {
			return fmt.Errorf("%s and %s differ in size", x.Elem, to)
		}
		copy(c.Out(0, to, x.Shape...).Bytes(), x.Bytes())
		return nil
	}), nil
}

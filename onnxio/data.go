package onnxio

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// Data is a value outside of a model, as the recorded inputs and outputs of the ONNX test suite are stored. Kind says which field counts.
type Data struct {
	Name   string
	Kind   graph.Kind
	Tensor *tensor.Tensor
	Sparse *tensor.Sparse
	Seq    []*Data // elements of a sequence
	Of     *Data   // content of an optional; nil when it is empty
	Map    *MapData
	Elem   graph.Kind // what a sequence or optional holds, where it is empty
}

// MapData is a map: keys, as an integer or string tensor of rank 1, and as many values.
type MapData struct {
	Keys   *tensor.Tensor
	Values []*Data
}

// LoadTensor reads a file that holds one TensorProto.
func LoadTensor(path string) (*tensor.Tensor, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	t, err := DecodeTensor(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

// DecodeTensor reads a TensorProto. The tensor's bytes are a view into data; its name is in Meta.
func DecodeTensor(data []byte) (*tensor.Tensor, error) {
	d, err := DecodeData(data, graph.KindTensor)
	if err != nil {
		return nil, err
	}
	return d.Tensor, nil
}

// LoadData reads a file that holds one value of a type: a TensorProto, SparseTensorProto, SequenceProto, MapProto or OptionalProto. The
// bytes do not say which it is.
func LoadData(path string, kind graph.Kind) (*Data, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	d, err := DecodeData(b, kind)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return d, nil
}

// DecodeData reads a value of the kind, as LoadData does from a file.
func DecodeData(data []byte, kind graph.Kind) (*Data, error) {
	return newDecoder(LoadOptions{}, nil, len(data)).data(view{b: data}, kind)
}

var dataFields = map[graph.Kind]string{
	graph.KindTensor: "tensor", graph.KindSparseTensor: "sparse_tensor", graph.KindSequence: "sequence", graph.KindMap: "map", graph.KindOptional: "optional",
}

func (d *decoder) data(v view, kind graph.Kind) (*Data, error) {
	name, ok := dataFields[kind]
	if !ok {
		return nil, fmt.Errorf("values of kind %d are not stored in files", kind)
	}
	d.push(name, -1)
	defer d.pop()
	x := &Data{Kind: kind}
	var err error
	switch kind {
	case graph.KindTensor:
		x.Tensor, x.Name, err = d.tensor(v, false)
	case graph.KindSparseTensor:
		x.Sparse, x.Name, err = d.sparse(v)
	case graph.KindSequence:
		err = d.sequence(x, v)
	case graph.KindMap:
		err = d.mapData(x, v)
	default:
		err = d.optional(x, v)
	}
	return x, err
}

func (d *decoder) sequence(x *Data, v view) error {
	kinds := map[protowire.Number]graph.Kind{seqTensors: graph.KindTensor, seqSparse: graph.KindSparseTensor, seqSequences: graph.KindSequence,
		seqMaps: graph.KindMap, seqOptionals: graph.KindOptional}
	return d.each(sequenceSchema, v, func(f *field) error {
		switch f.num {
		case seqName:
			x.Name = d.str(f.body.b)
		case seqElem:
			x.Elem = kindOfCode(f.u)
		default:
			e, err := d.data(f.body, kinds[f.num])
			x.Seq = append(x.Seq, e)
			return err
		}
		return nil
	}, func([]byte) {})
}

func (d *decoder) optional(x *Data, v view) error {
	kinds := map[protowire.Number]graph.Kind{optTensor: graph.KindTensor, optSparse: graph.KindSparseTensor, optSequence: graph.KindSequence,
		optMap: graph.KindMap, optOptional: graph.KindOptional}
	return d.each(optionalSchema, v, func(f *field) (err error) {
		switch f.num {
		case optName:
			x.Name = d.str(f.body.b)
		case optElem:
			x.Elem = kindOfCode(f.u)
		default:
			x.Of, err = d.data(f.body, kinds[f.num])
		}
		return err
	}, func([]byte) {})
}

func (d *decoder) mapData(x *Data, v view) error {
	var ints []int64
	var strs [][]byte
	kind := tensor.Undefined
	values := &Data{}
	err := d.each(mapSchema, v, func(f *field) (err error) {
		switch f.num {
		case mapName:
			x.Name = d.str(f.body.b)
		case mapKeyType:
			number32(&kind, f)
		case mapKeys:
			err = d.varints(mapSchema, f, func(u uint64) { ints = append(ints, int64(u)) })
		case mapStringKeys:
			strs = append(strs, f.body.b)
		case mapValues:
			values, err = d.data(f.body, graph.KindSequence)
		}
		return err
	}, func([]byte) {})
	if err != nil {
		return err
	}
	m := &MapData{Values: values.Seq}
	x.Map = m
	switch {
	case kind == tensor.String && len(ints) == 0:
		m.Keys, err = tensor.FromStrings([]int64{int64(len(strs))}, strs)
	case kind.IsInteger() && len(strs) == 0:
		if m.Keys = tensor.Of(ints, int64(len(ints))); kind != tensor.Int64 {
			m.Keys, err = narrow(ints, kind)
		}
	default:
		err = fmt.Errorf("keys of type %s do not fit the lists given", kind)
	}
	if err == nil && m.Keys.Len() != len(m.Values) {
		err = fmt.Errorf("%d keys and %d values", m.Keys.Len(), len(m.Values))
	}
	if err != nil {
		return d.fail(v.off, err)
	}
	return nil
}

// narrow is a list of integers as a tensor of a smaller integer type.
func narrow(ints []int64, elem tensor.DType) (*tensor.Tensor, error) {
	if elem.Bits() < 8 {
		return nil, fmt.Errorf("keys cannot have type %s", elem)
	}
	var wire []byte
	for _, i := range ints {
		wire = protowire.AppendVarint(protowire.AppendTag(wire, tensorInt32s, protowire.VarintType), uint64(i))
	}
	s, err := newTypedData(elem, []int64{int64(len(ints))}, typedField{tensorInt32s, view{b: wire}})
	if err != nil {
		return nil, err
	}
	return tensor.FromBytes(elem, []int64{int64(len(ints))}, s.Bytes())
}

// EncodeTensor is the tensor as a TensorProto of the given name.
func EncodeTensor(t *tensor.Tensor, name string) ([]byte, error) {
	if t == nil {
		return nil, errors.New("no tensor")
	}
	c := *t
	c.Meta = &tensor.Meta{Name: name}
	return EncodeData(&Data{Kind: graph.KindTensor, Tensor: &c})
}

// EncodeData is the inverse of DecodeData.
func EncodeData(x *Data) ([]byte, error) {
	e := &encoder{counting: true, places: map[*tensor.Tensor]*place{}}
	e.data(x)
	if e.err != nil {
		return nil, e.err
	}
	var b bytes.Buffer
	e.start(&b)
	e.data(x)
	if err := e.finish(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// data writes the fields of the message that x is.
func (e *encoder) data(x *Data) {
	if x.Name != "" && x.Kind != graph.KindTensor && x.Kind != graph.KindSparseTensor {
		e.string(seqName, x.Name) // the same number in all three
	}
	switch {
	case x.Kind == graph.KindTensor && x.Tensor != nil:
		e.tensorFields(x.Tensor, nil)
	case x.Kind == graph.KindSparseTensor && x.Sparse != nil:
		e.sparseFields(x.Sparse, nil)
	case x.Kind == graph.KindSequence:
		elem := x.Elem
		if len(x.Seq) > 0 {
			elem = x.Seq[0].Kind
		}
		if code := elemCode[elem]; code != 0 {
			e.head(seqElem, protowire.VarintType, uint64(code))
		}
		for _, s := range x.Seq {
			if s.Kind != elem {
				e.fail(errors.New("a sequence of different kinds"))
			}
			e.message(seqTensors-1+protowire.Number(elemCode[s.Kind]), func() { e.data(s) })
		}
	case x.Kind == graph.KindOptional:
		elem := x.Elem
		if x.Of != nil {
			elem = x.Of.Kind
		}
		if code := elemCode[elem]; code != 0 {
			e.head(optElem, protowire.VarintType, uint64(code))
		}
		if x.Of != nil {
			e.message(optTensor-1+protowire.Number(elemCode[elem]), func() { e.data(x.Of) })
		}
	case x.Kind == graph.KindMap && x.Map != nil:
		k := x.Map.Keys
		e.head(mapKeyType, protowire.VarintType, uint64(k.Elem))
		if k.Elem != tensor.String {
			ints, err := k.Int64s()
			if err != nil {
				e.fail(err)
			}
			for _, i := range ints {
				e.head(mapKeys, protowire.VarintType, uint64(i))
			}
		}
		for _, s := range k.Strs {
			e.bytes(mapStringKeys, s)
		}
		e.message(mapValues, func() { e.data(&Data{Kind: graph.KindSequence, Seq: x.Map.Values}) })
	default:
		e.fail(fmt.Errorf("a value of kind %d without content", x.Kind))
	}
}

// elemCode is the number that SequenceProto and OptionalProto give a kind.
var elemCode = map[graph.Kind]int{graph.KindTensor: 1, graph.KindSparseTensor: 2, graph.KindSequence: 3, graph.KindMap: 4, graph.KindOptional: 5}

func kindOfCode(code uint64) graph.Kind {
	for kind, c := range elemCode {
		if uint64(c) == code {
			return kind
		}
	}
	return graph.KindUnknown
}

package graph

import "github.com/onnx-rewrite/onnx-rewrite/graph/tensor"

// Prop is one entry of metadata_props. Order and duplicates are kept.
type Prop = tensor.KeyValue

// Extra keeps what a protobuf message says beyond the fields of its struct, so that it is written as it was read.
type Extra struct {
	Unknown  []byte  // unknown fields, in wire form
	Explicit uint64  // bit n: field number n was present although it held its default
	Absent   uint64  // bit n: field number n was absent although the struct says that it has a value (a default)
	Kept     []Field // known fields that the IR does not take apart, in wire form

	// OutputInfo is set on a graph whose outputs were declared otherwise than the values themselves: an input that is returned as it
	// is, a value of an outer graph. By output name.
	OutputInfo map[string]OutputInfo
}

// OutputInfo is what an output list said of a value. It stands as long as the value's element type is what it was then.
type OutputInfo struct {
	Info *Value // its name, type, documentation and metadata
	Elem tensor.DType
}

// Field is one protobuf field in wire form, without its tag.
type Field struct {
	Number int
	Value  []byte
}

package graph

import "github.com/onnx-rewrite/onnx-rewrite/graph/tensor"

// Prop is one entry of metadata_props. Order and duplicates are kept.
type Prop = tensor.KeyValue

// Extra keeps what a protobuf message says beyond the fields of its struct, so that it is written as it was read.
type Extra struct {
	Unknown  []byte  // unknown fields, in wire form
	Explicit uint64  // bit n: field number n was present although it held its default
	Kept     []Field // known fields that the IR does not take apart, in wire form
}

// Field is one protobuf field in wire form, without its tag.
type Field struct {
	Number int
	Value  []byte
}

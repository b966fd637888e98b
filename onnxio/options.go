package onnxio

import (
	"github.com/onnx-rewrite/onnx-rewrite/graph"
)

// LoadOptions says how a model is read. The zero value is strict and safe: external data is loaded from the model's own folder, and a
// tensor whose data do not fit its type and shape is an error.
type LoadOptions struct {
	External     ExternalLoad
	ExternalRoot string              // a second folder that data files may lie in, by a link or by a location that leads there; "": none
	HardLinks    bool                // accept external data files that have more than one name (deduplicating stores)
	Lenient      bool                // keep tensors whose data is missing or does not fit; they have no usable values, and are written back as read
	Report       func(graph.Finding) // is told what Lenient let pass; nil: nobody is
	Limits       Limits
}

// ExternalLoad says what to do with tensors whose values lie in other files.
type ExternalLoad uint8

// The ways to treat external data.
const (
	ExternalRead   ExternalLoad = iota // map the files
	ExternalRefuse                     // a model that has external data is an error
	ExternalSkip                       // leave the values out: for looking at structure only
)

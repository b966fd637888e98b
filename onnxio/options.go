package onnxio

import (
	"github.com/onnx-rewrite/onnx-rewrite/graph"
)

// LoadOptions says how a model is read. The zero value is strict and safe: external data is loaded from the model's own folder, and a
// tensor whose data do not fit its type and shape is an error.
type LoadOptions struct {
	External  ExternalLoad
	HardLinks bool                // accept external data files that have more than one name (deduplicating stores)
	Lenient   bool                // keep tensors whose data is missing or does not fit; they have no usable values, and are written back as read
	Report    func(graph.Finding) // is told what Lenient let pass; nil: nobody is
	Limits    Limits
}

// ExternalLoad says what to do with tensors whose values lie in other files.
type ExternalLoad uint8

// The ways to treat external data.
const (
	ExternalRead   ExternalLoad = iota // map the files
	ExternalRefuse                     // a model that has external data is an error
	ExternalSkip                       // leave the values out: for looking at structure only
)

// Limits bound what a model may make the reader do. A zero means the default in brackets.
type Limits struct {
	Depth     int // nested messages [100]
	Subgraphs int // graphs inside graphs [32]
	Nodes     int // of the whole model [10,000,000]
	Tensors   int // of the whole model [1,000,000]
	Attrs     int // of one node [10,000]
	Rank      int // of a tensor [64]

	Memory int64 // bytes of the structure in memory, without tensors, by a rough count [64 MiB and 32 times the file's size]
}

func (l Limits) withDefaults() Limits {
	for _, f := range []struct {
		have *int
		def  int
	}{{&l.Depth, maxDepth}, {&l.Subgraphs, 32}, {&l.Nodes, 10_000_000}, {&l.Tensors, 1_000_000}, {&l.Attrs, 10_000}, {&l.Rank, 64}} {
		if *f.have <= 0 {
			*f.have = f.def
		}
	}
	return l
}

// Package graph is the IR: models, graphs, nodes and values as Go structs, with edits, structural checks and the ONNX textual syntax.
//
// It knows no files (onnxio), no operator (graph/op) and no numbers (runtime). A value knows its producer and its uses, a node knows
// its neighbours, nodes may be edited while they are walked, and whatever a file said beyond what the IR models is kept beside it in
// Extra. A small model in text:
//
//	<ir_version: 8, opset_import: ["" : 18]>
//	mlp (float[N,8] x) => (float[N,4] y) <float[8,4] w> {
//	  h = MatMul (x, w)
//	  y = Relu (h)
//	}
//
// It may import graph/tensor and graph/debug only.
package graph

// Package block defines how sparse blocks are written into ONNX files: model-local functions of the domain onnxrewrite.sparse, whose
// bodies are standard operators that any runtime runs, and whose names tell our runtime which kernel skips the work.
//
// One function per family and variant; numbers that no operator depends on (k, a threshold) are attributes; weights are inputs, so they
// stay initializers of the graph. The body is the specification: a kernel must give what the body gives.
//
//	y = onnxrewrite.sparse.TopKFFN_gated_silu_gate_exact <k = [64]> (x, gate, gate_bias, up, up_bias, down, down_bias)
//
// Families: SparseLinear, TopKFFN, MoEFFN. Build writes the function, Match reads a call and checks that the body in the file is the
// one that Build writes, so that an edited body is run as it stands.
//
// It may import graph and graph/op.
package block

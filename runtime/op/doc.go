// Package op is the operator table of the runtime: how a node becomes a kernel call.
//
// An OpDef names an operator and the opset versions it serves. Its Prepare looks at one node, with the types and constants known at
// compile time, refuses what it cannot do, packs weights, and returns an Exec. The session calls Exec.Run once a run, with the actual
// input tensors; Run works out its output shapes from them, asks the Call for buffers, and computes.
//
//	y = Gemm <transB=1> (x, w, b)   ->   Prepare packs w once;   Run: y := c.Out(0, tensor.Float32, m, n); kernel.Gemm(...)
//
// One file per family (matmul.go, conv.go, ...), listed in table.go. To add an operator: write its OpDef in its family's function, with
// a test against a plain reference; a new family gets a line in table.go.
//
// The package imports graph, graph/op, graph/block and runtime/kernel.
package op

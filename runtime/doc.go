// Package runtime executes models: it compiles a graph into a list of prepared kernel calls, plans their memory, and runs them.
//
//	s, err := runtime.Compile(model, runtime.Options{})
//	out, err := s.Run(ctx, runtime.Feeds{"x": x})
//
// Compile clones the graph's structure, folds constants, lowers (lower*.go: fused operators of the private domain op.Lowered, never
// saved), lets the operator table (package op) prepare every node, and plans buffers (plan.go). Run binds the symbolic dims to the sizes of the inputs
// (bind.go), takes an arena (arena.go), and executes the steps in order (program.go). Subgraphs of If, Loop and Scan are programs of their own
// (sub.go); calls of model-local functions are fused kernels or their bodies (function.go).
//
// The package imports graph, graph/op, graph/block, runtime/op and runtime/kernel; never passes.
package runtime

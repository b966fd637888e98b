// Package passes rewrites models: graph in, graph out, and what comes out is legal ONNX that any runtime loads.
//
// A Pass is a name, a line of documentation and a function; a parametrised pass is a constructor from its options struct. Pipelines are
// tables (pipeline.go). Passes find their blocks afresh (FindFFN), decline with a reason instead of failing, and report one row for each
// block. Evaluation and calibration data come through Env, so that this package never imports the runtime.
//
// It may import graph, graph/op, graph/block and sparsify.
package passes

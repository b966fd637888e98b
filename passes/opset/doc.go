// Package opset converts models between versions of the operator sets, up and down.
//
// Convert carries every node over each boundary between two versions of its operator, one after the other. Where the schemas say that
// nothing but types, optional inputs or attributes with defaults was added, the node passes as it is, or is refused when it uses what the
// older version lacks; where the meaning changed, or an operator must be written with older ones, a row of the table in table.go does it.
// Whatever cannot be expressed is refused by node, all of it at once, and the model given is never changed.
//
//	<ir_version: 8, opset_import: ["" : 11]>            <ir_version: 8, opset_import: ["" : 13]>
//	g (float[2,3] x) => (float[3] y) {           =>     g (float[2,3] x) => (float[3] y) <int64[1] y_axes = {0}> {
//	  y = ReduceSum <axes = [0], keepdims = 0> (x)        y = ReduceSum <keepdims = 0> (x, y_axes)
//	}                                                   }
//
// It may import graph, graph/op and graph/tensor.
package opset

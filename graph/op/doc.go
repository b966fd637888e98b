// Package op knows the operators of the ONNX standard: their schemas by version, whether a model obeys them, and which types and
// shapes their outputs have.
//
// Three entry points:
//
//   - [Lookup] finds the schema of an operator in force at an opset, from a table of every published version.
//   - [Check] holds a model against the schemas and reports every finding at once.
//   - [Infer] fills in the types of all values, with symbolic dimensions, and follows small integer tensors through the
//     Shape, Gather, Concat, Reshape idioms that exporters write.
//
// An operator's inference rule is named in table.go and lives in the file of its family (matmul.go, shape.go, reduce.go, ...).
//
// The package imports graph and graph/tensor only.
package op

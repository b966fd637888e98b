// Package onnxgo runs models that github.com/owulveryck/onnx-go decodes: a backend for onnx-go on the runtime of this module. Only the import
// and the constructor's package name change in a program that used another backend:
//
//	backend := onnxgo.NewGraph() // was gorgonnx.NewGraph()
//	model := onnx.NewModel(backend)
//	err := model.UnmarshalBinary(b)
//	...
//	err = model.SetInput(0, x)
//	err = backend.Run()
//	out, err := model.GetOutputTensors()
//
// An operator that the runtime does not have, and a type that a gorgonia tensor cannot hold, is an *onnx.ErrNotImplemented, from
// UnmarshalBinary or from Run.
//
// # The opset
//
// onnx-go does not tell a backend which opset a model imports. Graph takes the lowest version from 9 on (the one of onnx-go's own tests) that
// all operators of the model fit by their attributes and their numbers of inputs and outputs; where none does, the highest before 9. That
// settles all but operators that changed their meaning without changing their form: Softmax, LogSoftmax and Hardmax over an axis that is not
// the last (13), RoiAlign without a mode (16). Set Graph.Opset where it matters; OpsetOf reads it from the model's bytes.
//
// # What onnx-go cannot pass
//
// Subgraphs (If, Loop, Scan), model-local functions, sparse initializers, external data, values that are no tensors, and element types below
// float32 or other than Go's: onnx-go's decoder refuses them before the backend sees them. Initializers may be float, double, int32, int64 and
// bool. Package onnxio reads all of that.
//
// Model.SetInput(i, t) sets the node of ID i, whatever the model's inputs are. Where a model lists an initializer among its inputs before an
// input, take the node by Model.GetNodeByName and call its SetTensor. A Run that misses an input says which.
//
// It imports graph, onnxio and runtime; onnx-go, gorgonia's tensor and gonum's graph are imported by this package alone.
package onnxgo

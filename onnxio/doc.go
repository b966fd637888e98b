// Package onnxio reads and writes ONNX files: models, the recorded values of tests, and NumPy arrays.
//
// Reading maps the file and walks the wire format; weights stay where they are, so a model of any size loads in about a millisecond.
// Nothing is lost: fields that the IR does not model, unknown fields, order, duplicates, and the difference between an absent field and
// one that holds its default come back as they were. A model whose fields are in the order of their numbers, as almost all writers put
// them, and that is not edited, is written with the same bytes.
//
//	m, err := onnxio.Load("model.onnx", onnxio.LoadOptions{})
//	...
//	defer m.Close()
//	err = onnxio.Save(m, "out.onnx", onnxio.SaveOptions{})
//
// Where things are:
//
//	wire.go schema.go                     tags, varints, bounded depth; the fields of every message
//	decode*.go typed.go                   wire format to IR
//	encode*.go                            IR to wire format: one walk that counts, then one that writes
//	load.go mapping.go                    mapped files
//	external.go reference.go links_*.go   data files, which lie inside the model's folder or are refused
//	limits.go calls.go                    what a model may hold
//	security*.go scan.go integrity.go     reports on files: from strangers, and damaged
//	save.go save_plan.go files.go sweep.go  which tensor goes where; temporary files, fsync, rename; old data files
//	data.go npy.go                        values outside of models
//	lint.go                               what other tools will trip over
//
// It imports graph and graph/tensor only. Errors about content are a *DecodeError, which has the offset and the path of fields.
package onnxio

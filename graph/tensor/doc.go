// Package tensor holds element types and constant tensors: what an initializer, an attribute or a value at run time stores.
//
// It imports nothing of the project. A Tensor's bytes are the ones ONNX puts into raw_data: little-endian, row-major, types below a
// byte packed with the first element in the low bits. They may lie on the heap or in a mapped file; readers do not see the
// difference. A tensor that hangs in a graph is immutable: passes replace it, they never write into it.
package tensor

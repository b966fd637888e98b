// Command onnx-rewrite looks into ONNX models, rewrites them, runs them and measures them: one verb a file, each with --help that teaches
// by example.
//
//	onnx-rewrite demo
//	onnx-rewrite inspect model.onnx
//	onnx-rewrite moe model.onnx -o sparse.onnx --experts 16 --active 4 --data calib_ids.npy
//	onnx-rewrite eval sparse.onnx --task lm --ids val_ids.npy
//	onnx-rewrite bench sparse.onnx --against model.onnx
//
// Exit codes: 0 fine; 1 a check failed, or nothing was changed; 2 bad usage or bad input; 130 stopped by Ctrl-C.
//
// This is the one place where the parts meet: files (onnxio), rewrites (passes), data (sparsify/calib) and execution (runtime).
package main

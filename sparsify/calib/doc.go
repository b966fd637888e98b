// Package calib runs models over calibration and evaluation data: it reads data sets, feeds them batch by batch, and hands tapped values
// to passes or to sparsify.Stats.
//
//	data, err := calib.Open(model, []string{"calib_ids.npy"}, calib.Options{})
//	env := calib.NewEnv(model, data)
//
// Data is a NumPy file (.npy) of the only input, an archive (.npz) or several name=file.npy of named inputs, all with the samples along the
// first axis, or folders with recorded inputs (test_data_set_k). A bare .npy of integers for a model that takes token ids is text: rows
// are windows, fed without their last id, which is the target of the one before; flat arrays are cut into windows. Mask, position and cache inputs of
// language models are filled.
//
// Data.Collect fills mergeable statistics; Evaluate and EvaluateSteps (token by token, with a cache) measure perplexity.
//
// It may import graph, onnxio, passes, runtime and sparsify.
package calib

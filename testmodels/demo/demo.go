// Package demo holds a small trained character language model, the same network before training, and text to measure it with.
//
// The model is like GPT-2: 3 layers, d = 96, 4 heads, FFN 96-384-96 with ReLU, context 128, 65 characters, trained on public-domain text.
// Its weights are stored as float16 and widened when loaded; perplexity on the evaluation windows moves by less than 1e-4 nats. The files
// are made by the program in _gen from the float32 originals.
//
// It may import graph and onnxio.
package demo

import (
	_ "embed"
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
)

//go:embed trained.onnx
var trained []byte

//go:embed initial.onnx
var initial []byte

//go:embed eval.ids
var evalIDs []byte

//go:embed calib.ids
var calibIDs []byte

// Vocabulary are the characters, by id.
//
//go:embed vocab.json
var Vocabulary []byte

// Window is the number of ids in a row of Eval and Calib: 128 inputs, each followed by its target.
const Window = 129

// Trained is the trained model: input_ids int64 [batch, seq] -> logits float [batch, seq, 65], seq at most 128.
func Trained() (*graph.Model, error) { return load(trained) }

// Initial is the same network with the weights from before training.
func Initial() (*graph.Model, error) { return load(initial) }

// Eval are the evaluation windows, int64 [64, Window], from text the model was not trained on.
func Eval() *tensor.Tensor { return ids(evalIDs) }

// Calib are windows of training text for calibration, int64 [64, Window].
func Calib() *tensor.Tensor { return ids(calibIDs) }

func ids(b []byte) *tensor.Tensor {
	out := make([]int64, len(b))
	for i, c := range b {
		out[i] = int64(c)
	}
	return tensor.Of(out, int64(len(b)/Window), Window)
}

// load decodes a model whose large float initializers are stored as float16.
func load(data []byte) (*graph.Model, error) {
	m, err := onnxio.Decode(data, onnxio.LoadOptions{})
	if err != nil {
		return nil, fmt.Errorf("embedded model: %w", err)
	}
	for _, v := range m.Graph.Inits {
		if v.Const == nil || v.Const.Elem != tensor.Float16 {
			continue
		}
		wide, err := v.Const.Float32s()
		if err != nil {
			return nil, fmt.Errorf("embedded model: %s: %w", v.Name, err)
		}
		v.Const = tensor.Of(wide, v.Const.Shape...)
		v.Type = graph.TypeOf(v.Const)
	}
	return m, nil
}

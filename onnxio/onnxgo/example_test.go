package onnxgo_test

import (
	"bytes"
	"fmt"
	"log"

	"github.com/owulveryck/onnx-go"
	"gorgonia.org/tensor"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio/onnxgo"
)

func Example() {
	m, err := graph.ParseModel(`<ir_version: 8, opset_import: ["" : 13]>
		g (float[N,4] x) => (float[N,2] y) <float[4,2] w = {1, 0, 0, 1, -1, 0, 0, 1}> { h = MatMul (x, w) y = Relu (h) }`, graph.ParseOptions{})
	if err != nil {
		log.Fatal(err)
	}
	var file bytes.Buffer
	if err := onnxio.Encode(&file, m); err != nil {
		log.Fatal(err)
	}
	b := file.Bytes()
	input := tensor.New(tensor.WithShape(1, 4), tensor.WithBacking([]float32{1, 2, 3, 4}))

	backend := onnxgo.NewGraph()
	model := onnx.NewModel(backend)
	if err := model.UnmarshalBinary(b); err != nil {
		log.Fatal(err)
	}
	if err := model.SetInput(0, input); err != nil {
		log.Fatal(err)
	}
	if err := backend.Run(); err != nil {
		log.Fatal(err)
	}
	output, err := model.GetOutputTensors()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(output[0].Shape(), output[0].Data())
	// Output: (1, 2) [0 6]
}

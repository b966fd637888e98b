module github.com/onnx-rewrite/onnx-rewrite/tools/bench

go 1.26.0

require (
	github.com/onnx-rewrite/onnx-rewrite v0.0.0
	github.com/shota3506/onnxruntime-purego v0.0.0-20260315223538-8db8bd7424b2
	github.com/stretchr/testify v1.12.1
)

require (
	github.com/ebitengine/purego v0.9.0 // indirect
	github.com/edsrzf/mmap-go v1.2.0 // indirect
	github.com/x448/float16 v0.8.4 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/sys v0.49.0 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
)

replace github.com/onnx-rewrite/onnx-rewrite => ../..

// Package onnxpb holds the generated types of the ONNX container format. It is the independent oracle of the tests of onnxio: they decode
// an original file and what we wrote with it and compare the two, unknown fields included. Nothing but tests may import it.
//
// After a change to onnx.proto run `go generate` here, with protoc 3.21.12 (Debian package protobuf-compiler) and protoc-gen-go v1.36.12
// (`go install google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12`) on the path.
package onnxpb

//go:generate protoc --go_out=. --go_opt=paths=source_relative onnx.proto

// Command gen makes the files of package demo from a folder with model.onnx, initial.onnx, val_ids.npy, calib_ids.npy and vocab.json:
//
//	go run ./testmodels/demo/_gen FOLDER testmodels/demo
package main

import (
	"bytes"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("want: gen FROM TO")
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

func run(from, to string) error {
	for src, dst := range map[string]string{"model.onnx": "trained.onnx", "initial.onnx": "initial.onnx"} {
		if err := narrow(filepath.Join(from, src), filepath.Join(to, dst)); err != nil {
			return err
		}
	}
	for src, dst := range map[string]string{"val_ids.npy": "eval.ids", "calib_ids.npy": "calib.ids"} {
		t, err := onnxio.ReadNPY(filepath.Join(from, src))
		if err != nil {
			return err
		}
		ids, err := t.Int64s()
		if err != nil {
			return err
		}
		b := make([]byte, len(ids))
		for i, id := range ids {
			if id < 0 || id > 255 {
				return fmt.Errorf("%s: id %d does not fit a byte", src, id)
			}
			b[i] = byte(id)
		}
		if err := os.WriteFile(filepath.Join(to, dst), b, 0o644); err != nil {
			return err
		}
	}
	vocab, err := os.ReadFile(filepath.Join(from, "vocab.json"))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(to, "vocab.json"), vocab, 0o644)
}

// narrow stores the matrices as float16 and drops the exporter's metadata.
func narrow(from, to string) error {
	m, err := onnxio.Load(from, onnxio.LoadOptions{})
	if err != nil {
		return err
	}
	defer m.Close()
	for n := range m.Graph.Nodes() {
		n.Props, n.Doc = nil, ""
	}
	for _, v := range m.Graph.ValueInfo {
		v.Props, v.Doc = nil, ""
	}
	m.Graph.ValueInfo = nil
	for _, v := range m.Graph.Inits {
		if v.Const == nil || v.Const.Elem != tensor.Float32 || v.Const.Len() < 96 {
			continue
		}
		wide, err := v.Const.Float32s()
		if err != nil {
			return err
		}
		half := make([]uint16, len(wide))
		fits := true
		for i, f := range wide {
			half[i] = tensor.Float32ToHalf(f)
			fits = fits && (f > -65504 && f < 65504)
		}
		if !fits {
			continue
		}
		if v.Const, err = tensor.FromBytes(tensor.Float16, v.Const.Shape, tensor.AsBytes(half)); err != nil {
			return err
		}
		v.Type = graph.TypeOf(v.Const)
	}
	var buf bytes.Buffer
	if err := onnxio.Encode(&buf, m); err != nil {
		return err
	}
	return os.WriteFile(to, buf.Bytes(), 0o644)
}

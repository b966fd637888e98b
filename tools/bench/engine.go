package main

import (
	"context"
	"fmt"

	ort "github.com/shota3506/onnxruntime-purego/onnxruntime"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
	"github.com/onnx-rewrite/onnx-rewrite/runtime"
)

// apiVersion is that of ONNX Runtime's C interface which the binding speaks; newer libraries serve older versions.
const apiVersion = 23

// ours is our runtime with one model.
type ours struct {
	model   *graph.Model
	session *runtime.Session
}

func newOurs(path string, threads int) (*ours, error) {
	m, err := onnxio.Load(path, onnxio.LoadOptions{})
	if err != nil {
		return nil, err
	}
	s, err := runtime.Compile(m, runtime.Options{Threads: threads})
	if err != nil {
		m.Close()
		return nil, err
	}
	return &ours{m, s}, nil
}

func (e *ours) close() {
	e.session.Close()
	e.model.Close()
}

// theirs is ONNX Runtime with one model.
type theirs struct {
	lib     *ort.Runtime
	env     *ort.Env
	session *ort.Session
}

func newTheirs(lib, path string, threads int) (*theirs, error) {
	r, err := ort.NewRuntime(lib, apiVersion)
	if err != nil {
		return nil, err
	}
	env, err := r.NewEnv("bench", ort.LoggingLevelError)
	if err != nil {
		return nil, err
	}
	s, err := r.NewSession(env, path, &ort.SessionOptions{IntraOpNumThreads: threads})
	if err != nil {
		return nil, err
	}
	return &theirs{r, env, s}, nil
}

func (e *theirs) close() {
	e.session.Close()
	e.env.Close()
	e.lib.Close()
}

// feeds turns our inputs into theirs. The binding reads the slices in place; they must stay alive.
func (e *theirs) feeds(in runtime.Feeds) (map[string]*ort.Value, error) {
	out := map[string]*ort.Value{}
	for name, t := range in {
		var v *ort.Value
		var err error
		switch t.Elem {
		case tensor.Float32:
			v, err = ort.NewTensorValue(e.lib, tensor.Data[float32](t), t.Shape)
		case tensor.Int64:
			v, err = ort.NewTensorValue(e.lib, tensor.Data[int64](t), t.Shape)
		default:
			err = fmt.Errorf("type %s is not passed on", t.Elem)
		}
		if err != nil {
			return nil, fmt.Errorf("input %q: %w", name, err)
		}
		out[name] = v
	}
	return out, nil
}

// outputs runs once and returns the float outputs.
func (e *theirs) outputs(ctx context.Context, in map[string]*ort.Value) (map[string][]float32, error) {
	got, err := e.session.Run(ctx, in)
	if err != nil {
		return nil, err
	}
	out := map[string][]float32{}
	for name, v := range got {
		if data, _, err := ort.GetTensorData[float32](v); err == nil {
			out[name] = append([]float32(nil), data...)
		}
		v.Close()
	}
	return out, nil
}

package opset_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
	"github.com/onnx-rewrite/onnx-rewrite/runtime"
	"github.com/onnx-rewrite/onnx-rewrite/testmodels"
)

var archives = map[string]map[string]map[string][]byte{} // read once

func readArchive(t *testing.T, file string) map[string]map[string][]byte {
	t.Helper()
	if archives[file] == nil {
		archives[file] = testmodels.BackendTests(t, file)
	}
	return archives[file]
}

// runBackendTest runs a model on the recorded inputs and compares with the recorded outputs.
func runBackendTest(name string, m *graph.Model, files map[string][]byte) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	for _, v := range append(append([]*graph.Value{}, m.Graph.Inputs...), m.Graph.Outputs...) {
		if v.Type.Kind != graph.KindTensor && v.Const == nil {
			return fmt.Errorf("%s is a %s", v.Name, v.Type)
		}
	}
	s, err := runtime.Compile(m, runtime.Options{Threads: 1})
	if err != nil {
		return err
	}
	defer s.Close()
	for set := 0; ; set++ {
		dir := "test_data_set_" + strconv.Itoa(set) + "/"
		if files[dir+"output_0.pb"] == nil {
			if set == 0 {
				return errors.New("no data")
			}
			return nil
		}
		feeds := runtime.Feeds{}
		k := 0
		for _, v := range m.Graph.Inputs {
			if v.Const != nil {
				continue
			}
			if data := files[dir+"input_"+strconv.Itoa(k)+".pb"]; data != nil {
				if feeds[v.Name], err = readTensor(data, v.Type); err != nil {
					return err
				}
			}
			k++
		}
		got, err := s.Run(context.Background(), feeds)
		if err != nil {
			return err
		}
		for i, v := range m.Graph.Outputs {
			want, err := readTensor(files[dir+"output_"+strconv.Itoa(i)+".pb"], v.Type)
			if err != nil {
				return err
			}
			if err := allClose(got[v.Name], want, strings.Contains(name, "bernoulli")); err != nil {
				return fmt.Errorf("data set %d, output %q: %w", set, v.Name, err)
			}
		}
	}
}

// readTensor decodes a TensorProto by putting it into a model as its initializer.
func readTensor(data []byte, declared graph.Type) (*tensor.Tensor, error) {
	field := func(number int, body []byte) []byte {
		b := binary.AppendUvarint(nil, uint64(number<<3|2))
		return append(binary.AppendUvarint(b, uint64(len(body))), body...)
	}
	m, err := onnxio.Decode(field(7, field(5, data)), onnxio.LoadOptions{})
	if err != nil || len(m.Graph.Inits) != 1 {
		return nil, fmt.Errorf("no tensor: %w", err)
	}
	x := m.Graph.Inits[0].Const
	if x.Elem == tensor.Uint16 && declared.Elem == tensor.BFloat16 { // as old releases stored it
		x.Elem = tensor.BFloat16
	}
	return x, nil
}

// allClose is the suite's own rule: equal types, shapes and strings, numbers within 1e-3 relative and 1e-7 absolute, where a rounding of
// another order of the same operations may cost as much again in half precision.
func allClose(got, want *tensor.Tensor, shapeOnly bool) error {
	if got == nil {
		return errors.New("missing")
	}
	if got.Elem != want.Elem || fmt.Sprint(got.Shape) != fmt.Sprint(want.Shape) && len(got.Shape)+len(want.Shape) > 0 {
		return fmt.Errorf("got %s%v, want %s%v", got.Elem, got.Shape, want.Elem, want.Shape)
	}
	switch {
	case shapeOnly:
		return nil
	case want.Elem == tensor.String:
		for i, s := range want.Strs {
			if string(s) != string(got.Strs[i]) {
				return fmt.Errorf("element %d: got %q, want %q", i, got.Strs[i], s)
			}
		}
		return nil
	case want.Elem == tensor.Complex64, want.Elem == tensor.Complex128:
		if string(got.Bytes()) != string(want.Bytes()) {
			return errors.New("complex values differ")
		}
		return nil
	}
	a, err := got.Float64s()
	if err != nil {
		return err
	}
	b, err := want.Float64s()
	if err != nil {
		return err
	}
	rel, abs := 1e-3, 1e-6
	switch want.Elem {
	case tensor.Float16:
		rel, abs = 4e-3, 2e-3
	case tensor.BFloat16:
		rel, abs = 2e-2, 1e-2
	}
	for i := range b {
		switch {
		case a[i] == b[i], math.IsNaN(a[i]) && math.IsNaN(b[i]):
		case !(math.Abs(a[i]-b[i]) <= abs+rel*math.Abs(b[i])):
			return fmt.Errorf("element %d of %s%v: got %v, want %v", i, want.Elem, want.Shape, a[i], b[i])
		}
	}
	return nil
}

package onnxgo

import (
	"errors"
	"fmt"
	"math"
	"sort"
	"strings"
	"testing"

	onnx "github.com/owulveryck/onnx-go"
	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
	"github.com/onnx-rewrite/onnx-rewrite/testmodels"
)

// different are the tests, by the beginning of their names, that cannot give the recorded outputs, and why.
var different = []struct{ test, why string }{
	{"test_bernoulli", "random"},
	{"test_dft_inverse", "the recorded outputs hold rounding noise where the value is 0"},
	{"test_averagepool_3d_dilations_large_count_include_pad_is_1_ceil_mode_is_True__v1.16.2", "recorded with an error that was corrected later"},
	{"test_hardmax_", meaning}, {"test_logsoftmax_", meaning}, {"test_softmax_", meaning},
	{"test_group_normalization_e", "of opset 18, but formed like 21: its error says to set Graph.Opset"},
}

const meaning = "changed its meaning at opset 13 and not its form"

// TestConformance runs the public operator tests through onnx-go's decoder, of every opset, without telling the Graph which it is. What the
// decoder cannot pass is skipped; everything else must give the recorded outputs.
func TestConformance(t *testing.T) {
	for _, archive := range []struct {
		name   string
		passed int // at least
	}{{"node", 1390}, {"node-late", 24}, {"node-older", 920}} {
		t.Run(archive.name, func(t *testing.T) {
			tests := testmodels.BackendTests(t, testmodels.Shared(t, "conformance", archive.name+".tar.gz"))
			var names []string
			for name := range tests {
				names = append(names, name)
			}
			sort.Strings(names)
			passed, refused := 0, map[string]int{}
			for _, name := range names {
				why, err := throughONNXGo(tests[name], 0)
				for _, d := range different {
					if err != nil && strings.HasPrefix(name, d.test) {
						why, err = d.why, nil
						if d.why != meaning {
							break
						}
						// Told the opset, the numbers agree.
						opset, _ := OpsetOf(tests[name]["model.onnx"])
						_, err = throughONNXGo(tests[name], opset)
					}
				}
				switch {
				case err != nil:
					t.Errorf("%s: %v", name, err)
				case why != "":
					refused[why]++
				default:
					passed++
				}
			}
			t.Logf("%d tests: %d passed, the others cannot come through onnx-go: %v", len(names), passed, refused)
			require.GreaterOrEqual(t, passed, archive.passed)
		})
	}
}

// throughONNXGo runs a test on its first data set, in a Graph that is told the opset, or 0. why says what kept it from running.
func throughONNXGo(files map[string][]byte, opset int64) (why string, err error) {
	g := NewGraph()
	g.Opset = opset
	defer g.Close()
	m := onnx.NewModel(g)
	if err := decode(m, files["model.onnx"]); err != nil {
		return "decoding", nil
	}
	for i := 0; ; i++ {
		b := files[fmt.Sprintf("test_data_set_0/input_%d.pb", i)]
		if b == nil {
			break
		}
		d, err := onnxio.DecodeData(b, graph.KindTensor)
		if err != nil {
			return "inputs", nil
		}
		x, err := toGorgonia(d.Tensor)
		if err != nil {
			return "inputs", nil
		}
		if err := m.SetInput(i, x); err != nil {
			return "", err
		}
	}
	if err := g.Run(); err != nil {
		var not *onnx.ErrNotImplemented
		if errors.As(err, &not) {
			return "operators", nil
		}
		return "", err
	}
	out, err := m.GetOutputTensors()
	if err != nil {
		return "", err
	}
	for i := range out {
		b := files[fmt.Sprintf("test_data_set_0/output_%d.pb", i)]
		want, err := onnxio.DecodeData(b, graph.KindTensor)
		if err != nil {
			return "", err
		}
		got, err := fromGorgonia(out[i])
		if err != nil {
			return "", fmt.Errorf("output %d: %w", i, err)
		}
		if err := close(got, want.Tensor); err != nil {
			return "", fmt.Errorf("output %d: %w", i, err)
		}
	}
	return "", nil
}

// decode is UnmarshalBinary with the decoder's panics as errors.
func decode(m *onnx.Model, b []byte) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return m.UnmarshalBinary(b)
}

// close compares by the suite's own rule: numbers within 1e-3 relative and 1e-7 absolute.
func close(got, want *tensor.Tensor) error {
	if got.Elem != want.Elem || fmt.Sprint(got.Shape) != fmt.Sprint(want.Shape) && got.Rank()+want.Rank() > 0 {
		return fmt.Errorf("got %s%v, want %s%v", got.Elem, got.Shape, want.Elem, want.Shape)
	}
	if want.Elem == tensor.String || want.Elem == tensor.Complex64 || want.Elem == tensor.Complex128 {
		if got.Hash() != want.Hash() {
			return errors.New("the values differ")
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
	for i := range b {
		if a[i] != b[i] && !(math.IsNaN(a[i]) && math.IsNaN(b[i])) && !(math.Abs(a[i]-b[i]) <= 1e-7+1e-3*math.Abs(b[i])) {
			return fmt.Errorf("element %d: got %v, want %v", i, a[i], b[i])
		}
	}
	return nil
}

package onnxgo_test

import (
	"math"
	"sort"
	"testing"

	"github.com/owulveryck/onnx-go"
	"github.com/owulveryck/onnx-go/backend/testbackend"
	_ "github.com/owulveryck/onnx-go/backend/testbackend/onnx"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"github.com/onnx-rewrite/onnx-rewrite/onnxio/onnxgo"
)

// compared are the tests of onnx-go whose recorded outputs its own runner, which allows an absolute difference of 1e-6, cannot be given: the
// relative difference to allow instead, and why.
var compared = map[string]struct {
	tolerance float64
	why       string
}{
	"TestPow": {1e-6, "values up to 1357, where float32 has steps of 1.2e-4"},
	"TestReduceSumSquareDefaultAxesKeepdimsRandom": {1e-6, "values of 224, where float32 has steps of 1.5e-5"},
	"TestRoialign":    {5e-3, "recorded with four digits after the point"},
	"TestSize":        {0, "recorded as a float32 of shape (1), where the model declares an int64 scalar"},
	"TestSizeExample": {0, "recorded as a float32 of shape (1), where the model declares an int64 scalar"},
}

// skips are the tests that onnx-go's decoder refuses before a backend sees anything.
var skips = map[string]string{
	"TestScan9Sum": "onnx-go passes no subgraphs",
}

// TestONNXGo runs every test that onnx-go registers for its backends, by onnx-go's own runner. With -v it counts them.
func TestONNXGo(t *testing.T) {
	var cases []*testbackend.TestCase
	for _, make := range testbackend.GetAllRegisteredTests() {
		cases = append(cases, make())
	}
	sort.Slice(cases, func(i, j int) bool { return cases[i].Title < cases[j].Title })
	require.Greater(t, len(cases), 300)
	passed, loose, skipped := 0, 0, 0
	for _, c := range cases {
		if _, ok := compared[c.Title]; ok {
			if t.Run(c.Title, func(t *testing.T) { compare(t, c) }) {
				loose++
			}
			continue
		}
		ok := t.Run(c.Title, c.RunTest(onnxgo.NewGraph(), false))
		if c.Skipped {
			require.Contains(t, skips, c.Title, "an operator of onnx-go's tests is not implemented")
			skipped++
		} else if ok {
			passed++
		}
	}
	t.Logf("%d tests: %d pass in onnx-go's runner, %d pass by relative difference, %d skipped", len(cases), passed, loose, skipped)
	require.Equal(t, len(cases), passed+loose+skipped)
}

// compare runs a test with the tolerance that its numbers need.
func compare(t *testing.T, c *testbackend.TestCase) {
	g := onnxgo.NewGraph()
	m := onnx.NewModel(g)
	require.NoError(t, m.UnmarshalBinary(c.ModelB))
	for i, x := range c.Input {
		require.NoError(t, m.SetInput(i, x))
	}
	require.NoError(t, g.Run())
	out, err := m.GetOutputTensors()
	require.NoError(t, err)
	require.Len(t, out, len(c.ExpectedOutput))
	for i := range out {
		got, want := numbers(t, out[i]), numbers(t, c.ExpectedOutput[i])
		require.Len(t, got, len(want))
		for j := range want {
			require.LessOrEqual(t, math.Abs(got[j]-want[j]), compared[c.Title].tolerance*math.Abs(want[j]), "element %d: %v, want %v", j, got[j], want[j])
		}
	}
}

// numbers is the elements of a tensor.
func numbers(t *testing.T, x tensor.Tensor) []float64 {
	t.Helper()
	switch d := x.Data().(type) {
	case []float32:
		out := make([]float64, len(d))
		for i, v := range d {
			out[i] = float64(v)
		}
		return out
	case []int64:
		out := make([]float64, len(d))
		for i, v := range d {
			out[i] = float64(v)
		}
		return out
	case []float64:
		return d
	case float32:
		return []float64{float64(d)}
	case int64:
		return []float64{float64(d)}
	default:
		require.Fail(t, "an unexpected type", "%T", d)
		return nil
	}
}

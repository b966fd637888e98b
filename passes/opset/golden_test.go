package opset_test

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/graphtest"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
	"github.com/onnx-rewrite/onnx-rewrite/passes/opset"
	"github.com/onnx-rewrite/onnx-rewrite/runtime"
)

// TestGolden: testdata/*.txt show what becomes of a model: "convert from=11 to=13", with ir= for the IR version. The text may be a graph
// alone, or a whole model. The converted model runs on arbitrary inputs with the outputs of the original, and the original is as it was.
func TestGolden(t *testing.T) {
	graphtest.Golden(t, filepath.Join("testdata", "*.txt"), golden)
}

func golden(t *testing.T, c graphtest.Case) string {
	t.Helper()
	require.Equal(t, "convert", c.Command)
	number := func(key string, def int) int {
		if c.Opts[key] == "" {
			return def
		}
		n, err := strconv.Atoi(c.Opts[key])
		require.NoError(t, err)
		return n
	}
	text := c.Input
	whole := strings.HasPrefix(strings.TrimSpace(text), "<")
	if !whole {
		text = fmt.Sprintf("<ir_version: %d, opset_import: [\"\" : %d, \"ai.onnx.ml\" : %d]> %s", number("ir", 8), number("from", 0), number("ml", 1), text)
	}
	m, err := graph.ParseModel(text, graph.ParseOptions{})
	require.NoError(t, err)
	before := bytesOf(t, m)
	opt := opset.Options{}
	if c.Opts["mlto"] != "" {
		opt.Domains = map[string]int{"ai.onnx.ml": number("mlto", 0)}
	}
	out, report, err := opset.Convert(m, number("to", 0), opt)
	require.Equal(t, before, bytesOf(t, m), "the model given was changed")
	var refused *opset.RefusedError
	if errors.As(err, &refused) {
		require.Nil(t, out)
		var b strings.Builder
		for _, r := range refused.Refusals {
			fmt.Fprintf(&b, "refused: %s%s %s-%d -> %d: %s: %s\n", r.Where, r.Node, r.Operator, r.From, r.To, r.Reason, r.Detail)
		}
		return b.String()
	}
	if err != nil {
		require.Nil(t, out)
		return "error: " + err.Error()
	}
	again, err := onnxio.Decode(bytesOf(t, out), onnxio.LoadOptions{})
	require.NoError(t, err)
	require.Empty(t, newErrors(errorsOf(m), errorsOf(again)))
	require.NoError(t, sameNumbers(m, again))
	var b strings.Builder
	for _, n := range report.Notes {
		fmt.Fprintf(&b, "note: %s: %s\n", n.Operator, n.Detail)
	}
	text = out.String()
	if !whole {
		if _, rest, ok := strings.Cut(text, ">\n"); ok {
			text = rest
		}
	}
	return b.String() + text
}

// sameNumbers runs both models on arbitrary inputs, unless the runtime runs one of them not.
func sameNumbers(m, out *graph.Model) error {
	feeds := runtime.Feeds{}
	for i, v := range m.Graph.Inputs {
		if v.Const != nil {
			continue
		}
		x := arbitrary(v, i)
		if x == nil {
			return nil
		}
		feeds[v.Name] = x
	}
	want, err := runModel(m, feeds)
	if err != nil {
		return nil
	}
	got, err := runModel(out, feeds)
	if err != nil {
		return err
	}
	for _, v := range m.Graph.Outputs {
		if err := allClose(got[v.Name], want[v.Name], strings.HasPrefix(v.Name, "random")); err != nil {
			return fmt.Errorf("output %q: %w", v.Name, err)
		}
	}
	return nil
}

// arbitrary is a tensor of the input's type, symbolic dims being 3; nil for types that it does not make.
func arbitrary(v *graph.Value, seed int) *tensor.Tensor {
	n := 1
	var shape []int64
	for _, d := range v.Type.Shape.Dims {
		k, ok := d.Value()
		if !ok {
			k = 3
		}
		shape = append(shape, k)
		n *= int(k)
	}
	list := make([]float32, n)
	ints := make([]int64, n)
	small := make([]uint8, n)
	bools := make([]bool, n)
	for i := range list {
		x := math.Sin(float64(7*i+3*seed+1)) * 3
		list[i], ints[i], small[i], bools[i] = float32(x), int64(i+seed)%3, uint8(40*x+128), x > 0
	}
	switch v.Type.Elem {
	case tensor.Float32:
		return tensor.Of(list, shape...)
	case tensor.Int64:
		return tensor.Of(ints, shape...)
	case tensor.Uint8:
		return tensor.Of(small, shape...)
	case tensor.Bool:
		return tensor.Of(bools, shape...)
	}
	return nil
}

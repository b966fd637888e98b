package passes_test

import (
	"fmt"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/graphtest"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
	"github.com/onnx-rewrite/onnx-rewrite/passes"
	"github.com/onnx-rewrite/onnx-rewrite/runtime"
	"github.com/onnx-rewrite/onnx-rewrite/testmodels"
)

// TestGolden: testdata/<pass>/*.txt show what a pass reports and leaves. The command is "pass NAME+NAME… key=value…"; opset=, ir=, stop= and
// data=1 (calibrate on numbers) are for the test, all other keys for the passes that have such an option. Inputs of the text whose name
// begins with w or b become initializers with arbitrary numbers. Long tensors are printed without their numbers.
func TestGolden(t *testing.T) {
	for _, dir := range []string{"infer-types", "fold-constants", "identity", "dead-code", "inline", "prune-neurons", "topk-ffn", "split-experts", "apply-mask"} {
		t.Run(dir, func(t *testing.T) { graphtest.Golden(t, filepath.Join("testdata", dir, "*.txt"), golden) })
	}
}

func golden(t *testing.T, c graphtest.Case) string {
	t.Helper()
	require.Equal(t, "pass", c.Command)
	require.Len(t, c.Args, 1)
	m := textModel(t, c)
	var data runtime.Feeds
	if c.Opts["data"] != "" {
		data = runtime.Feeds{"x": arbitrary(m.Graph.Inputs[0], 5)}
	}
	env := newEnv(m, data)
	if c.Opts["stop"] != "" {
		n, err := strconv.Atoi(c.Opts["stop"])
		require.NoError(t, err)
		env.Knobs.Stop = n
	}
	used := map[string]bool{"opset": true, "ir": true, "stop": true, "data": true, "types": true}
	var list []passes.Pass
	for _, name := range strings.Split(c.Args[0], "+") {
		list = append(list, named(t, name, c.Opts, used))
	}
	for k := range c.Opts {
		require.True(t, used[k], "no pass of %s has an option %s", c.Args[0], k)
	}
	before := encoded(t, m)
	out, changes, err := passes.Apply(env, m, list...)
	require.Equal(t, before, encoded(t, m), "the model given was changed")
	if err != nil {
		require.Nil(t, out)
		return "error: " + err.Error()
	}
	_, err = onnxio.Decode(encoded(t, out), onnxio.LoadOptions{})
	require.NoError(t, err)
	var b strings.Builder
	for _, r := range env.Report.Rows {
		fmt.Fprintf(&b, "%s %s: %s", r.Pass, r.Block, r.Status)
		if r.Status == passes.Fired {
			fmt.Fprintf(&b, ", weights %d -> %d, FLOPs %d -> %d", r.WeightsBefore, r.WeightsAfter, r.FLOPsBefore, r.FLOPsAfter)
		}
		if r.Reason != "" {
			fmt.Fprintf(&b, ": %s", r.Reason)
		}
		b.WriteByte('\n')
	}
	if changes == 0 && c.Opts["types"] == "" {
		require.Equal(t, before, encoded(t, out), "nothing was changed, and yet the model is another")
		return b.String() + "unchanged"
	}
	return b.String() + text(t, out, c.Opts["types"] != "")
}

var (
	hashes = regexp.MustCompile(`\["sha256": "[0-9a-f]+"\]`)
	// floats are not printed when they may be fitted: their last digits depend on the machine
	fitted = regexp.MustCompile(`(float\[\d+(?:,\d+)?\] \S+ = )\{[^}]*\}`)
)

// text is the model's graph, and the names of its functions.
func text(t *testing.T, m *graph.Model, types bool) string {
	t.Helper()
	g := m.Graph
	if types {
		for n := range g.Nodes() {
			for _, v := range n.Outputs() {
				if v != nil && !v.IsOutput() {
					g.ValueInfo = append(g.ValueInfo, v)
				}
			}
		}
	}
	var b strings.Builder
	short := graph.NewModel(m.IRVersion, m.Opset(""))
	short.Graph = g
	require.NoError(t, short.Print(&b, graph.PrintOptions{MaxInline: 4}))
	_, s, _ := strings.Cut(b.String(), ">\n")
	s = fitted.ReplaceAllString(hashes.ReplaceAllString(s, "..."), "$1...")
	for _, f := range m.Functions {
		s += fmt.Sprintf("function %s\n", f.ID)
	}
	return strings.TrimSpace(s)
}

// textModel reads the input of a case: a graph, and functions after it.
func textModel(t *testing.T, c graphtest.Case) *graph.Model {
	t.Helper()
	opset, ir := c.Opts["opset"], c.Opts["ir"]
	if opset == "" {
		opset = "17"
	}
	if ir == "" {
		ir = "8"
	}
	m, err := graph.ParseModel(fmt.Sprintf("<ir_version: %s, opset_import: [\"\" : %s, \"com.microsoft\" : 1, \"local\" : 1]>\n%s", ir, opset, c.Input), graph.ParseOptions{})
	require.NoError(t, err, c.Input)
	var inputs []*graph.Value
	for i, v := range m.Graph.Inputs {
		if v.Const == nil && (v.Name[0] == 'w' || v.Name[0] == 'b') {
			v.Const = arbitrary(v, uint32(i))
			m.Graph.Inits = append(m.Graph.Inits, v)
			continue
		}
		inputs = append(inputs, v)
	}
	m.Graph.Inputs = inputs
	require.NoError(t, graph.Err(m.Verify()), c.Input)
	return m
}

// arbitrary is a tensor of v's type; symbolic dims become 6.
func arbitrary(v *graph.Value, seed uint32) *tensor.Tensor {
	var shape []int64
	for i := range v.Type.Shape.Rank() {
		n, ok := v.Type.Shape.Dim(i).Value()
		if !ok {
			n = 6
		}
		shape = append(shape, n)
	}
	rnd := testmodels.Uniform(seed + 100)
	x := rnd.Tensor(shape...)
	switch v.Type.Elem {
	case tensor.Float16:
		half := make([]uint16, x.Len())
		for i, f := range tensor.Data[float32](x) {
			half[i] = tensor.Float32ToHalf(f)
		}
		x, _ = tensor.FromBytes(tensor.Float16, shape, tensor.AsBytes(half))
	case tensor.Int8:
		small := make([]int8, x.Len())
		for i, f := range tensor.Data[float32](x) {
			small[i] = int8(f * 200)
		}
		x = tensor.Of(small, shape...)
	}
	return x
}

// named is the pass of that name with those of the options that it has.
func named(t *testing.T, name string, opts map[string]string, used map[string]bool) passes.Pass {
	t.Helper()
	var prune passes.PruneOptions
	var topk passes.TopKOptions
	var moe passes.MoEOptions
	var mask passes.MaskOptions
	options := map[string]any{"prune-neurons": &prune, "topk-ffn": &topk, "split-experts": &moe, "apply-mask": &mask}[name]
	if options == nil {
		p, err := passes.Named(name)
		require.NoError(t, err)
		return p
	}
	v := reflect.ValueOf(options).Elem()
	for i := range v.NumField() {
		key := strings.ToLower(v.Type().Field(i).Name)
		s, ok := opts[key]
		if !ok {
			continue
		}
		used[key] = true
		set(t, v.Field(i), s)
	}
	switch name {
	case "prune-neurons":
		return passes.PruneNeurons(prune)
	case "topk-ffn":
		return passes.TopKFFN(topk)
	case "split-experts":
		return passes.SplitExperts(moe)
	}
	return passes.ApplyMask(mask)
}

func set(t *testing.T, f reflect.Value, s string) {
	t.Helper()
	switch f.Kind() {
	case reflect.String:
		f.SetString(s)
	case reflect.Bool:
		f.SetBool(s == "1")
	case reflect.Int:
		n, err := strconv.Atoi(s)
		require.NoError(t, err)
		f.SetInt(int64(n))
	case reflect.Float64:
		x, err := strconv.ParseFloat(s, 64)
		require.NoError(t, err)
		f.SetFloat(x)
	case reflect.Slice:
		var list []int
		for _, w := range strings.Split(s, ",") {
			n, err := strconv.Atoi(w)
			require.NoError(t, err)
			list = append(list, n)
		}
		f.Set(reflect.ValueOf(list))
	case reflect.Pointer:
		x, err := strconv.ParseFloat(s, 64)
		require.NoError(t, err)
		f.Set(reflect.ValueOf(&x))
	default:
		require.Fail(t, "no way to set", "%s", f.Type())
	}
}

package runtime_test

import (
	"context"
	"fmt"
	"hash/fnv"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/graphtest"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime"
	"github.com/onnx-rewrite/onnx-rewrite/testmodels"
)

const header = `<ir_version: 8, opset_import: ["" : 17]> `

// textModel reads a graph. Its inputs whose names begin with w become constants with arbitrary numbers.
func textModel(t *testing.T, text string) *graph.Model {
	t.Helper()
	if !strings.HasPrefix(text, "<") {
		text = header + text
	}
	m, err := graph.ParseModel(text, graph.ParseOptions{})
	require.NoError(t, err)
	var inputs []*graph.Value
	for _, v := range m.Graph.Inputs {
		if !strings.HasPrefix(v.Name, "w") {
			inputs = append(inputs, v)
			continue
		}
		v.Const = arbitrary(t, v, nil)
		m.Graph.Inits = append(m.Graph.Inits, v)
	}
	m.Graph.Inputs = inputs
	require.NoError(t, graph.Err(m.Verify()))
	return m
}

// arbitrary is a tensor of v's type that depends on v's name only.
func arbitrary(t *testing.T, v *graph.Value, dims map[string]int64) *tensor.Tensor {
	t.Helper()
	var shape []int64
	for _, d := range v.Type.Shape.Dims {
		n, ok := d.Bind(dims)
		require.True(t, ok, "input %q: dim %s has no size", v.Name, d)
		shape = append(shape, n)
	}
	h := fnv.New32()
	h.Write([]byte(v.Name))
	rnd := testmodels.Uniform(h.Sum32())
	x := rnd.Tensor(shape...)
	switch f := tensor.Data[float32](x); v.Type.Elem {
	case tensor.Float32:
		return x
	case tensor.Bool:
		b := make([]bool, len(f))
		for i := range f {
			b[i] = f[i] > -0.2
		}
		return tensor.Of(b, shape...)
	case tensor.Int64:
		b := make([]int64, len(f))
		for i := range f {
			b[i] = int64((f[i] + 0.5) * 4)
		}
		return tensor.Of(b, shape...)
	}
	require.Fail(t, "no numbers for this type", "%s", v.Type)
	return nil
}

func textFeeds(t *testing.T, m *graph.Model, opts map[string]string) runtime.Feeds {
	t.Helper()
	dims := map[string]int64{}
	for k, v := range opts {
		n, err := strconv.ParseInt(v, 10, 64)
		require.NoError(t, err)
		dims[k] = n
	}
	feeds := runtime.Feeds{}
	for _, v := range m.Graph.Inputs {
		feeds[v.Name] = arbitrary(t, v, dims)
	}
	return feeds
}

var stepLine = regexp.MustCompile(`(?m)^ *\d+ (?:onnxrewrite\.lowered\.)?(\S+) ->`)

func steps(s *runtime.Session) string {
	var list []string
	for _, m := range stepLine.FindAllStringSubmatch(s.Plan().String(), -1) {
		list = append(list, m[1])
	}
	return strings.Join(list, " ")
}

func compileText(t *testing.T, m *graph.Model, opt runtime.Options) *runtime.Session {
	t.Helper()
	s, err := runtime.Compile(m, opt)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

// TestLowering: testdata/lower shows which rules fire and what steps are left; the numbers are those of the graph without fusion.
func TestLowering(t *testing.T) {
	graphtest.Golden(t, "testdata/lower/*.txt", func(t *testing.T, c graphtest.Case) string {
		require.Equal(t, "lower", c.Command)
		m := textModel(t, c.Input)
		feeds := textFeeds(t, m, c.Opts)
		fused := compileText(t, m, runtime.Options{Threads: 2, Check: true})
		plain := compileText(t, m, runtime.Options{Threads: 1, DisableFusion: true})
		require.Empty(t, plain.Lowered())
		a, err := fused.Run(context.Background(), feeds)
		require.NoError(t, err)
		b, err := plain.Run(context.Background(), feeds)
		require.NoError(t, err)
		require.Len(t, a, len(b))
		for name := range b {
			require.NoError(t, compare(a[name], b[name], 2e-6), "output %q\n%s", name, c.Input)
		}
		var out strings.Builder
		for _, r := range fused.Lowered() {
			fmt.Fprintf(&out, "%s %d\n", r.Rule, r.Count)
		}
		return out.String() + "= " + steps(fused)
	})
}

// TestPlanText: testdata/plan shows the plan of a graph, and where its buffers lie for given sizes.
func TestPlanText(t *testing.T) {
	graphtest.Golden(t, "testdata/plan/*.txt", func(t *testing.T, c graphtest.Case) string {
		require.Equal(t, "plan", c.Command)
		m := textModel(t, c.Input)
		dims := map[string]int64{}
		for k, v := range c.Opts {
			n, err := strconv.ParseInt(v, 10, 64)
			require.NoError(t, err)
			dims[k] = n
		}
		s := compileText(t, m, runtime.Options{Threads: 1, DisableFusion: true})
		return s.Plan().String() + s.Plan().Bind(dims).String()
	})
}

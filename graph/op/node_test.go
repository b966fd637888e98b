package op_test

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
	"github.com/onnx-rewrite/onnx-rewrite/testmodels"
)

// eachModel calls f for every model.onnx of a conformance archive, with the test's name.
func eachModel(t *testing.T, archive string, f func(name string, m *graph.Model)) {
	t.Helper()
	eachTest(t, archive, func(name string, files map[string][]byte) {
		m, err := onnxio.Decode(files["model.onnx"], onnxio.LoadOptions{Lenient: true})
		require.NoError(t, err, name)
		f(name, m)
	})
}

// eachTest calls f for every test of a conformance archive, with its files by path.
func eachTest(t *testing.T, archive string, f func(name string, files map[string][]byte)) {
	t.Helper()
	tests := testmodels.BackendTests(t, testmodels.Shared(t, "conformance", archive))
	for _, name := range slices.Sorted(maps.Keys(tests)) {
		f(name, tests[name])
	}
}

// tally counts how inferred output types compare with declared ones.
type tally struct {
	outputs, types, ranks, dims, total int
	wrong                              []string
	missed                             map[string]int
	undecidable                        int      // of the missed, those whose shape depends on what the model's inputs hold
	decidable                          []string // the others
}

func (c *tally) compare(name string, declared, inferred graph.Type, operator string, hangs bool) {
	c.outputs++
	if why := differs(declared, inferred); why != "" {
		c.wrong = append(c.wrong, name+": "+why)
		return
	}
	if c.missed == nil {
		c.missed = map[string]int{}
	}
	if !complete(declared, inferred) {
		c.missed[operator]++
		if hangs {
			c.undecidable++
		} else {
			c.decidable = append(c.decidable, name+" by "+operator)
		}
		return
	}
	c.types++
}

// differs says how an inferred type contradicts the declared one.
func differs(declared, inferred graph.Type) string {
	if inferred.Kind == graph.KindUnknown {
		return ""
	}
	if declared.Kind != inferred.Kind {
		return fmt.Sprintf("declared %s, inferred %s", declared, inferred)
	}
	if declared.Of != nil && inferred.Of != nil {
		return differs(*declared.Of, *inferred.Of)
	}
	if declared.Kind != graph.KindTensor {
		return ""
	}
	bad := inferred.Elem != 0 && inferred.Elem != declared.Elem
	if declared.Shape.Known && inferred.Shape.Known {
		bad = bad || len(declared.Shape.Dims) != len(inferred.Shape.Dims)
		for i := 0; !bad && i < len(declared.Shape.Dims); i++ {
			a, ok1 := declared.Shape.Dims[i].Value()
			b, ok2 := inferred.Shape.Dims[i].Value()
			bad = ok1 && ok2 && a != b
		}
	}
	if bad {
		return fmt.Sprintf("declared %s, inferred %s", declared, inferred)
	}
	return ""
}

// complete reports whether the inferred type says all that the declared one says.
func complete(declared, inferred graph.Type) bool {
	if declared.Kind != inferred.Kind {
		return false
	}
	if declared.Of != nil {
		return inferred.Of != nil && complete(*declared.Of, *inferred.Of)
	}
	if declared.Kind != graph.KindTensor {
		return true
	}
	if inferred.Elem != declared.Elem || declared.Shape.Known && !inferred.Shape.Known {
		return false
	}
	for i, d := range declared.Shape.Dims {
		if _, ok := d.Value(); !ok {
			continue
		}
		if _, ok := inferred.Shape.Dims[i].Value(); !ok {
			return false
		}
	}
	return true
}

func (c *tally) report(t *testing.T, label string) {
	t.Logf("%s: %d outputs, %d exact (%.1f %%), %d contradicted", label, c.outputs, c.types, 100*float64(c.types)/float64(max(c.outputs, 1)), len(c.wrong))
	var names []string
	for n, k := range c.missed {
		names = append(names, fmt.Sprintf("%s:%d", n, k))
	}
	sort.Strings(names)
	t.Logf("%s: not exact: %s", label, strings.Join(names, " "))
	t.Logf("%s: %d depend on what inputs hold; of the other %d, %.1f %% exact; not: %v", label, c.undecidable, c.outputs-c.undecidable, 100*c.decided(), c.decidable)
}

var nodeArchives = []string{"node.tar.gz", "node-late.tar.gz", "node-older.tar.gz", "simple.tar.gz", "pytorch-operator.tar.gz", "pytorch-converted.tar.gz"}

// Declared output types of the node tests, taken away and inferred again: from the model alone, and with the contents of its inputs,
// which tests give as inputs where a model would have a constant.
func TestNodeTestOutputs(t *testing.T) {
	var all, informed tally
	for _, archive := range nodeArchives {
		var plain tally
		eachTest(t, archive, func(name string, files map[string][]byte) {
			inferOutputs(t, &plain, name, files["model.onnx"], nil)
			inferOutputs(t, &all, name, files["model.onnx"], nil)
			inferOutputs(t, &informed, name, files["model.onnx"], files)
		})
		plain.report(t, archive)
	}
	all.report(t, "all")
	informed.report(t, "all, contents of inputs known")
	require.Empty(t, all.wrong)
	require.Empty(t, informed.wrong)
	require.Greater(t, informed.share(), 0.97)
	require.GreaterOrEqual(t, all.decided(), 0.97)
}

// decided is the share of exact outputs among those that the model alone decides.
func (c *tally) decided() float64 { return float64(c.types) / float64(c.outputs-c.undecidable) }

func (c *tally) share() float64 { return float64(c.types) / float64(c.outputs) }

// inferOutputs infers the model's outputs and compares. The test's files, when given, say what the inputs hold.
func inferOutputs(t *testing.T, c *tally, name string, model []byte, files map[string][]byte) {
	t.Helper()
	m, err := onnxio.Decode(model, onnxio.LoadOptions{Lenient: true})
	require.NoError(t, err, name)
	known := map[string]*tensor.Tensor{}
	for i, v := range m.Graph.Inputs {
		data := files[fmt.Sprintf("test_data_set_0/input_%d.pb", i)]
		if v.Type.Kind == graph.KindTensor && len(data) > 0 {
			x, err := onnxio.DecodeTensor(data)
			require.NoError(t, err, name)
			known[v.Name] = x
		}
	}
	declared := make([]graph.Type, len(m.Graph.Outputs))
	for i, v := range m.Graph.Outputs {
		declared[i], v.Type = v.Type, graph.Type{}
	}
	hangs := contentDependent(m, known)
	env := op.NewEnv(m, op.InferOptions{Known: known})
	report := env.Run()
	require.Zero(t, env.Panics(), "%s: %v", name, report.Stopped)
	for _, f := range report.Conflicts {
		c.wrong = append(c.wrong, name+": "+f.String())
	}
	for i, v := range m.Graph.Outputs {
		operator := "?"
		if n, _ := v.Producer(); n != nil {
			operator = n.ID.String()
		}
		c.compare(name+" "+v.Name, declared[i], v.Type, operator, hangs[v])
	}
}

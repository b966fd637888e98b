package op_test

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
	"github.com/onnx-rewrite/onnx-rewrite/testmodels"
)

// eachModel calls f for every model.onnx of a conformance archive, with the test's name.
func eachModel(t *testing.T, archive string, f func(name string, m *graph.Model)) {
	t.Helper()
	file, err := os.Open(testmodels.Shared(t, "conformance", archive))
	require.NoError(t, err)
	defer file.Close()
	zip, err := gzip.NewReader(file)
	require.NoError(t, err)
	for files := tar.NewReader(zip); ; {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		require.NoError(t, err)
		if path.Base(h.Name) != "model.onnx" {
			continue
		}
		data, err := io.ReadAll(files)
		require.NoError(t, err)
		m, err := onnxio.Decode(data, onnxio.LoadOptions{Lenient: true})
		require.NoError(t, err, h.Name)
		f(path.Base(path.Dir(h.Name)), m)
	}
}

// tally counts how inferred output types compare with declared ones.
type tally struct {
	outputs, types, ranks, dims, total int
	wrong                              []string
	missed                             map[string]int
}

func (c *tally) compare(name string, declared, inferred graph.Type, operator string) {
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
}

var nodeArchives = []string{"node.tar.gz", "node-late.tar.gz", "node-older.tar.gz", "simple.tar.gz", "pytorch-operator.tar.gz", "pytorch-converted.tar.gz"}

// Declared output types of the node tests, taken away and inferred again.
func TestNodeTestOutputs(t *testing.T) {
	for _, archive := range nodeArchives {
		t.Run(archive, func(t *testing.T) {
			var c tally
			eachModel(t, archive, func(name string, m *graph.Model) {
				declared := make([]graph.Type, len(m.Graph.Outputs))
				for i, v := range m.Graph.Outputs {
					declared[i] = v.Type
					v.Type = graph.Type{}
				}
				env := op.NewEnv(m, op.InferOptions{})
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
					c.compare(name+" "+v.Name, declared[i], v.Type, operator)
				}
			})
			c.report(t, archive)
			require.Empty(t, c.wrong)
		})
	}
}

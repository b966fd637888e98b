package opset_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
	"github.com/onnx-rewrite/onnx-rewrite/passes/opset"
	"github.com/onnx-rewrite/onnx-rewrite/runtime"
	"github.com/onnx-rewrite/onnx-rewrite/testmodels"
)

// everyEnv makes TestConformance convert every model to every target (about two minutes) instead of every 24th pair. exportEnv names
// a folder that receives what was converted, with a table of all pairs, for other people's code to judge (.ci/convert.py).
const (
	everyEnv  = "ONNX_REWRITE_CONVERT_EVERY"
	exportEnv = "ONNX_REWRITE_CONVERT_EXPORT"
)

var targets = []int{7, 8, 9, 10, 11, 12, 13, 15, 17, 18, 19, 20, 21, 23, 24, op.Newest("")}

// tally counts what became of the pairs of a model and a target.
type tally struct {
	sync.Mutex
	pairs, converted, run, notRun int
	refused                       map[opset.Reason]int
	byTarget                      map[int][2]int // converted, refused
	why                           map[string]int
	failures                      []string
	table                         []string // of pairs, when they are exported
}

func (c *tally) fail(format string, args ...any) {
	c.failures = append(c.failures, fmt.Sprintf(format, args...))
}

// TestConformance converts the reference models up and down. What is converted is sound, obeys the schemas of its new opset, and gives
// the recorded outputs where the original does; what is not has a reason of the list.
func TestConformance(t *testing.T) {
	step := 24
	if os.Getenv(everyEnv) != "" {
		step = 1
	}
	sum := &tally{refused: map[opset.Reason]int{}, byTarget: map[int][2]int{}, why: map[string]int{}}
	for _, archive := range []string{"node", "node-late", "node-older", "pytorch-converted", "pytorch-operator", "simple"} {
		tests := readArchive(t, testmodels.Shared(t, "conformance", archive+".tar.gz"))
		names := make([]string, 0, len(tests))
		for name := range tests {
			if strings.Contains(name, os.Getenv("ONNX_REWRITE_CONVERT_ONLY")) {
				names = append(names, name)
			}
		}
		sort.Strings(names)
		var wg sync.WaitGroup
		work := make(chan int)
		for range 2 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				for i := range work {
					sum.model(archive+"/"+names[i], tests[names[i]], i, step)
				}
			}()
		}
		for i := range names {
			work <- i
		}
		close(work)
		wg.Wait()
	}
	t.Logf("%d pairs of a model and a target: %d converted, of them %d give the recorded outputs and %d were not run; %d refused",
		sum.pairs, sum.converted, sum.run, sum.notRun, sum.pairs-sum.converted-len(sum.failures))
	for _, r := range opset.Reasons {
		t.Logf("refused for %s: %d", r, sum.refused[r])
	}
	for _, v := range targets {
		t.Logf("target %d: %d converted, %d refused", v, sum.byTarget[v][0], sum.byTarget[v][1])
	}
	if os.Getenv("ONNX_REWRITE_CONVERT_WHY") != "" {
		lines := make([]string, 0, len(sum.why))
		for w, n := range sum.why {
			lines = append(lines, fmt.Sprintf("%5d %s", n, w))
		}
		sort.Strings(lines)
		for _, l := range lines {
			t.Log(l)
		}
	}
	if os.Getenv("ONNX_REWRITE_CONVERT_ONLY") == "" {
		require.Greater(t, 100*sum.converted, 76*sum.pairs, "fewer are converted than before")
	}
	if dir := os.Getenv(exportEnv); dir != "" {
		sort.Strings(sum.table)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "pairs.tsv"), []byte(strings.Join(sum.table, "")), 0o644))
	}
	sort.Strings(sum.failures)
	for i, f := range sum.failures {
		if i == 400 {
			break
		}
		t.Error(f)
	}
}

func (c *tally) model(name string, files map[string][]byte, index, step int) {
	m, err := onnxio.Decode(files["model.onnx"], onnxio.LoadOptions{})
	if err != nil {
		c.Lock()
		c.fail("%s: %v", name, err)
		c.Unlock()
		return
	}
	if m.Opset("") == 0 {
		return
	}
	before := errorsOf(m)
	original := errors.New("not tried")
	for k, to := range targets {
		if (index+k)%step != 0 {
			continue
		}
		if original != nil && original.Error() == "not tried" {
			original = runBackendTest(name, m, files)
		}
		out, _, err := convert(m, to)
		var refused *opset.RefusedError
		var ran error
		if err == nil && original == nil {
			ran = runBackendTest(name, out, files)
		}
		c.Lock()
		c.pairs++
		by := c.byTarget[to]
		switch {
		case errors.As(err, &refused):
			by[1]++
			for _, r := range refused.Refusals {
				c.refused[r.Reason]++
				c.why[fmt.Sprintf("%s-%d to %d %s %s", r.Operator, r.From, to, r.Reason, r.Detail)]++
				if r.Detail == "" || r.Operator == "" || !known(r.Reason) {
					c.fail("%s to %d: refusal without a reason: %+v", name, to, r)
				}
			}
		case err != nil:
			c.fail("%s to %d: %v", name, to, err)
		default:
			c.converted++
			by[0]++
			if fresh := newErrors(before, errorsOf(out)); len(fresh) > 0 {
				c.fail("%s to %d: %s", name, to, fresh[0])
			}
			switch {
			case original != nil:
				c.notRun++
			case errors.As(ran, new(*runtime.UnsupportedError)):
				c.notRun++
				c.why["not run: "+ran.Error()]++
			case ran != nil:
				c.fail("%s to %d: %v", name, to, ran)
			default:
				c.run++
			}
		}
		c.byTarget[to] = by
		if dir := os.Getenv(exportEnv); dir != "" {
			result, file := "refused", strings.ReplaceAll(name, "/", "--")+fmt.Sprintf("--%d.onnx", to)
			if err == nil {
				result = "converted"
				if err := os.WriteFile(filepath.Join(dir, file), encode(out), 0o644); err != nil {
					c.fail("%s: %v", file, err)
				}
			}
			c.table = append(c.table, fmt.Sprintf("%s\t%d\t%s\t%s\n", name, to, result, file))
		}
		c.Unlock()
	}
}

func encode(m *graph.Model) []byte {
	var b writer
	if err := onnxio.Encode(&b, m); err != nil {
		return nil
	}
	return b
}

func known(r opset.Reason) bool {
	for _, k := range opset.Reasons {
		if k == r {
			return true
		}
	}
	return false
}

// TestMachineLearning does the same for the other domain.
func TestMachineLearning(t *testing.T) {
	converted, refused := 0, map[opset.Reason]int{}
	for _, archive := range []string{"node", "node-late", "node-older"} {
		tests := readArchive(t, testmodels.Shared(t, "conformance", archive+".tar.gz"))
		for name, files := range tests {
			if !strings.Contains(name, "ai_onnx_ml") {
				continue
			}
			m, err := onnxio.Decode(files["model.onnx"], onnxio.LoadOptions{})
			require.NoError(t, err, name)
			original := runBackendTest(name, m, files)
			for to := 1; to <= op.Newest("ai.onnx.ml"); to++ {
				out, _, err := opset.Convert(m, 0, opset.Options{Domains: map[string]int{"ai.onnx.ml": to}})
				var r *opset.RefusedError
				if errors.As(err, &r) {
					refused[r.Refusals[0].Reason]++
					continue
				}
				require.NoError(t, err, name)
				converted++
				require.Empty(t, newErrors(errorsOf(m), errorsOf(out)), "%s to %d", name, to)
				if original == nil {
					require.NoError(t, runBackendTest(name, out, files), "%s to %d", name, to)
				}
			}
		}
	}
	t.Logf("%d converted, refused: %v", converted, refused)
	require.Positive(t, converted)
	require.Positive(t, refused[opset.NoOperator])
}

// convert is opset.Convert with a panic as an error.
func convert(m *graph.Model, to int) (out *graph.Model, r *opset.Report, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	return opset.Convert(m, to, opset.Options{})
}

func errorsOf(m *graph.Model) (list []graph.Finding) {
	for _, f := range append(m.Verify(), op.Check(m)...) {
		if f.Severity == graph.Error {
			list = append(list, f)
		}
	}
	return list
}

// newErrors are the errors beyond those that the original has. A model that has any may keep as many.
func newErrors(before, after []graph.Finding) []graph.Finding {
	if len(after) <= len(before) {
		return nil
	}
	return after
}

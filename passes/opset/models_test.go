package opset_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
	"github.com/onnx-rewrite/onnx-rewrite/passes/opset"
	"github.com/onnx-rewrite/onnx-rewrite/runtime"
	"github.com/onnx-rewrite/onnx-rewrite/testmodels"
)

// TestExports converts the models of the exporters up and down: each that is converted is sound and gives the outputs that it gave.
// Every twelfth pair; all with ONNX_REWRITE_CONVERT_EVERY set, which takes about three minutes.
func TestExports(t *testing.T) {
	root := testmodels.Shared(t, "models", "exports")
	files, err := filepath.Glob(filepath.Join(root, "*", "*.onnx"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	sort.Strings(files)
	step := 12
	if os.Getenv(everyEnv) != "" {
		step = 1
	}
	pairs, converted, ran, refused := 0, 0, 0, 0
	reasons := map[string]int{}
	by := map[int][2]int{}
	for i, file := range files {
		if !strings.Contains(file, os.Getenv("ONNX_REWRITE_CONVERT_ONLY")) {
			continue
		}
		for k, to := range []int{9, 11, 13, 15, 17, 18, 21, op.Newest("")} {
			if (i+k)%step != 0 {
				continue
			}
			name := fmt.Sprintf("%s to %d", strings.TrimPrefix(file, root+"/"), to)
			m, err := onnxio.Load(file, onnxio.LoadOptions{})
			require.NoError(t, err, name)
			pairs++
			c := by[to]
			out, _, err := convert(m, to)
			var r *opset.RefusedError
			if errors.As(err, &r) {
				refused++
				c[1]++
				for _, x := range r.Refusals {
					reasons[fmt.Sprintf("%s-%d %s %s", x.Operator, x.From, x.Reason, x.Detail)]++
				}
			} else {
				require.NoError(t, err, name)
				converted++
				c[0]++
				if fresh := newErrors(errorsOf(m), errorsOf(out)); len(fresh) > 0 {
					t.Errorf("%s: %s", name, fresh[0])
				}
				switch err := sameOutputs(t, file, m, out); {
				case errors.Is(err, errNotRun):
				case err != nil:
					t.Errorf("%s: %v", name, err)
				default:
					ran++
				}
			}
			by[to] = c
			require.NoError(t, m.Close())
		}
	}
	t.Logf("%d pairs: %d converted, of them %d run with the outputs of the original; %d refused", pairs, converted, ran, refused)
	for to := range 64 {
		if c, ok := by[to]; ok {
			t.Logf("target %d: %d converted, %d refused", to, c[0], c[1])
		}
	}
	if os.Getenv("ONNX_REWRITE_CONVERT_ONLY") == "" {
		require.Greater(t, 100*converted, 83*pairs, "fewer are converted than before")
	}
	if os.Getenv("ONNX_REWRITE_CONVERT_WHY") != "" {
		for _, why := range sortedKeys(reasons) {
			t.Logf("%5d %s", reasons[why], why)
		}
	}
}

func sortedKeys(m map[string]int) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

var errNotRun = errors.New("not run")

// sameOutputs runs both models on the recorded inputs beside the file. errNotRun: there are none, or the original does not run.
func sameOutputs(t *testing.T, file string, m, out *graph.Model) error {
	stem := strings.TrimSuffix(filepath.Base(file), ".onnx")
	pattern := "test_data_set_*"
	if stem == "decode" {
		pattern = "decode_test_data_set_*"
	}
	sets, err := filepath.Glob(filepath.Join(filepath.Dir(file), pattern))
	require.NoError(t, err)
	if len(sets) == 0 {
		return errNotRun
	}
	feeds := runtime.Feeds{}
	k := 0
	for _, v := range m.Graph.Inputs {
		if v.Const != nil {
			continue
		}
		data, err := os.ReadFile(filepath.Join(sets[0], fmt.Sprintf("input_%d.pb", k)))
		if err != nil {
			return errNotRun
		}
		if feeds[v.Name], err = readTensor(data, v.Type); err != nil {
			return errNotRun
		}
		k++
	}
	want, err := runModel(m, feeds)
	if err != nil {
		return errNotRun
	}
	got, err := runModel(out, feeds)
	if errors.As(err, new(*runtime.UnsupportedError)) {
		return errNotRun
	}
	if err != nil {
		return err
	}
	for _, v := range m.Graph.Outputs {
		if err := close1(got[v.Name], want[v.Name]); err != nil {
			return fmt.Errorf("output %q: %w", v.Name, err)
		}
	}
	return nil
}

func runModel(m *graph.Model, feeds runtime.Feeds) (runtime.Fetches, error) {
	s, err := runtime.Compile(m, runtime.Options{Threads: 2})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return s.Run(context.Background(), feeds)
}

// close1 compares by the largest magnitude.
func close1(got, want *tensor.Tensor) error {
	if got == nil || want == nil {
		return errors.New("missing")
	}
	if want.Elem == tensor.String || fmt.Sprint(got.Shape) != fmt.Sprint(want.Shape) {
		return allClose(got, want, false)
	}
	a, err := got.Float64s()
	if err != nil {
		return err
	}
	b, err := want.Float64s()
	if err != nil {
		return err
	}
	diff, top := 0.0, 0.0
	for i := range b {
		if (a[i] != a[i]) != (b[i] != b[i]) {
			return fmt.Errorf("element %d: got %v, want %v", i, a[i], b[i])
		}
		if a[i] == b[i] || a[i] != a[i] {
			continue
		}
		diff, top = max(diff, a[i]-b[i], b[i]-a[i]), max(top, b[i], -b[i])
	}
	tol := 1e-4
	if want.Elem == tensor.Float16 || want.Elem == tensor.BFloat16 {
		tol = 1e-2
	}
	if diff > tol*max(top, 1e-30) {
		return fmt.Errorf("differs by %.3g of %.3g", diff, top)
	}
	return nil
}

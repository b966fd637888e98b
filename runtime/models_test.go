package runtime_test

import (
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
	"github.com/onnx-rewrite/onnx-rewrite/runtime"
	"github.com/onnx-rewrite/onnx-rewrite/testmodels"
)

var everyModel = flag.Bool("every", false, "try all reference models, not only those that must run; report instead of failing")

// mustRun are the reference models whose recorded outputs the runtime reproduces, besides the float32 exports of mustRunFamilies.
var mustRun = []string{
	"tashkeel_encoder", "magika_v1", "mnist_cnn", "cifar10_cnn", "super_resolution", "rl_ballchase_policy", "kws_mlperf_fp32", "mnist_external_data",
	"trained/charlm_demo", "trained/charlm_relu", "trained/charlm_gelu", "trained/charlm_swiglu", "trained/charlm_swiglu_gate8", "trained/mnist_mlp",
}

var mustRunFamilies = map[string]bool{"bert": true, "gpt": true, "llama": true, "vit": true, "resnet": true, "mlp": true}

// modelFile is a model with the folder of one of its recorded data sets.
type modelFile struct{ name, model, data string }

func modelFiles(t *testing.T, root string, folders []string) []modelFile {
	var list []modelFile
	for _, folder := range folders {
		models, err := filepath.Glob(filepath.Join(root, folder, "*.onnx"))
		require.NoError(t, err)
		for _, m := range models {
			stem := strings.TrimSuffix(filepath.Base(m), ".onnx")
			pattern := "test_data_set_*"
			if stem == "decode" {
				pattern = "decode_test_data_set_*"
			} else if stem == "initial" {
				continue
			}
			sets, err := filepath.Glob(filepath.Join(root, folder, pattern))
			require.NoError(t, err)
			for _, s := range sets {
				list = append(list, modelFile{folder + "/" + stem + "/" + filepath.Base(s), m, s})
			}
		}
	}
	return list
}

func referenceModels(t *testing.T) []modelFile {
	root := testmodels.Shared(t, "models")
	data, err := os.ReadFile(filepath.Join(root, "exports", "MANIFEST.tsv"))
	require.NoError(t, err)
	folders := append([]string(nil), mustRun...)
	for _, line := range strings.Split(string(data), "\n")[1:] {
		f := strings.Split(line, "\t")
		if len(f) < 11 {
			continue
		}
		if *everyModel || mustRunFamilies[f[1]] {
			folders = append(folders, "exports/"+f[0])
		}
	}
	return modelFiles(t, root, folders)
}

// variants are the ways in which every model must give the same answer.
var variants = []struct {
	name string
	opt  runtime.Options
	bits string // the variant whose bits it must equal
}{
	{"default", runtime.Options{Threads: 1}, ""},
	{"threads", runtime.Options{Threads: 2, Check: true}, "default"},
	{"noplan", runtime.Options{Threads: 1, NoPlan: true}, "default"},
	{"nofuse", runtime.Options{Threads: 1, DisableFusion: true}, ""},
}

func TestReferenceModels(t *testing.T) {
	unsupported := 0
	for _, f := range referenceModels(t) {
		t.Run(f.name, func(t *testing.T) {
			m, err := onnxio.Load(f.model, onnxio.LoadOptions{})
			require.NoError(t, err)
			defer m.Close()
			feeds, want := dataSet(t, f.data, m)
			inside := halfInside(m)
			results := map[string]runtime.Fetches{}
			for _, v := range variants {
				s, err := runtime.Compile(m, v.opt)
				var u *runtime.UnsupportedError
				if *everyModel && errors.As(err, &u) {
					unsupported++
					t.Skip(err)
				}
				require.NoError(t, err)
				got, err := s.Run(context.Background(), feeds)
				require.NoError(t, err, v.name)
				again, err := s.Run(context.Background(), feeds)
				require.NoError(t, err, v.name)
				s.Close()
				results[v.name] = got
				for name, w := range want {
					require.NoError(t, compare(got[name], w, max(bound(w.Elem), inside)), "%s: output %q", v.name, name)
					require.Equal(t, got[name].Bytes(), again[name].Bytes(), "%s: second run, output %q", v.name, name)
					if v.bits != "" {
						require.Equal(t, results[v.bits][name].Bytes(), got[name].Bytes(), "%s: output %q", v.name, name)
					}
				}
			}
		})
	}
	t.Logf("%d unsupported", unsupported)
}

func bound(d tensor.DType) float64 {
	switch d {
	case tensor.Float32, tensor.Float64:
		return 1e-4
	case tensor.Float16:
		return 5e-3
	case tensor.BFloat16:
		return 3e-2
	}
	return 0
}

// halfInside is the bound that a model's half-precision weights allow for its outputs; 0 when it has none.
func halfInside(m *graph.Model) (loose float64) {
	for _, v := range m.Graph.Inits {
		if v.Const != nil && (v.Const.Elem == tensor.Float16 || v.Const.Elem == tensor.BFloat16) {
			loose = max(loose, bound(v.Const.Elem))
		}
	}
	return loose
}

// compare reports the largest difference relative to the largest magnitude when it exceeds tol.
func compare(got, want *tensor.Tensor, tol float64) error {
	if got == nil {
		return errors.New("missing")
	}
	if got.Elem != want.Elem || fmt.Sprint(got.Shape) != fmt.Sprint(want.Shape) {
		return fmt.Errorf("got %s%v, want %s%v", got.Elem, got.Shape, want.Elem, want.Shape)
	}
	if want.Elem == tensor.String {
		if fmt.Sprintf("%q", got.Strs) != fmt.Sprintf("%q", want.Strs) {
			return errors.New("strings differ")
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
	diff, top := 0.0, 0.0
	for i := range b {
		if math.IsNaN(a[i]) != math.IsNaN(b[i]) {
			return fmt.Errorf("element %d: got %v, want %v", i, a[i], b[i])
		}
		if a[i] == b[i] || math.IsNaN(b[i]) {
			continue
		}
		diff = max(diff, math.Abs(a[i]-b[i]))
		top = max(top, math.Abs(b[i]))
	}
	if diff > tol*max(top, 1e-30) {
		return fmt.Errorf("differs by %.3g of %.3g", diff, top)
	}
	return nil
}

// dataSet reads the recorded inputs and outputs of a data set folder.
func dataSet(t *testing.T, dir string, m *graph.Model) (in runtime.Feeds, out map[string]*tensor.Tensor) {
	t.Helper()
	in, out = runtime.Feeds{}, map[string]*tensor.Tensor{}
	var inputs []*graph.Value
	for _, v := range m.Graph.Inputs {
		if v.Const == nil {
			inputs = append(inputs, v)
		}
	}
	for i, v := range readTensors(t, dir, "input_") {
		in[inputs[i].Name] = v
	}
	for i, v := range readTensors(t, dir, "output_") {
		out[m.Graph.Outputs[i].Name] = v
	}
	return in, out
}

func readTensors(t *testing.T, dir, prefix string) []*tensor.Tensor {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, prefix+"*.pb"))
	require.NoError(t, err)
	number := func(f string) (n int) {
		_, err := fmt.Sscanf(strings.TrimPrefix(filepath.Base(f), prefix), "%d.pb", &n)
		require.NoError(t, err)
		return n
	}
	sort.Slice(files, func(i, j int) bool { return number(files[i]) < number(files[j]) })
	var list []*tensor.Tensor
	for _, f := range files {
		data, err := os.ReadFile(f)
		require.NoError(t, err)
		list = append(list, readTensor(t, data))
	}
	return list
}

// readTensor decodes a TensorProto by putting it into a model as its initializer.
func readTensor(t *testing.T, data []byte) *tensor.Tensor {
	t.Helper()
	field := func(number int, body []byte) []byte {
		b := binary.AppendUvarint(nil, uint64(number<<3|2))
		return append(binary.AppendUvarint(b, uint64(len(body))), body...)
	}
	m, err := onnxio.Decode(field(7, field(5, data)), onnxio.LoadOptions{})
	require.NoError(t, err)
	require.Len(t, m.Graph.Inits, 1)
	return m.Graph.Inits[0].Const
}

package runtime_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
	"github.com/onnx-rewrite/onnx-rewrite/runtime"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/op"
	"github.com/onnx-rewrite/onnx-rewrite/testmodels"
)

var (
	listSkipped = flag.Bool("skipped", false, "list the skipped conformance tests with their reasons")
	onlyTests   = flag.String("only", "", "run the conformance tests whose name contains this")
)

// conformanceFloors are the numbers of tests of each archive that must pass. Raise them when more do.
var conformanceFloors = []struct {
	archive string
	passed  int
}{
	{"node", 1744}, {"node-late", 27}, {"node-older", 1051}, {"simple", 14}, {"pytorch-operator", 35}, {"pytorch-converted", 82}, {"light", 9},
}

// knownWrong are tests whose recorded outputs contradict the operator's text, with the reason.
var knownWrong = map[string]string{
	"test_averagepool_3d_dilations_large_count_include_pad_is_1_ceil_mode_is_True__v1.16.2": "counts elements beyond the padding; corrected later",
	"test_dft_inverse":                                  "holds the rounding noise of a float32 transform where the exact value is 0",
	"test_dft_inverse_opset19":                          "holds the rounding noise of a float32 transform where the exact value is 0",
	"test_cast_FLOAT_to_BFLOAT16__v1.15.0":              "cuts bits off instead of rounding; corrected later",
	"test_castlike_FLOAT_to_BFLOAT16__v1.17.0":          "cuts bits off instead of rounding; corrected later",
	"test_castlike_FLOAT_to_BFLOAT16_expanded__v1.15.0": "cuts bits off instead of rounding; corrected later",
	"test_softplus_example_expanded__v1.13.1":           "relies on broadcasting in opset 1 without asking for it",
	"test_softplus_expanded__v1.13.1":                   "relies on broadcasting in opset 1 without asking for it",
}

func TestConformance(t *testing.T) {
	for _, floor := range conformanceFloors {
		t.Run(floor.archive, func(t *testing.T) {
			tests := testmodels.BackendTests(t, testmodels.Shared(t, "conformance", floor.archive+".tar.gz"))
			names := make([]string, 0, len(tests))
			for name := range tests {
				if strings.Contains(name, *onlyTests) {
					names = append(names, name)
				}
			}
			sort.Strings(names)
			passed, failed, skipped := 0, 0, 0
			for _, name := range names {
				err := runBackendTest(t, name, tests[name])
				var skip *skippedError
				switch {
				case err == nil:
					passed++
				case errors.As(err, &skip):
					skipped++
					if *listSkipped {
						t.Logf("skip %s: %v", name, err)
					}
				default:
					failed++
					t.Errorf("%s: %v", name, err)
				}
			}
			t.Logf("%d passed, %d failed, %d skipped", passed, failed, skipped)
			if *onlyTests == "" {
				require.GreaterOrEqual(t, passed, floor.passed, "fewer tests pass than before")
			}
		})
	}
}

// skippedError is why a test was not run.
type skippedError struct{ err error }

func (e *skippedError) Error() string { return e.err.Error() }

func runBackendTest(t *testing.T, name string, files map[string][]byte) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	if why := knownWrong[name]; why != "" {
		return &skippedError{errors.New(why)}
	}
	m, err := onnxio.Decode(files["model.onnx"], onnxio.LoadOptions{})
	if err != nil {
		return err
	}
	for _, v := range append(append([]*graph.Value{}, m.Graph.Inputs...), m.Graph.Outputs...) {
		switch v.Type.Kind {
		case graph.KindSequence, graph.KindOptional, graph.KindMap, graph.KindSparseTensor:
			return &skippedError{fmt.Errorf("%s is a %s", v.Name, v.Type)}
		}
	}
	s, err := runtime.Compile(m, runtime.Options{Threads: 1})
	var u *runtime.UnsupportedError
	if errors.As(err, &u) {
		return &skippedError{err}
	}
	if err != nil {
		return err
	}
	defer s.Close()
	for set := 0; ; set++ {
		dir := "test_data_set_" + strconv.Itoa(set) + "/"
		if files[dir+"output_0.pb"] == nil {
			if set == 0 {
				return &skippedError{errors.New("no data")}
			}
			return nil
		}
		feeds := runtime.Feeds{}
		k := 0
		for _, v := range m.Graph.Inputs {
			if v.Const != nil {
				continue
			}
			if data := files[dir+"input_"+strconv.Itoa(k)+".pb"]; data != nil {
				feeds[v.Name] = asDeclared(readTensor(t, data), v.Type)
			}
			k++
		}
		got, err := s.Run(context.Background(), feeds)
		if errors.Is(err, op.ErrUnsupported) {
			return &skippedError{err}
		}
		if err != nil {
			return err
		}
		for i, v := range m.Graph.Outputs {
			want := files[dir+"output_"+strconv.Itoa(i)+".pb"]
			if want == nil {
				return fmt.Errorf("no recorded output %d", i)
			}
			if err := allClose(got[v.Name], asDeclared(readTensor(t, want), v.Type), strings.HasPrefix(name, "test_bernoulli")); err != nil {
				return fmt.Errorf("data set %d, output %q: %w", set, v.Name, err)
			}
		}
	}
}

// asDeclared reads a tensor that old releases stored as uint16 as the bfloat16 that it stands for.
func asDeclared(x *tensor.Tensor, declared graph.Type) *tensor.Tensor {
	if x.Elem == tensor.Uint16 && declared.Elem == tensor.BFloat16 {
		x.Elem = tensor.BFloat16
	}
	return x
}

// allClose is the suite's own rule: equal types, shapes and strings, numbers within 1e-3 relative and 1e-7 absolute.
func allClose(got, want *tensor.Tensor, shapeOnly bool) error {
	if got == nil {
		return errors.New("missing")
	}
	if got.Elem != want.Elem || fmt.Sprint(got.Shape) != fmt.Sprint(want.Shape) && len(got.Shape)+len(want.Shape) > 0 {
		return fmt.Errorf("got %s%v, want %s%v", got.Elem, got.Shape, want.Elem, want.Shape)
	}
	if shapeOnly {
		return nil
	}
	switch want.Elem {
	case tensor.String:
		for i, s := range want.Strs {
			if string(s) != string(got.Strs[i]) {
				return fmt.Errorf("element %d: got %q, want %q", i, got.Strs[i], s)
			}
		}
		return nil
	case tensor.Complex64, tensor.Complex128:
		if string(got.Bytes()) != string(want.Bytes()) {
			return errors.New("complex values differ")
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
		switch {
		case a[i] == b[i], math.IsNaN(a[i]) && math.IsNaN(b[i]):
		case !(math.Abs(a[i]-b[i]) <= 1e-7+1e-3*math.Abs(b[i])):
			return fmt.Errorf("element %d of %s%v: got %v, want %v", i, want.Elem, want.Shape, a[i], b[i])
		}
	}
	return nil
}

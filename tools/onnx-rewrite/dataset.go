package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
	"github.com/onnx-rewrite/onnx-rewrite/runtime"
)

// dataSet is a folder of recorded inputs and outputs, input_0.pb and so on.
type dataSet struct {
	name string
	in   runtime.Feeds
	out  map[string]*tensor.Tensor
}

// dataFolders lists the data sets of a model file at dir: dir itself when it holds recorded inputs or outputs, else its
// STEM_test_data_set_* folders, where STEM is the file's name, else its test_data_set_* folders.
func dataFolders(dir, model string) ([]string, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, hint(fmt.Errorf("--data %s: %w", dir, err), "give a test_data_set_k folder or a folder of them")
	}
	if !info.IsDir() {
		return nil, hint(fmt.Errorf("--data %s is no folder", dir), "for single files use -i name=file.npy")
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "*put_*.pb")); len(files) > 0 {
		return []string{dir}, nil
	}
	stem := strings.TrimSuffix(filepath.Base(model), ".onnx")
	sets, err := filepath.Glob(filepath.Join(dir, stem+"_test_data_set_*"))
	if err != nil || len(sets) == 0 {
		sets, err = filepath.Glob(filepath.Join(dir, "test_data_set_*"))
	}
	if err != nil || len(sets) == 0 {
		return nil, hint(fmt.Errorf("--data %s holds neither input_0.pb nor test_data_set_* folders", dir), "give a test_data_set_k folder or a folder of them")
	}
	sort.Slice(sets, func(i, j int) bool { return trailingNumber(sets[i]) < trailingNumber(sets[j]) })
	return sets, nil
}

func trailingNumber(path string) int {
	path = strings.TrimSuffix(path, ".pb")
	n, err := strconv.Atoi(path[strings.LastIndexByte(path, '_')+1:])
	if err != nil {
		return 1 << 30
	}
	return n
}

// readDataSet reads a folder for m.
func readDataSet(dir string, m *graph.Model) (*dataSet, error) {
	d := &dataSet{name: filepath.Base(dir), in: runtime.Feeds{}, out: map[string]*tensor.Tensor{}}
	read := func(prefix string, vals []*graph.Value, put map[string]*tensor.Tensor) error {
		files, err := filepath.Glob(filepath.Join(dir, prefix+"*.pb"))
		if err != nil {
			return err
		}
		for _, f := range files {
			i := trailingNumber(f)
			if i >= len(vals) {
				return fmt.Errorf("%s: the model has %d %ss only", f, len(vals), strings.TrimSuffix(prefix, "_"))
			}
			if k := vals[i].Type.Kind; k != graph.KindTensor && k != graph.KindUnknown {
				return fmt.Errorf("%s: %q is a %s; only tensors are read", f, vals[i].Name, vals[i].Type)
			}
			t, err := onnxio.LoadTensor(f)
			if err != nil {
				return withPath(f, err)
			}
			put[vals[i].Name] = asDeclared(t, vals[i].Type)
		}
		return nil
	}
	if err := read("input_", realInputs(m), d.in); err != nil {
		return nil, err
	}
	return d, read("output_", m.Graph.Outputs, d.out)
}

// asDeclared reads a tensor that old releases of the test suite stored as uint16 as the bfloat16 that it stands for.
func asDeclared(x *tensor.Tensor, declared graph.Type) *tensor.Tensor {
	if x.Elem == tensor.Uint16 && declared.Elem == tensor.BFloat16 {
		x.Elem = tensor.BFloat16
	}
	return x
}

// namedArrays reads name=file.npy arguments.
func namedArrays(args []string, m *graph.Model) (runtime.Feeds, error) {
	feeds := runtime.Feeds{}
	var names []string
	known := map[string]bool{}
	for _, v := range m.Graph.Inputs {
		names = append(names, v.Name)
		known[v.Name] = true
	}
	for _, arg := range args {
		name, file, ok := strings.Cut(arg, "=")
		if !ok {
			return nil, fmt.Errorf("-i %s: want name=file.npy", arg)
		}
		if !known[name] {
			return nil, fmt.Errorf("-i %s: %w", arg, unknown("input", name, names))
		}
		read := onnxio.ReadNPY
		if strings.HasSuffix(file, ".pb") {
			read = onnxio.LoadTensor
		}
		t, err := read(file)
		if err != nil {
			return nil, fmt.Errorf("-i %s: %w", arg, err)
		}
		feeds[name] = t
	}
	return feeds, nil
}

package calib

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
	"github.com/onnx-rewrite/onnx-rewrite/runtime"
)

// Options says how data files become samples. The zero value uses everything.
type Options struct {
	Window int // ids per window of a flat array of token ids, its target included; 0 is 512
	Limit  int // use the first samples only; 0: all
	Every  int // use every n-th sample only; 0 is 1
	Batch  int // samples per run; 0: about 4096 tokens, at most 64
}

// Data is a data set for one model, in batches.
type Data struct {
	batches []runtime.Feeds
	samples int
	name    string
}

// Batches is the number of runs that a pass over the data takes.
func (d *Data) Batches() int { return len(d.batches) }

// Samples is the number of samples in all batches.
func (d *Data) Samples() int { return d.samples }

// Feeds are the inputs of run i.
func (d *Data) Feeds(i int) runtime.Feeds { return d.batches[i] }

// Open reads the data for a model. Errors name the file and the input that does not fit.
func Open(m *graph.Model, files []string, opt Options) (*Data, error) {
	if len(files) == 0 {
		return nil, errors.New("no data is given")
	}
	inputs := realInputs(m)
	arrays := map[string]*tensor.Tensor{}
	d := &Data{name: strings.Join(files, " ")}
	for _, f := range files {
		info, err := os.Stat(f)
		switch {
		case err == nil && info.IsDir():
			if err := d.addFolder(f, inputs); err != nil {
				return nil, err
			}
			continue
		case strings.HasSuffix(f, ".npz"):
			named, err := onnxio.ReadNPZ(f)
			if err != nil {
				return nil, err
			}
			for name, t := range named {
				arrays[name] = t
			}
			continue
		}
		name, path, named := strings.Cut(f, "=")
		if !named {
			path = f
			if name, err = soleInput(inputs, f); err != nil {
				return nil, err
			}
		}
		if arrays[name], err = onnxio.ReadNPY(path); err != nil {
			return nil, err
		}
		if !named && isIDs(inputs, arrays[name]) {
			if arrays[name], err = textInputs(arrays[name], opt); err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
		}
	}
	if len(arrays) > 0 {
		if err := d.addArrays(m, inputs, arrays, opt); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// OfArrays is a data set of arrays in memory, with the samples along the first axis.
func OfArrays(m *graph.Model, arrays map[string]*tensor.Tensor, opt Options) (*Data, error) {
	d := &Data{name: "arrays in memory"}
	return d, d.addArrays(m, realInputs(m), arrays, opt)
}

// realInputs are the inputs that a run must give: those without a default.
func realInputs(m *graph.Model) []*graph.Value {
	var list []*graph.Value
	for _, v := range m.Graph.Inputs {
		if v.Const == nil {
			list = append(list, v)
		}
	}
	return list
}

// soleInput is the input that an array without a name is for: the only one, or the token ids of a language model.
func soleInput(inputs []*graph.Value, file string) (string, error) {
	if len(inputs) == 1 {
		return inputs[0].Name, nil
	}
	for _, v := range inputs {
		if v.Name == idsInput {
			return idsInput, nil
		}
	}
	var names []string
	for _, v := range inputs {
		names = append(names, v.Name)
	}
	return "", fmt.Errorf("%s: the model has the inputs %s: say which one the file is for (name=%s)", file, strings.Join(names, ", "), file)
}

func (d *Data) addFolder(dir string, inputs []*graph.Value) error {
	sets, err := filepath.Glob(filepath.Join(dir, "test_data_set_*"))
	if err != nil {
		return err
	}
	if len(sets) == 0 {
		sets = []string{dir}
	}
	sort.Strings(sets)
	for _, set := range sets {
		feeds := runtime.Feeds{}
		for i, v := range inputs {
			t, err := onnxio.LoadTensor(filepath.Join(set, fmt.Sprintf("input_%d.pb", i)))
			if err != nil {
				return fmt.Errorf("input %q: %w", v.Name, err)
			}
			feeds[v.Name] = t
		}
		d.batches = append(d.batches, feeds)
		d.samples++
	}
	return nil
}

// addArrays cuts arrays into batches and fills what a language model wants besides.
func (d *Data) addArrays(m *graph.Model, inputs []*graph.Value, arrays map[string]*tensor.Tensor, opt Options) error {
	n := int64(-1)
	known := map[string]bool{}
	for _, v := range inputs {
		known[v.Name] = true
	}
	names := make([]string, 0, len(arrays))
	for name := range arrays {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		t := arrays[name]
		if !known[name] {
			return fmt.Errorf("the model has no input %q (it has %s)", name, strings.Join(sortedNames(known), ", "))
		}
		if len(t.Shape) == 0 {
			return fmt.Errorf("input %q: a scalar has no samples", name)
		}
		if n >= 0 && t.Shape[0] != n {
			return fmt.Errorf("input %q has %d samples, another %d", name, t.Shape[0], n)
		}
		n = t.Shape[0]
	}
	rows := chosenRows(int(n), opt)
	size := opt.Batch
	if size == 0 {
		size = batchSize(arrays)
	}
	for lo := 0; lo < len(rows); lo += size {
		part := rows[lo:min(lo+size, len(rows))]
		feeds := runtime.Feeds{}
		for _, name := range names {
			t, err := takeRows(arrays[name], part)
			if err != nil {
				return fmt.Errorf("input %q: %w", name, err)
			}
			feeds[name] = t
		}
		if err := FillLanguageInputs(m, feeds); err != nil {
			return err
		}
		d.batches = append(d.batches, feeds)
	}
	d.samples += len(rows)
	return nil
}

func sortedNames(set map[string]bool) []string {
	var list []string
	for name := range set {
		list = append(list, name)
	}
	sort.Strings(list)
	return list
}

func chosenRows(n int, opt Options) []int {
	var rows []int
	for i := 0; i < n; i += max(1, opt.Every) {
		if opt.Limit > 0 && len(rows) == opt.Limit {
			break
		}
		rows = append(rows, i)
	}
	return rows
}

// batchSize is about 4096 tokens, or 64 samples of anything else.
func batchSize(arrays map[string]*tensor.Tensor) int {
	seq := int64(64)
	for _, t := range arrays {
		if len(t.Shape) == 2 && t.Elem.IsInteger() {
			seq = max(seq, t.Shape[1])
		}
	}
	return int(max(1, 4096/seq))
}

// takeRows copies rows of the first axis.
func takeRows(t *tensor.Tensor, rows []int) (*tensor.Tensor, error) {
	if t.Elem.Bits()%8 != 0 || t.Elem.Bits() == 0 {
		return nil, fmt.Errorf("%s has no whole bytes", t.Elem)
	}
	b := t.Bytes()
	stride := 0
	if t.Shape[0] > 0 {
		stride = len(b) / int(t.Shape[0])
	}
	out := make([]byte, 0, stride*len(rows))
	for _, r := range rows {
		out = append(out, b[r*stride:(r+1)*stride]...)
	}
	return tensor.FromBytes(t.Elem, append([]int64{int64(len(rows))}, t.Shape[1:]...), out)
}

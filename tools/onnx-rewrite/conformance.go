package main

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
	"github.com/onnx-rewrite/onnx-rewrite/runtime"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/op"
)

type conformanceCmd struct {
	Paths   []string `arg:"" name:"path" help:"A folder of test folders, or a .tar.gz of one."`
	Failed  bool     `help:"List each failed test with its reason."`
	Skipped bool     `help:"List each skipped test with its reason."`
	Only    string   `placeholder:"TEXT" help:"Run the tests whose name contains TEXT."`
	RTol    float64  `name:"rtol" default:"1e-3" help:"Relative tolerance, the suite's own."`
	ATol    float64  `name:"atol" default:"1e-7" help:"Absolute tolerance, the suite's own."`
	runFlags
	jsonFlag
}

func (*conformanceCmd) Help() string {
	return `Examples:

  onnx-rewrite conformance onnx/backend/test/data/node
  onnx-rewrite conformance node.tar.gz simple.tar.gz --failed
  onnx-rewrite conformance node.tar.gz --only softmax --skipped

A test is a folder with model.onnx and test_data_set_k folders, as in the ONNX backend test suite. A wrong answer is failed, a model that this version cannot run is skipped. Exit code 1: a test failed.`
}

// testResult is the outcome of one test.
type testResult struct {
	Suite  string `json:"suite"`
	Name   string `json:"name"`
	Result string `json:"result"` // passed, failed, skipped
	Reason string `json:"reason,omitempty"`
}

type conformanceResult struct {
	Passed  int          `json:"passed"`
	Failed  int          `json:"failed"`
	Skipped int          `json:"skipped"`
	Tests   []testResult `json:"tests"`
}

// suiteTest is one folder of the suite: its model and the files below, by their path in the folder.
type suiteTest struct {
	suite, name string
	files       map[string][]byte
	dir         string // on disk, where external data may lie; "" in an archive
}

func (c *conformanceCmd) Run(a *app) error {
	var res conformanceResult
	res.Tests = []testResult{}
	p := a.newProgress(c.JSON)
	for _, at := range c.Paths {
		tests, err := readSuite(a.ctx, at)
		if err != nil {
			p.done()
			return withPath(at, err)
		}
		if len(tests) == 0 {
			p.done()
			return hint(fmt.Errorf("%s holds no test folder with a model.onnx", at), "give a folder of test folders or a .tar.gz of one")
		}
		for i, t := range tests {
			if err := a.ctx.Err(); err != nil {
				p.done()
				return err
			}
			if !strings.Contains(t.name, c.Only) {
				continue
			}
			p.step(filepath.Base(at), i, len(tests))
			r := testResult{Suite: t.suite, Name: t.name, Result: "passed"}
			err := c.try(a, t)
			var skip *skipError
			switch {
			case err == nil:
				res.Passed++
			case errors.As(err, &skip):
				r.Result = "skipped"
				res.Skipped++
			default:
				r.Result = "failed"
				res.Failed++
			}
			if err != nil {
				r.Reason = err.Error()
			}
			res.Tests = append(res.Tests, r)
		}
	}
	p.done()
	if err := c.report(a, &res); err != nil {
		return err
	}
	if res.Failed > 0 {
		return failed("%d tests failed", res.Failed)
	}
	return nil
}

func (c *conformanceCmd) report(a *app, res *conformanceResult) error {
	if c.JSON {
		return a.printJSON(res)
	}
	for _, t := range res.Tests {
		if t.Result == "failed" && c.Failed || t.Result == "skipped" && c.Skipped {
			a.printf("%s %s: %s\n", t.Result, t.Name, strings.ReplaceAll(t.Reason, "\n", "\n    "))
		}
	}
	a.printf("%d passed, %d failed, %d skipped\n", res.Passed, res.Failed, res.Skipped)
	return nil
}

// skipError says why a test was not run.
type skipError struct{ error }

func skip(format string, args ...any) error { return &skipError{fmt.Errorf(format, args...)} }

// readSuite lists the tests at a folder or in an archive, by name.
func readSuite(ctx context.Context, at string) ([]*suiteTest, error) {
	info, err := os.Stat(at)
	if err != nil {
		return nil, err
	}
	byName := map[string]*suiteTest{}
	if info.IsDir() {
		err = readSuiteFolder(ctx, at, byName)
	} else {
		err = readSuiteArchive(ctx, at, byName)
	}
	if err != nil {
		return nil, err
	}
	var tests []*suiteTest
	for _, t := range byName {
		if t.dir != "" || t.files["model.onnx"] != nil {
			tests = append(tests, t)
		}
	}
	sort.Slice(tests, func(i, j int) bool { return tests[i].name < tests[j].name })
	return tests, nil
}

// readSuiteFolder finds every folder below at that holds a model.onnx.
func readSuiteFolder(ctx context.Context, at string, byName map[string]*suiteTest) error {
	return filepath.WalkDir(at, func(file string, d fs.DirEntry, err error) error {
		if err != nil || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		if !d.IsDir() && d.Name() == "model.onnx" {
			dir := filepath.Dir(file)
			name, err := filepath.Rel(at, dir)
			if err != nil {
				return err
			}
			if name == "." {
				name = filepath.Base(at)
			}
			byName[name] = &suiteTest{suite: at, name: filepath.ToSlash(name), dir: dir}
		}
		return nil
	})
}

// maxSuiteFile bounds one file of an archive, maxSuite what all of them hold: a small archive can unpack to anything. Tests lower it.
const maxSuiteFile = 1 << 30

var maxSuite int64 = 4 << 30

func readSuiteArchive(ctx context.Context, at string, byName map[string]*suiteTest) error {
	f, err := os.Open(at)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("not a .tar.gz: %w", err)
	}
	total := int64(0)
	for r := tar.NewReader(z); ctx.Err() == nil; {
		h, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		name := path.Clean(h.Name)
		if h.Typeflag != tar.TypeReg || h.Size > maxSuiteFile {
			continue
		}
		if total += h.Size; total > maxSuite {
			return fmt.Errorf("the archive unpacks to more than %d bytes: unpack what you trust, and give the folder", maxSuite)
		}
		dir, base := path.Split(name)
		dir = strings.TrimSuffix(dir, "/")
		key := base
		if set := path.Base(dir); strings.HasPrefix(set, "test_data_set_") {
			dir, key = path.Dir(dir), set+"/"+base
		}
		data, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		t := byName[dir]
		if t == nil {
			t = &suiteTest{suite: at, name: path.Base(dir), files: map[string][]byte{}}
			byName[dir] = t
		}
		t.files[key] = data
	}
	return ctx.Err()
}

// file reads a file of the test; nil when there is none.
func (t *suiteTest) file(name string) ([]byte, error) {
	if t.dir == "" {
		return t.files[name], nil
	}
	data, err := os.ReadFile(filepath.Join(t.dir, filepath.FromSlash(name)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

func (t *suiteTest) model(a *app) (*graph.Model, error) {
	if t.dir != "" {
		return a.load(filepath.Join(t.dir, "model.onnx"))
	}
	return onnxio.Decode(t.files["model.onnx"], a.read)
}

// try runs all data sets of a test. A panic is a failure of that test.
func (c *conformanceCmd) try(a *app, t *suiteTest) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	m, err := t.model(a)
	if err != nil {
		return err
	}
	defer m.Close()
	for _, v := range append(append([]*graph.Value{}, m.Graph.Inputs...), m.Graph.Outputs...) {
		if k := v.Type.Kind; k != graph.KindTensor && k != graph.KindUnknown {
			return skip("%q is a %s; only tensors are fed and compared", v.Name, v.Type)
		}
	}
	s, err := runtime.Compile(m, c.options(a))
	var u *runtime.UnsupportedError
	if errors.As(err, &u) {
		return &skipError{err}
	}
	if err != nil {
		return err
	}
	defer s.Close()
	for set := 0; ; set++ {
		dir := "test_data_set_" + strconv.Itoa(set) + "/"
		if first, err := t.file(dir + "output_0.pb"); err != nil || first == nil {
			if set == 0 && err == nil {
				return skip("it has no recorded outputs")
			}
			return err
		}
		if err := c.trySet(a, t, dir, m, s); err != nil {
			return err
		}
	}
}

func (c *conformanceCmd) trySet(a *app, t *suiteTest, dir string, m *graph.Model, s *runtime.Session) error {
	feeds := runtime.Feeds{}
	for i, v := range realInputs(m) {
		x, err := t.tensor(dir+"input_"+strconv.Itoa(i)+".pb", v.Type)
		if err != nil {
			return err
		}
		if x != nil {
			feeds[v.Name] = x
		}
	}
	got, err := s.Run(a.ctx, feeds)
	if errors.Is(err, op.ErrUnsupported) {
		return &skipError{err}
	}
	if err != nil {
		return err
	}
	for i, v := range m.Graph.Outputs {
		file := dir + "output_" + strconv.Itoa(i) + ".pb"
		want, err := t.tensor(file, v.Type)
		if err != nil {
			return err
		}
		if want == nil {
			return fmt.Errorf("%s is missing", file)
		}
		if strings.Contains(t.name, "bernoulli") && got[v.Name] != nil { // random: only type and shape are defined
			if got[v.Name].Elem == want.Elem && fmt.Sprint(got[v.Name].Shape) == fmt.Sprint(want.Shape) {
				continue
			}
		}
		if err := elementwise(got[v.Name], want, c.RTol, c.ATol); err != nil {
			return fmt.Errorf("%s, output %q: %w", strings.TrimSuffix(dir, "/"), v.Name, err)
		}
	}
	return nil
}

// tensor reads a recorded tensor; nil when the file does not exist.
func (t *suiteTest) tensor(name string, declared graph.Type) (*tensor.Tensor, error) {
	data, err := t.file(name)
	if data == nil || err != nil {
		return nil, err
	}
	x, err := onnxio.DecodeTensor(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return asDeclared(x, declared), nil
}

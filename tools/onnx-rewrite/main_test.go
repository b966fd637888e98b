package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
	"github.com/onnx-rewrite/onnx-rewrite/testmodels"
	"github.com/onnx-rewrite/onnx-rewrite/testmodels/demo"
)

// result is what one command printed and returned.
type result struct {
	out, err string
	code     int
}

func command(ctx context.Context, env string, args ...string) result {
	var out, err bytes.Buffer
	a := &app{ctx: ctx, out: &out, err: &err, env: env}
	code := a.run(args)
	return result{out.String(), err.String(), code}
}

// do runs a command that must end with the given code.
func do(t *testing.T, code int, args ...string) result {
	t.Helper()
	r := command(context.Background(), "", args...)
	require.Equal(t, code, r.code, "onnx-rewrite %s\n%s%s", strings.Join(args, " "), r.out, r.err)
	if code == exitUsage {
		require.True(t, strings.HasPrefix(r.err, "onnx-rewrite: "), r.err)
	}
	return r
}

// doJSON runs a command with --json and decodes what it prints.
func doJSON(t *testing.T, code int, into any, args ...string) {
	t.Helper()
	r := do(t, code, append(args, "--json")...)
	require.NoError(t, json.Unmarshal([]byte(r.out), into), r.out)
}

// demoFiles writes the demo pair and its text: model, initial, calibration ids, evaluation ids.
func demoFiles(t *testing.T) (model, initial, calibIDs, evalIDs string) {
	t.Helper()
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	trained, err := demo.Trained()
	require.NoError(t, err)
	untrained, err := demo.Initial()
	require.NoError(t, err)
	require.NoError(t, onnxio.Save(trained, path("model.onnx"), onnxio.SaveOptions{}))
	require.NoError(t, onnxio.Save(untrained, path("initial.onnx"), onnxio.SaveOptions{}))
	require.NoError(t, onnxio.WriteNPY(path("calib.npy"), demo.Calib()))
	require.NoError(t, onnxio.WriteNPY(path("eval.npy"), demo.Eval()))
	return path("model.onnx"), path("initial.onnx"), path("calib.npy"), path("eval.npy")
}

// smallMLP is float[N,8] x -> float[N,4] y: y = Relu(x·w1 + b1)·w2, with 16 hidden values.
func smallMLP(seed uint32) *graph.Model {
	rnd := testmodels.Uniform(seed)
	m := graph.NewModel(8, 17)
	g := m.Graph
	g.Name = "mlp"
	float := func(dims ...graph.Dim) graph.Type {
		return graph.Type{Kind: graph.KindTensor, Elem: tensor.Float32, Shape: graph.ShapeOf(dims...)}
	}
	x := g.AddInput("x", float(graph.Sym("N"), graph.Const(8)))
	add := func(op, name string, in ...*graph.Value) *graph.Value {
		v := g.NewValue(name, graph.Type{})
		n := graph.NewNode(graph.OpID{Op: op}, in, []*graph.Value{v})
		n.Name = op + "_" + name
		g.Append(n)
		return v
	}
	h := add("MatMul", "h", x, g.AddInit("w1", rnd.Tensor(8, 16)))
	a := add("Add", "a", h, g.AddInit("b1", rnd.Tensor(16)))
	r := add("Relu", "r", a)
	y := add("MatMul", "y", r, g.AddInit("w2", rnd.Tensor(16, 4)))
	y.Type = float(graph.Sym("N"), graph.Const(4))
	g.AddOutput(y)
	return m
}

func saved(t *testing.T, m *graph.Model) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "model.onnx")
	require.NoError(t, onnxio.Save(m, path, onnxio.SaveOptions{}))
	return path
}

// listing is every file below dir.
func listing(t *testing.T, dir string) []string {
	t.Helper()
	var list []string
	require.NoError(t, filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			list = append(list, p)
		}
		return err
	}))
	return list
}

func verbs() []string {
	var list []string
	t := reflect.TypeOf(commands{})
	for i := range t.NumField() {
		if _, ok := t.Field(i).Tag.Lookup("cmd"); ok {
			list = append(list, kebab(t.Field(i).Name))
		}
	}
	return list
}

func TestEveryVerbTeachesByExample(t *testing.T) {
	require.Subset(t, verbs(), strings.Fields("demo inspect check text build diff extract set external embed strip refill run conformance rewrite prune topk moe mask calibrate verify eval bench passes ops knobs"))
	for _, v := range verbs() {
		for _, flag := range []string{"--help", "-h"} {
			r := do(t, exitFine, v, flag)
			require.Contains(t, r.out, "Examples:", v)
			require.Contains(t, r.out, "onnx-rewrite "+v, v)
		}
	}
	require.Contains(t, do(t, exitFine, "--version").out, "onnx-rewrite ")
	require.Contains(t, do(t, exitFine).out, "onnx-rewrite demo")
	require.Contains(t, do(t, exitFine, "-h").out, "Exit codes")
}

func TestUsageErrorsNameTheNearest(t *testing.T) {
	model := saved(t, smallMLP(1))
	out := filepath.Join(t.TempDir(), "out.onnx")
	for _, c := range []struct {
		args string
		want string
	}{
		{"inspct " + model, `did you mean "inspect"?`},
		{"prune " + model + " -o " + out + " --kep 0.5", `did you mean one of "--keep"`},
		{"rewrite " + model + " -o " + out + " --pass prune-neuron:keep=0.5", `did you mean "prune-neurons"?`},
		{"rewrite " + model + " -o " + out + " --pass topk:keep=0.5", `did you mean "topk-ffn"?`},
		{"rewrite " + model + " -o " + out + " --pass prune-neurons:keap=0.5", `did you mean "keep"?`},
		{"rewrite " + model + " -o " + out + " --pass prune-neurons:keep=lots", `no number`},
		{"rewrite " + model + " -o " + out + " --pass dead-code:keep=1", `no options`},
		{"run " + model + " --random --dim M=3", `did you mean "N"?`},
		{"run " + model + " -i z=x.npy", `unknown input "z"`},
		{"run " + model, "--random"},
		{"ops --domain ai.onx", `did you mean "ai.onnx"?`},
		{"eval " + model + " --task gues --ids x", "lm"},
		{"eval " + model + " --task lm", "--ids"},
		{"mask " + model + " -o " + out + " --rewind", "--initial"},
		{"prune " + model, "--out"},
	} {
		r := do(t, exitUsage, strings.Fields(c.args)...)
		if c.want == `did you mean one of "--keep"` {
			require.Contains(t, r.err, `"--keep"`)
			continue
		}
		require.Contains(t, r.err, c.want, c.args)
	}
	require.Empty(t, listing(t, filepath.Dir(out)))
	r := command(context.Background(), "chek=1", "inspect", model)
	require.Equal(t, exitUsage, r.code)
	require.Contains(t, r.err, "knobs")
	r = command(context.Background(), "level=avx9000", "inspect", model)
	require.Equal(t, exitUsage, r.code)
}

// TestBadInputTouchesNoFile: whatever is wrong with the input, the code is 2, the output file keeps its content and nothing is left over.
func TestBadInputTouchesNoFile(t *testing.T) {
	dir := t.TempDir()
	good := saved(t, smallMLP(1))
	whole, err := os.ReadFile(good)
	require.NoError(t, err)
	write := func(name string, data []byte) string {
		p := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(p), 0o755))
		require.NoError(t, os.WriteFile(p, data, 0o644))
		return p
	}
	truncated := write("truncated.onnx", whole[:len(whole)/2])
	noise := write("noise.onnx", bytes.Repeat([]byte{0xff, 0x13, 0x77}, 100))
	lost := filepath.Join(dir, "lost", "model.onnx")
	require.NoError(t, os.MkdirAll(filepath.Dir(lost), 0o755))
	require.NoError(t, onnxio.Save(smallMLP(1), lost, onnxio.SaveOptions{External: onnxio.ExternalAlways, Threshold: 1, DataName: "w.bin"}))
	require.NoError(t, os.Remove(filepath.Join(dir, "lost", "w.bin")))
	outside := filepath.Join(dir, "outside", "model.onnx")
	require.NoError(t, os.MkdirAll(filepath.Dir(outside), 0o755))
	require.NoError(t, onnxio.Save(smallMLP(1), outside, onnxio.SaveOptions{External: onnxio.ExternalAlways, Threshold: 1, DataName: "aaaaaaaa.bin"}))
	escaping, err := os.ReadFile(outside)
	require.NoError(t, err)
	outside = write("outside/model.onnx", bytes.ReplaceAll(escaping, []byte("aaaaaaaa.bin"), []byte("../aaaaa.bin")))
	other := smallMLP(1)
	other.Graph.Find("w1").Const = testmodelsTensor(8, 32)
	misfit := saved(t, other)
	wide := write("wide.npy", nil)
	require.NoError(t, onnxio.WriteNPY(wide, testmodelsTensor(5, 9)))
	rows := write("rows.npy", nil)
	require.NoError(t, onnxio.WriteNPY(rows, testmodelsTensor(5, 8)))

	out := write("out.onnx", []byte("precious"))
	before := listing(t, dir)
	for _, c := range []struct{ args, want string }{
		{"prune " + truncated + " -o " + out, "truncated.onnx"},
		{"prune " + noise + " -o " + out, "noise.onnx"},
		{"inspect " + truncated, "damaged"},
		{"prune " + lost + " -o " + out, "w.bin"},
		{"prune " + outside + " -o " + out, "../aaaaa.bin"},
		{"prune " + filepath.Join(dir, "none.onnx") + " -o " + out, "none.onnx"},
		{"mask " + good + " --initial " + misfit + " -o " + out, "does not fit"},
		{"mask " + good + " --density 1.5 -o " + out, "density"},
		{"prune " + good + " --keep 2 -o " + out, "keep"},
		{"prune " + good + " --keep 0 -o " + out, "default"},
		{"prune " + good + " --score energy -o " + out, "data"},
		{"prune " + good + " --data " + wide + " -o " + out, "x"},
		{"prune " + good + " --data " + filepath.Join(dir, "no.npy") + " -o " + out, "no.npy"},
		{"moe " + good + " --experts 4 --active 5 -o " + out, "active"},
		{"moe " + good + " --split magic -o " + out, "split"},
		{"topk " + good + " --rule sometimes -o " + out, "rule"},
		{"prune " + good + " --layers 7 -o " + out, ""},
		{"rewrite " + good + " -o " + filepath.Join(dir, "no", "folder.onnx"), "make it first"},
		{"rewrite " + good + " -o " + dir, "is a folder"},
		{"build " + noise + " -o " + out, "noise.onnx"},
		{"eval " + good + " --ids " + rows, "rows.npy"},
		{"run " + good + " --data " + dir, "test_data_set"},
		{"run " + good + " -i x=" + wide, "x"},
		{"conformance " + dir + "/nothing", "nothing"},
		{"conformance " + noise, "noise"},
		{"calibrate " + good + " --data " + rows, "-o"},
		{"calibrate --merge " + noise, "noise"},
		{"verify " + good + " " + misfit + " --dim N=x", "name=size"},
	} {
		code := exitUsage
		if strings.Contains(c.args, "--layers 7") {
			r := command(context.Background(), "", strings.Fields(c.args)...)
			require.NotEqual(t, exitFine, r.code)
			code = r.code
		}
		r := do(t, code, strings.Fields(c.args)...)
		require.Contains(t, r.err, c.want, c.args)
		require.Equal(t, before, listing(t, dir), c.args)
		kept, err := os.ReadFile(out)
		require.NoError(t, err)
		require.Equal(t, "precious", string(kept), c.args)
	}
}

func testmodelsTensor(shape ...int64) *tensor.Tensor {
	rnd := testmodels.Uniform(3)
	return rnd.Tensor(shape...)
}

func TestInspect(t *testing.T) {
	model, _, _, _ := demoFiles(t)
	var r struct {
		FFN []struct {
			Name, Act       string
			Gated           bool
			In, Hidden, Out int
		}
		Declined []struct{ Name, Reason string }
		Inputs   []port
		Weights  int64
		Savings  []saving
	}
	doJSON(t, exitFine, &r, "inspect", model)
	require.Len(t, r.FFN, 3)
	require.Empty(t, r.Declined)
	require.Equal(t, 96, r.FFN[0].In)
	require.Equal(t, 384, r.FFN[0].Hidden)
	require.Equal(t, "relu", r.FFN[0].Act)
	require.Equal(t, "input_ids", r.Inputs[0].Name)
	require.Len(t, r.Savings, 4)
	for _, s := range r.Savings {
		require.Less(t, s.FLOPsAfter, s.FLOPsBefore, s.Rewrite)
	}
	text := do(t, exitFine, "inspect", model).out
	require.Contains(t, text, "3 feed-forward blocks")
	require.Contains(t, text, "moe --experts 16 --active 4")
}

func TestShortFormsRewriteAndReport(t *testing.T) {
	model, initial, ids, eval := demoFiles(t)
	dir := t.TempDir()
	for _, c := range []struct {
		name, args string
		fused      int
	}{
		{"prune", "prune %s --keep 0.75 --data " + ids, 0},
		{"prune-weights", "prune %s --keep 0.5", 0},
		{"topk", "topk %s --keep 0.1", 3},
		{"topk-stat", "topk %s --rule stat --keep 0.25 --on signed --data " + ids + " --every 4", 3},
		{"moe", "moe %s --experts 16 --active 8 --layers 1 --data " + ids + " --limit 8", 1},
		{"mask", "mask %s --density 0.5", 0},
		{"ticket", "mask %s --density 0.5 --last 0.7 --initial " + initial, 0},
		{"rewound", "mask %s --density 0.5 --rewind --initial " + initial, 0},
		{"both", "rewrite %s --pass prune-neurons:keep=0.5,layers=0,2 --pass topk-ffn:keep=0.25,layers=1", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := filepath.Join(dir, c.name+".onnx")
			args := append(strings.Fields(fmt.Sprintf(c.args, model)), "-o", out)
			var r rewriteResult
			doJSON(t, exitFine, &r, args...)
			require.True(t, r.Written)
			require.Positive(t, r.Changes)
			fused := 0
			for _, b := range r.Checks.Blocks {
				require.True(t, b.Fused, b.Why)
				require.LessOrEqual(t, float64(b.Relative), blockTolerance)
				require.Positive(t, b.Rows)
				fused++
			}
			require.Equal(t, c.fused, fused)
			first, err := os.ReadFile(out)
			require.NoError(t, err)
			do(t, exitFine, args...)
			second, err := os.ReadFile(out)
			require.NoError(t, err)
			require.True(t, bytes.Equal(first, second), "the same command gives the same bytes")
			do(t, exitFine, "check", out)
			var p struct{ Nats float64 }
			doJSON(t, exitFine, &p, "eval", out, "--ids", eval, "--limit", "8")
			require.Greater(t, p.Nats, 1.0)
			if c.fused > 0 {
				var i struct{ Blocks []struct{ Fused bool } }
				doJSON(t, exitFine, &i, "inspect", out)
				require.Len(t, i.Blocks, c.fused)
				require.True(t, i.Blocks[0].Fused)
			}
		})
	}
}

func TestAllExpertsActiveIsIdentity(t *testing.T) {
	model, _, _, _ := demoFiles(t)
	out := filepath.Join(t.TempDir(), "out.onnx")
	var r rewriteResult
	doJSON(t, exitFine, &r, "moe", model, "-o", out, "--experts", "8", "--active", "8", "--split", "contiguous", "--router", "centroid")
	require.LessOrEqual(t, float64(r.Checks.Outputs[0].Relative), 1e-4)
}

// TestNothingChangedWritesNothing: each block says why, the code is 1, and no file appears.
func TestNothingChangedWritesNothing(t *testing.T) {
	model := saved(t, smallMLP(1))
	out := filepath.Join(t.TempDir(), "out.onnx")
	r := do(t, exitFailed, "moe", model, "-o", out, "--experts", "64", "--active", "4")
	require.Contains(t, r.out, "cannot make 64 experts")
	require.Contains(t, r.err, "nothing was changed")
	require.NoFileExists(t, out)
	var j rewriteResult
	doJSON(t, exitFailed, &j, "moe", model, "-o", out, "--experts", "64", "--active", "4")
	require.False(t, j.Written)
	require.NotEmpty(t, j.Rows)
	require.NotEmpty(t, j.Rows[0].Reason)
	do(t, exitFine, "prune", model, "-o", out, "--dry-run")
	require.NoFileExists(t, out)
}

func TestRewriteWithoutPassCopies(t *testing.T) {
	model := saved(t, smallMLP(1))
	out := filepath.Join(t.TempDir(), "copy.onnx")
	do(t, exitFine, "rewrite", model, "-o", out)
	a, err := os.ReadFile(model)
	require.NoError(t, err)
	b, err := os.ReadFile(out)
	require.NoError(t, err)
	require.Equal(t, a, b)
	do(t, exitFine, "rewrite", model, "-o", out, "--clean", "--external", "always")
	do(t, exitFine, "verify", out, model, "--tolerance", "0")
	sparse := filepath.Join(t.TempDir(), "sparse.onnx")
	do(t, exitFine, "topk", model, "-o", sparse)
	do(t, exitFine, "rewrite", sparse, "-o", out, "--functions", "inline")
	m, err := onnxio.Load(out, onnxio.LoadOptions{})
	require.NoError(t, err)
	defer m.Close()
	require.Empty(t, m.Functions)
	do(t, exitFine, "verify", out, sparse)
}

// recorded writes a test folder: the model with one data set of its own outputs.
func recorded(t *testing.T, dir string, m *graph.Model, y *tensor.Tensor) {
	t.Helper()
	set := filepath.Join(dir, "test_data_set_0")
	require.NoError(t, os.MkdirAll(set, 0o755))
	require.NoError(t, onnxio.Save(m, filepath.Join(dir, "model.onnx"), onnxio.SaveOptions{}))
	for name, x := range map[string]*tensor.Tensor{"input_0.pb": tensor.Of([]float32{-1, 2}, 2), "output_0.pb": y} {
		data, err := onnxio.EncodeTensor(x, name)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(set, name), data, 0o644))
	}
}

func unary(t *testing.T, op string) *graph.Model {
	t.Helper()
	m, err := graph.ParseModel(fmt.Sprintf(`<ir_version: 8, opset_import: ["" : 17, "com.example" : 1]>
g (float[2] x) => (float[2] y) { y = %s (x) }`, op), graph.ParseOptions{})
	require.NoError(t, err)
	return m
}

func TestRunComparesWithRecordedOutputs(t *testing.T) {
	dir := t.TempDir()
	recorded(t, dir, unary(t, "Relu"), tensor.Of([]float32{0, 2}, 2))
	model, set := filepath.Join(dir, "model.onnx"), filepath.Join(dir, "test_data_set_0")
	for _, data := range []string{dir, set} {
		var r struct {
			OK      bool
			Outputs []struct{ Name string }
		}
		doJSON(t, exitFine, &r, "run", model, "--data", data)
		require.True(t, r.OK)
		require.Len(t, r.Outputs, 1)
	}
	wrong := t.TempDir()
	recorded(t, wrong, unary(t, "Relu"), tensor.Of([]float32{0, 2.01}, 2))
	r := do(t, exitFailed, "run", model, "--data", wrong)
	require.Contains(t, r.out, "DIFFERS")
	do(t, exitFine, "run", model, "--data", wrong, "--rtol", "0.1")
	do(t, exitFailed, "run", model, "--data", wrong, "--rtol", "0.001")
	do(t, exitFine, "run", model, "--data", wrong, "--atol", "0.1")

	x := filepath.Join(dir, "x.npy")
	require.NoError(t, onnxio.WriteNPY(x, tensor.Of([]float32{-3, 4}, 2)))
	outputs := filepath.Join(dir, "outputs")
	do(t, exitFine, "run", model, "-i", "x="+x, "-o", outputs)
	y, err := onnxio.ReadNPY(filepath.Join(outputs, "y.npy"))
	require.NoError(t, err)
	require.Equal(t, []float32{0, 4}, tensor.Data[float32](y))
}

func TestRunRandomIsSeeded(t *testing.T) {
	model, _, _, _ := demoFiles(t)
	args := []string{"run", model, "--random", "--dim", "batch=2", "--dim", "seq=5"}
	a, b := do(t, exitFine, args...), do(t, exitFine, append(args, "--threads", "2")...)
	require.Equal(t, a.out, b.out)
	require.Contains(t, a.out, "[2 5 65]")
	require.NotEqual(t, a.out, do(t, exitFine, append(args, "--seed", "2")...).out)
}

func TestConformanceCounts(t *testing.T) {
	dir := t.TempDir()
	recorded(t, filepath.Join(dir, "test_good"), unary(t, "Relu"), tensor.Of([]float32{0, 2}, 2))
	recorded(t, filepath.Join(dir, "test_bad"), unary(t, "Relu"), tensor.Of([]float32{0, 2.1}, 2))
	recorded(t, filepath.Join(dir, "test_strange"), unary(t, "com.example.Strange"), tensor.Of([]float32{0, 2}, 2))
	archive := filepath.Join(t.TempDir(), "suite.tar.gz")
	pack(t, dir, archive)
	for _, at := range []string{dir, archive} {
		r := do(t, exitFailed, "conformance", at, "--failed")
		lines := strings.Split(strings.TrimSpace(r.out), "\n")
		require.Equal(t, "1 passed, 1 failed, 1 skipped", lines[len(lines)-1])
		require.Contains(t, r.out, "failed test_bad: test_data_set_0, output \"y\"")
		var j conformanceResult
		doJSON(t, exitFailed, &j, "conformance", at)
		require.Equal(t, 1, j.Skipped)
		require.Len(t, j.Tests, 3)
		do(t, exitFine, "conformance", at, "--only", "good")
	}
}

func pack(t *testing.T, dir, archive string) {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, f := range listing(t, dir) {
		data, err := os.ReadFile(f)
		require.NoError(t, err)
		name, err := filepath.Rel(filepath.Dir(dir), f)
		require.NoError(t, err)
		require.NoError(t, w.WriteHeader(&tar.Header{Name: filepath.ToSlash(name), Size: int64(len(data)), Mode: 0o644, Typeflag: tar.TypeReg}))
		_, err = w.Write(data)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	require.NoError(t, z.Close())
	require.NoError(t, os.WriteFile(archive, b.Bytes(), 0o644))
}

func TestTextAndBuildAreInverse(t *testing.T) {
	model := saved(t, smallMLP(1))
	dir := t.TempDir()
	text, side, again := filepath.Join(dir, "m.txt"), filepath.Join(dir, "w.onnx"), filepath.Join(dir, "again.onnx")
	do(t, exitFine, "text", model, "-o", text, "--side", side)
	printed := do(t, exitFine, "text", model).out
	onDisk, err := os.ReadFile(text)
	require.NoError(t, err)
	require.Equal(t, printed, string(onDisk))
	for _, from := range []string{side, model} {
		do(t, exitFine, "build", text, "-o", again, "--side", from)
		do(t, exitFine, "verify", again, model, "--tolerance", "0")
		require.Equal(t, printed, do(t, exitFine, "text", again).out)
	}
	r := do(t, exitUsage, "build", text, "-o", filepath.Join(dir, "none.onnx"))
	require.Contains(t, r.err, "--side")
	require.NoFileExists(t, filepath.Join(dir, "none.onnx"))
	do(t, exitFine, "text", model, "--weights", "inline", "-o", text)
	do(t, exitFine, "build", text, "-o", again)
	do(t, exitFine, "verify", again, model, "--tolerance", "0")
}

func TestCheckFindsWhatIsWrong(t *testing.T) {
	var r struct {
		Errors   int
		Findings []struct{ Severity, Where, Message string }
	}
	doJSON(t, exitFine, &r, "check", saved(t, smallMLP(1)))
	require.Zero(t, r.Errors)
	m := smallMLP(1)
	m.Graph.First().SetAttr(graph.IntAttr("nonsense", 1))
	doJSON(t, exitFailed, &r, "check", saved(t, m))
	require.Positive(t, r.Errors)
	require.Equal(t, "error", r.Findings[0].Severity)
}

func TestVerifyNamesTheFirstDivergence(t *testing.T) {
	a := saved(t, smallMLP(1))
	do(t, exitFine, "verify", a, a, "--tolerance", "0")
	m := smallMLP(1)
	bias := append([]float32(nil), tensor.Data[float32](m.Graph.Find("b1").Const)...)
	bias[3] += 0.5
	m.Graph.Find("b1").Const = tensor.Of(bias, 16)
	var r verifyResult
	doJSON(t, exitFailed, &r, "verify", saved(t, m), a)
	require.False(t, r.OK)
	require.Equal(t, "a", r.First.Value)
	require.Equal(t, "Add", r.First.Op)
	require.Contains(t, do(t, exitFailed, "verify", saved(t, m), a).out, `first diverging value: "a"`)
	do(t, exitFine, "verify", saved(t, m), a, "--tolerance", "100")
}

func TestCalibrateMergesToTheSameBytes(t *testing.T) {
	model, _, ids, _ := demoFiles(t)
	dir := t.TempDir()
	path := func(s string) string { return filepath.Join(dir, s) }
	args := []string{"calibrate", model, "--data", ids, "--leaf", "8", "--gram"}
	do(t, exitFine, append(args, "-o", path("all"))...)
	for i := range 3 {
		do(t, exitFine, append(args, "-o", path(fmt.Sprint(i)), "--shard", fmt.Sprintf("%d/3", i), "--threads", fmt.Sprint(1+i%2))...)
	}
	var r calibrateResult
	doJSON(t, exitFine, &r, "calibrate", "--merge", path("2"), "--merge", path("0"), "--merge", path("1"), "-o", path("merged"))
	require.Len(t, r.Taps, 3)
	require.Equal(t, int64(64*128), r.Taps[0].Rows)
	all, err := os.ReadFile(path("all"))
	require.NoError(t, err)
	merged, err := os.ReadFile(path("merged"))
	require.NoError(t, err)
	require.True(t, bytes.Equal(all, merged))
	do(t, exitFine, "calibrate", model, "--data", ids, "--leaf", "4", "-o", path("other"))
	require.Contains(t, do(t, exitUsage, "calibrate", "--merge", path("all"), "--merge", path("other")).err, "one run")
}

func TestBench(t *testing.T) {
	model, _, _, _ := demoFiles(t)
	sparse := filepath.Join(t.TempDir(), "moe.onnx")
	do(t, exitFine, "moe", model, "-o", sparse, "--experts", "8", "--active", "2", "--split", "contiguous", "--router", "centroid")
	var r benchResult
	doJSON(t, exitFine, &r, "bench", sparse, "--against", model, "--iters", "4", "--threads", "1", "--seq", "8")
	require.Len(t, r.Models, 2)
	require.NotNil(t, r.Ratio)
	require.Equal(t, 4, r.Models[0].Iters)
	require.LessOrEqual(t, r.Models[0].Median, r.Models[0].P90)
	require.Less(t, r.Models[0].Touched, r.Models[1].Touched)
	require.Equal(t, []string{"input_ids int64[1 8]"}, r.Inputs)
	require.Contains(t, do(t, exitFine, "bench", sparse, "--iters", "2", "--profile").out, "fused")
}

func TestLists(t *testing.T) {
	var p []passInfo
	doJSON(t, exitFine, &p, "passes")
	require.Len(t, p, len(passNames()))
	for _, x := range p {
		require.NotEmpty(t, x.Doc)
		for _, o := range x.Options {
			require.NotEmpty(t, o.Doc, "%s: %s", x.Name, o.Name)
		}
	}
	var o opsResult
	doJSON(t, exitFine, &o, "ops")
	require.Positive(t, o.Run)
	require.LessOrEqual(t, o.Run, o.Versions)
	require.Contains(t, do(t, exitFine, "ops").out, "MatMul")
	var k []map[string]string
	doJSON(t, exitFine, &k, "knobs")
	require.Contains(t, do(t, exitFine, "knobs").out, "stop")
	require.Contains(t, do(t, exitFine, "passes").out, "split-experts")
}

func TestKnobsReachTheParts(t *testing.T) {
	model, _, _, _ := demoFiles(t)
	out := filepath.Join(t.TempDir(), "out.onnx")
	r := command(context.Background(), "stop=1,time=1", "topk", model, "-o", out, "--json")
	require.Equal(t, exitFine, r.code, r.err)
	require.Contains(t, r.err, "topk-ffn")
	var j rewriteResult
	require.NoError(t, json.Unmarshal([]byte(r.out), &j))
	require.Equal(t, 1, j.Changes)
	r = command(context.Background(), "bodies=1", "inspect", out, "--json")
	require.Contains(t, r.out, `"fused": false`)
	r = command(context.Background(), "level=portable,noplan=1,nofuse=1,check=1", "run", model, "--random")
	require.Equal(t, exitFine, r.code, r.err)
}

// TestInterruptedLeavesNothing: a cancelled context ends every verb with its own code and without files.
func TestInterruptedLeavesNothing(t *testing.T) {
	model, initial, ids, eval := demoFiles(t)
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	out := filepath.Join(dir, "x.onnx")
	for _, args := range []string{
		"moe " + model + " -o " + out + " --data " + ids, "mask " + model + " -o " + out + " --initial " + initial, "rewrite " + model + " -o " + out,
		"eval " + model + " --ids " + eval, "bench " + model, "verify " + model + " " + initial, "text " + model + " -o " + out,
		"calibrate " + model + " --data " + ids + " -o " + out, "run " + model + " --random",
	} {
		r := command(ctx, "", strings.Fields(args)...)
		require.Equal(t, exitInterrupted, r.code, args)
		require.Equal(t, "onnx-rewrite: interrupted\n", r.err, args)
	}
	require.Empty(t, listing(t, dir))
}

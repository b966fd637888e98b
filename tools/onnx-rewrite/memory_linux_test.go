package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
)

// peakFile makes the test binary the command: it is the file that the process's state is noted in at the end. dataLimit is the limit of
// its data segment in bytes, wholeLimit the size of the models that are run whole.
const (
	peakFile   = "ONNX_REWRITE_TEST_PEAK_FILE"
	dataLimit  = "ONNX_REWRITE_TEST_DATA_LIMIT"
	wholeLimit = "ONNX_REWRITE_TEST_WHOLE_LIMIT"
)

func TestMain(m *testing.M) {
	peak := os.Getenv(peakFile)
	if peak == "" {
		os.Exit(m.Run())
	}
	if n, err := strconv.ParseUint(os.Getenv(dataLimit), 10, 64); err == nil {
		if err := unix.Setrlimit(unix.RLIMIT_DATA, &unix.Rlimit{Cur: n, Max: n}); err != nil {
			panic(err)
		}
	}
	if n, err := strconv.ParseInt(os.Getenv(wholeLimit), 10, 64); err == nil {
		wholeModel = n
	}
	a := &app{ctx: context.Background(), out: os.Stdout, err: os.Stderr}
	code := a.run(os.Args[1:])
	status, err := os.ReadFile("/proc/self/status")
	if err == nil {
		err = os.WriteFile(peak, status, 0o666)
	}
	if err != nil {
		panic(err)
	}
	os.Exit(code)
}

// limited runs the command in a process of its own whose data segment is limited, and returns its peak memory in bytes. The limit is
// that of what the process allocates: mapped files do not count.
func limited(t *testing.T, limit int64, args ...string) int64 {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	peak := filepath.Join(t.TempDir(), "status")
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), peakFile+"="+peak, dataLimit+"="+strconv.FormatInt(limit, 10), wholeLimit+"="+strconv.FormatInt(256<<20, 10))
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	status, err := os.ReadFile(peak)
	require.NoError(t, err)
	for line := range strings.SplitSeq(string(status), "\n") {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			require.NoError(t, err)
			return n << 10
		}
	}
	t.Fatal("no peak memory in ", string(status))
	return 0
}

// sparseModel writes a model of feed-forward blocks whose data file is nearly all holes: it takes no room on the disk. The tensors differ.
func sparseModel(t testing.TB, dir string, blocks, width, hidden int64) (path string, dataBytes int64) {
	t.Helper()
	m := graph.NewModel(8, 18)
	g := m.Graph
	typ := graph.TensorType(tensor.Float32, graph.ShapeOf(graph.Sym("N"), graph.Const(width)))
	v := g.AddInput("x", typ)
	size := 4 * width * hidden
	data, err := os.Create(filepath.Join(dir, "model.data"))
	require.NoError(t, err)
	defer data.Close()
	weight := func(name string, rows, cols int64) *graph.Value {
		var head [16]byte
		binary.LittleEndian.PutUint32(head[:], 0x3f800000|uint32(dataBytes/size)) // about 1
		_, err := data.WriteAt(head[:], dataBytes)
		require.NoError(t, err)
		w := &tensor.Tensor{Elem: tensor.Float32, Shape: []int64{rows, cols}, Meta: &tensor.Meta{Carrier: tensor.CarrierExternal, External: []tensor.KeyValue{
			{Key: "location", Value: "model.data"}, {Key: "offset", Value: strconv.FormatInt(dataBytes, 10)}, {Key: "length", Value: strconv.FormatInt(size, 10)}}}}
		dataBytes += size
		return g.AddInit(name, w)
	}
	add := func(op, name string, in ...*graph.Value) *graph.Value {
		out := g.NewValue(name, graph.Type{})
		g.Append(graph.NewNode(graph.OpID{Op: op}, in, []*graph.Value{out}))
		return out
	}
	for i := range blocks {
		h := add("Relu", fmt.Sprint("h", i), add("MatMul", fmt.Sprint("up_out", i), v, weight(fmt.Sprint("up", i), width, hidden)))
		v = add("Add", fmt.Sprint("y", i), v, add("MatMul", fmt.Sprint("down_out", i), h, weight(fmt.Sprint("down", i), hidden, width)))
	}
	v.Type = typ
	g.AddOutput(v)
	require.NoError(t, data.Truncate(dataBytes))
	path = filepath.Join(dir, "model.onnx")
	f, err := os.Create(path)
	require.NoError(t, err)
	require.NoError(t, onnxio.Encode(f, m))
	require.NoError(t, f.Close())
	return path, dataBytes
}

// Looking at a model, and rewriting one block of it, takes memory for its structure and the largest tensor, however large it is. The model
// here is a small twin; ONNX_REWRITE_LARGE=20x4096x16384 (blocks, width, hidden: 10 GiB) measures the real thing, and
// ONNX_REWRITE_LARGE_DIR says where, with room for twice the model.
func TestMemoryIsBounded(t *testing.T) {
	const mib = 1 << 20
	blocks, width, hidden := int64(40), int64(512), int64(2048)
	// The twin's weights are 320 MiB: its bound and its hard stop are below that. The runtime of Go keeps address space that it gave back,
	// and that counts for the hard stop.
	most, stop := int64(128*mib), int64(256*mib)
	if s := os.Getenv("ONNX_REWRITE_LARGE"); s != "" {
		_, err := fmt.Sscanf(s, "%dx%dx%d", &blocks, &width, &hidden)
		require.NoError(t, err)
		most, stop = 512*mib, 1024*mib
	}
	dir := t.TempDir()
	if d := os.Getenv("ONNX_REWRITE_LARGE_DIR"); d != "" {
		var err error
		dir, err = os.MkdirTemp(d, "memory")
		require.NoError(t, err)
		defer os.RemoveAll(dir)
	}
	path, size := sparseModel(t, dir, blocks, width, hidden)
	tensorBytes := 4 * width * hidden
	for _, c := range []struct {
		name string
		most int64
		args []string
	}{
		{"inspect", 64 * mib, []string{"inspect", path}},
		{"topk", most + tensorBytes, []string{"topk", path, "-o", filepath.Join(dir, "topk.onnx"), "--keep", "0.25", "--layers", "0"}},
		{"prune", most + tensorBytes, []string{"prune", path, "-o", filepath.Join(dir, "prune.onnx"), "--keep", "0.75", "--layers", "0"}},
		{"set", most + tensorBytes, []string{"set", path, "-o", filepath.Join(dir, "set.onnx"), "--doc", "x"}},
	} {
		peak := limited(t, stop, c.args...)
		t.Logf("%s of %d MiB (largest tensor %d MiB): peak %d MiB", c.name, size/mib, tensorBytes/mib, peak/mib)
		require.LessOrEqual(t, peak, c.most, c.name)
		for _, name := range listing(t, dir) {
			if !strings.HasPrefix(filepath.Base(name), "model.") {
				require.NoError(t, os.Remove(name))
			}
		}
	}
}

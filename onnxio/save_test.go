package onnxio

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio/internal/onnxpb"
	"github.com/onnx-rewrite/onnx-rewrite/testmodels"
)

// small is a model with two large equal weights, a large other one and a small one.
func small(fill byte) *graph.Model {
	m := graph.NewModel(8, 18)
	g := m.Graph
	x := g.AddInput("x", graph.TensorType(tensor.Float32, graph.ShapeOf(graph.Sym("N"), graph.Const(32))))
	big := func(b byte) *tensor.Tensor {
		t, err := tensor.FromBytes(tensor.Float32, []int64{32, 32}, bytes.Repeat([]byte{b, 0, 0, 0}, 1024))
		if err != nil {
			panic(err)
		}
		return t
	}
	v := x
	for i, t := range []*tensor.Tensor{big(fill), big(fill + 1), big(fill)} {
		w := g.AddInit(fmt.Sprintf("w%d", i), t)
		out := g.NewValue("h", graph.Type{})
		g.Append(graph.NewNode(graph.OpID{Op: "MatMul"}, []*graph.Value{v, w}, []*graph.Value{out}))
		v = out
	}
	b := g.AddInit("b", tensor.Zeros(tensor.Float32, 32))
	out := g.NewValue("y", graph.TensorType(tensor.Float32, graph.ShapeOf(graph.Sym("N"), graph.Const(32))))
	g.Append(graph.NewNode(graph.OpID{Op: "Add"}, []*graph.Value{v, b}, []*graph.Value{out}))
	g.AddOutput(out)
	return m
}

func load(t testing.TB, path string) *graph.Model {
	t.Helper()
	m, err := Load(path, LoadOptions{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = m.Close() })
	return m
}

func names(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

// values is all initializers by name, as hashes.
func values(m *graph.Model) map[string][32]byte {
	h := map[string][32]byte{}
	for _, v := range m.Graph.Inits {
		h[v.Name] = v.Const.Hash()
	}
	return h
}

func TestSaveInline(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.onnx")
	m := small(1)
	require.NoError(t, Save(m, path, SaveOptions{}))
	require.Equal(t, []string{"m.onnx"}, names(t, filepath.Dir(path)))
	require.Equal(t, values(m), values(load(t, path)))
}

func TestSaveExternal(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m.onnx")
	m := small(1)
	require.NoError(t, Save(m, path, SaveOptions{External: ExternalAlways}))
	files := names(t, dir)
	require.Len(t, files, 2)
	require.Regexp(t, `^m-[0-9a-f]{12}\.data$`, files[0])
	info, err := os.Stat(filepath.Join(dir, files[0]))
	require.NoError(t, err)
	require.EqualValues(t, 2*4096, info.Size(), "equal tensors are stored once")
	got := load(t, path)
	require.Equal(t, values(m), values(got))
	require.Equal(t, []string{files[0]}, Locations(got))
	require.Nil(t, got.Graph.Find("b").Const.Meta, "below the threshold")

	again := filepath.Join(t.TempDir(), "m.onnx")
	require.NoError(t, Save(m, again, SaveOptions{External: ExternalAlways}))
	require.Equal(t, readFile(t, path), readFile(t, again))

	inline := filepath.Join(t.TempDir(), "m.onnx")
	require.NoError(t, Save(got, inline, SaveOptions{External: ExternalNever}))
	require.Equal(t, encoded(t, func(w io.Writer) error { return Encode(w, m) }), readFile(t, inline), "what was external comes back without a trace")
}

func TestSaveAlign(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.onnx")
	require.NoError(t, Save(small(1), path, SaveOptions{External: ExternalAlways, Align: 1 << 16, Threshold: 1, DataName: "weights.bin"}))
	info, err := os.Stat(filepath.Join(filepath.Dir(path), "weights.bin"))
	require.NoError(t, err)
	require.EqualValues(t, 2<<16+128, info.Size())
	require.Equal(t, values(small(1)), values(load(t, path)))
}

// An edit of an external model stays external, with its other keys, and nothing of the old data is left.
func TestSaveKeepsExternal(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m.onnx")
	require.NoError(t, Save(small(1), path, SaveOptions{External: ExternalAlways}))
	m := load(t, path)
	old := m.Graph.Find("w1")
	old.Const.Meta.External = append(old.Const.Meta.External, tensor.KeyValue{Key: "vendor", Value: "x"})
	fresh := tensor.Zeros(tensor.Float32, 32, 32)
	m.Graph.Find("w0").Const = fresh
	m.Graph.AddInit("late", tensor.Zeros(tensor.Float32, 2000))
	before := Locations(m)
	want := values(m)
	require.NoError(t, Save(m, path, SaveOptions{}))
	require.Equal(t, want, values(m), "the loaded model lives on")
	got, err := Load(path, LoadOptions{Lenient: true}) // a strict reader refuses the key
	require.NoError(t, err)
	defer got.Close()
	require.Equal(t, want, values(got))
	require.NotEqual(t, before, Locations(got))
	require.Len(t, names(t, dir), 2, "the old data file is gone")
	require.Contains(t, got.Graph.Find("w1").Const.Meta.External, tensor.KeyValue{Key: "vendor", Value: "x"})
	require.Equal(t, tensor.CarrierExternal, got.Graph.Find("late").Const.Meta.Carrier)
	require.Equal(t, tensor.CarrierExternal, got.Graph.Find("w0").Const.Meta.Carrier)
}

// A copy of the model file refers to the old data file, which therefore stays.
func TestSaveLeavesSharedData(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m.onnx")
	require.NoError(t, Save(small(1), path, SaveOptions{External: ExternalAlways}))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "copy.model"), readFile(t, path), 0o666))
	require.NoError(t, Save(small(7), path, SaveOptions{External: ExternalAlways}))
	require.Len(t, names(t, dir), 4)
	require.Equal(t, values(small(1)), values(load(t, filepath.Join(dir, "copy.model"))))
	require.Equal(t, values(small(7)), values(load(t, path)))
}

func copyDir(t testing.TB, from, to string) {
	t.Helper()
	entries, err := os.ReadDir(from)
	require.NoError(t, err)
	for _, e := range entries {
		if e.Type().IsRegular() {
			require.NoError(t, os.WriteFile(filepath.Join(to, e.Name()), readFile(t, filepath.Join(from, e.Name())), 0o666))
		}
	}
}

// Two models share one data file. Saving one, over itself, leaves the data file and the other model as they are.
func TestSaveTwoModelsOneDataFile(t *testing.T) {
	dir := t.TempDir()
	copyDir(t, testmodels.Shared(t, "models", "trained", "charlm_swiglu"), dir)
	weights := filepath.Join(dir, "weights.bin")
	before := readFile(t, weights)
	stat, err := os.Stat(weights)
	require.NoError(t, err)
	decode := values(load(t, filepath.Join(dir, "decode.onnx")))

	path := filepath.Join(dir, "model.onnx")
	original := readFile(t, path)
	m := load(t, path)
	want := values(m)
	m.Producer = "edited"
	require.NoError(t, Save(m, path, SaveOptions{}))

	after, err := os.Stat(weights)
	require.NoError(t, err)
	require.True(t, os.SameFile(stat, after))
	require.Equal(t, stat.ModTime(), after.ModTime())
	require.Equal(t, before, readFile(t, weights))
	require.Equal(t, decode, values(load(t, filepath.Join(dir, "decode.onnx"))))
	got := load(t, path)
	require.Equal(t, want, values(got))
	require.Equal(t, "edited", got.Producer)

	var a, b onnxpb.ModelProto
	require.NoError(t, proto.Unmarshal(original, &a))
	require.NoError(t, proto.Unmarshal(readFile(t, path), &b))
	a.ProducerName = proto.String("edited")
	for _, m := range []*onnxpb.ModelProto{&a, &b} {
		for _, t := range m.Graph.Initializer {
			for _, kv := range t.ExternalData {
				if k := kv.GetKey(); k == "location" || k == "offset" {
					kv.Value = nil
				}
			}
			t.ExternalData = slices.DeleteFunc(t.ExternalData, func(kv *onnxpb.StringStringEntryProto) bool { return kv.GetKey() == "checksum" })
		}
	}
	require.True(t, proto.Equal(&a, &b), "only places in the data file and its checksum may differ")
}

func TestSaveDataName(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m.onnx")
	opt := SaveOptions{External: ExternalAlways, DataName: "w.bin"}
	require.NoError(t, Save(small(1), path, opt))
	require.NoError(t, Save(small(1), path, opt), "the same content again")
	require.NoError(t, Save(small(9), path, opt), "the model that is replaced is the only one that names the file")
	require.Equal(t, []string{"m.onnx", "w.bin"}, names(t, dir))
	require.Equal(t, values(small(9)), values(load(t, path)))
	require.NoError(t, Save(small(9), filepath.Join(dir, "other.onnx"), opt), "the same content for another model")
	require.Len(t, names(t, dir), 3)
	first := readFile(t, path)
	require.ErrorContains(t, Save(small(1), path, opt), "other.onnx needs it")
	require.ErrorContains(t, Save(small(1), filepath.Join(dir, "third.onnx"), opt), "exists with other content")
	require.Equal(t, first, readFile(t, path))
	require.Equal(t, values(small(9)), values(load(t, path)))
	require.Len(t, names(t, dir), 3)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "other.onnx"), []byte("damaged"), 0o666))
	require.ErrorContains(t, Save(small(1), path, opt), "other.onnx cannot be read")
	for _, bad := range []string{"../w", "/w", "a/b", "m.onnx", `a\b`, "..", "C:w"} {
		require.Error(t, Save(small(1), path, SaveOptions{External: ExternalAlways, DataName: bad}), bad)
	}
}

func TestSaveReplacesLink(t *testing.T) {
	dir := t.TempDir()
	store := filepath.Join(dir, "store")
	require.NoError(t, os.WriteFile(store, []byte("blob"), 0o666))
	path := filepath.Join(dir, "m.onnx")
	if err := os.Symlink(store, path); err != nil {
		t.Skip(err)
	}
	require.NoError(t, Save(small(1), path, SaveOptions{}))
	require.Equal(t, "blob", string(readFile(t, store)))
	require.Equal(t, values(small(1)), values(load(t, path)))
	require.Error(t, Save(small(1), dir, SaveOptions{}), "a folder")
}

func TestSaveKeepsMode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.onnx")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	require.NoError(t, os.Chmod(path, 0o600))
	require.NoError(t, Save(small(1), path, SaveOptions{}))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
}

func TestSaveCancelled(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	err := Save(small(1), filepath.Join(dir, "m.onnx"), SaveOptions{External: ExternalAlways, Ctx: ctx, Progress: func(done, total int64) {
		require.LessOrEqual(t, done, total)
		cancel()
	}})
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, names(t, dir))
}

func TestLeftovers(t *testing.T) {
	dir := t.TempDir()
	temp := tempName(filepath.Join(dir, "m.onnx"))
	require.NoError(t, os.WriteFile(temp, []byte("half"), 0o666))
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".other"), nil, 0o666))
	left, err := Leftovers(dir)
	require.NoError(t, err)
	require.Equal(t, []string{temp}, left)
}

func TestSaveInlinesFunctions(t *testing.T) {
	path := testmodels.Shared(t, "models", "exports", "onnxscript_functions", "model.onnx")
	m := load(t, path)
	require.NotEmpty(t, m.Functions)
	out := filepath.Join(t.TempDir(), "m.onnx")
	require.NoError(t, Save(m, out, SaveOptions{Functions: InlineFunctions}))
	require.Empty(t, load(t, out).Functions)
	require.NotEmpty(t, m.Functions, "the model itself is not changed")
}

// Every model that has external data, in all forms and back.
func TestSaveSharedExternal(t *testing.T) {
	n := 0
	for _, path := range sharedModels(t) {
		m, err := Load(path, LoadOptions{Lenient: true})
		require.NoError(t, err)
		if len(Locations(m)) == 0 || strings.Contains(path, filepath.Join("real", "graphs")) {
			require.NoError(t, m.Close())
			continue
		}
		n++
		want := values(m)
		for _, opt := range []SaveOptions{{}, {External: ExternalNever}, {External: ExternalAlways}, {External: ExternalAuto}} {
			out := filepath.Join(t.TempDir(), "m.onnx")
			require.NoError(t, Save(m, out, opt), path)
			got, err := Load(out, LoadOptions{})
			require.NoError(t, err, path)
			require.Equal(t, want, values(got), path)
			require.NoError(t, got.Close())
		}
		require.NoError(t, m.Close())
	}
	require.Greater(t, n, 3)
}

// Beyond the size that a message may have, tensors go to a data file by themselves, or the save fails before it writes.
func TestSaveTooLarge(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m.onnx")
	for _, form := range []ExternalForm{ExternalKeep, ExternalAuto} {
		require.NoError(t, (&saver{disk: osDisk{}, opt: SaveOptions{External: form}, limit: 4000}).save(small(1), path))
		require.Len(t, names(t, dir), 2)
		require.Equal(t, values(small(1)), values(load(t, path)))
	}
	before := readFile(t, path)
	err := (&saver{disk: osDisk{}, opt: SaveOptions{External: ExternalNever}, limit: 4000}).save(small(2), path)
	require.ErrorContains(t, err, "let tensors go to a data file")
	err = (&saver{disk: osDisk{}, limit: 100}).save(small(2), path)
	require.ErrorContains(t, err, "without the tensors in the data file")
	require.Equal(t, before, readFile(t, path))
	require.Len(t, names(t, dir), 2)
}

// streamed is storage whose bytes come into being when they are written.
type streamed struct{ n int64 }

func (s streamed) Bytes() []byte { panic("asked for all bytes at once") }
func (s streamed) Len() int64    { return s.n }
func (s streamed) WriteTo(w io.Writer) (int64, error) {
	for i := range s.n {
		if _, err := w.Write([]byte{byte(i)}); err != nil {
			return i, err
		}
	}
	return s.n, nil
}

func TestSaveStreams(t *testing.T) {
	for _, form := range []ExternalForm{ExternalNever, ExternalAlways} {
		m := small(1)
		w, err := tensor.New(tensor.Uint8, []int64{5000}, streamed{5000})
		require.NoError(t, err)
		m.Graph.AddInit("made", w)
		path := filepath.Join(t.TempDir(), "m.onnx")
		require.NoError(t, Save(m, path, SaveOptions{External: form}))
		got := load(t, path).Graph.Find("made").Const.Bytes()
		require.Len(t, got, 5000)
		require.Equal(t, byte(4999&0xff), got[4999])
	}
}

func TestUseAfterClose(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.onnx")
	require.NoError(t, Save(small(1), path, SaveOptions{}))
	m, err := Load(path, LoadOptions{})
	require.NoError(t, err)
	w := m.Graph.Find("w0").Const
	require.NoError(t, m.Close())
	require.NoError(t, m.Close())
	require.PanicsWithValue(t, "onnxio: use of a tensor whose model is closed", func() { w.Bytes() })
}

// Two saves to one path at once: one of the two models is there in the end, whole.
func TestSaveConcurrent(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m.onnx")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 5 {
				if err := Save(small(byte(10*i)), path, SaveOptions{External: ExternalAlways}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	got := values(load(t, path))
	var all []map[string][32]byte
	for i := range 8 {
		all = append(all, values(small(byte(10*i))))
	}
	require.Contains(t, all, got)
	require.Len(t, names(t, dir), 2, "no data file is left over")
}

package main

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/block"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/passes"
)

func TestDistanceAndNearest(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"abc", "abc", 0}, {"abc", "abd", 1}, {"abc", "ab", 1}, {"", "abc", 3}, {"kitten", "sitting", 3}, {"inspct", "inspect", 1}} {
		require.Equal(t, c.want, distance(c.a, c.b), c)
		require.Equal(t, c.want, distance(c.b, c.a), c)
	}
	require.Equal(t, "keep", nearest("kep", []string{"score", "keep"}))
	require.Equal(t, "", nearest("zzzzzz", []string{"score", "keep"}))
}

// TestEveryOptionHasAFlag: the short forms' flags and the passes' options are the same, by name.
func TestEveryOptionHasAFlag(t *testing.T) {
	elsewhere := map[string]bool{"Other": true, "Rewound": true} // --initial and --rewind
	flags := map[string]any{"prune-neurons": pruneFlags{}, "topk-ffn": topkFlags{}, "split-experts": moeFlags{}, "apply-mask": maskFlags{}}
	for _, k := range rewriteKinds {
		opt, f := reflect.TypeOf(k.blank()).Elem(), reflect.TypeOf(flags[k.name])
		for i := range opt.NumField() {
			name := opt.Field(i).Name
			_, ok := f.FieldByName(name)
			require.True(t, ok || elsewhere[name], "%s: option %s has no flag", k.name, name)
		}
		for i := range f.NumField() {
			_, ok := opt.FieldByName(f.Field(i).Name)
			require.True(t, ok, "%s: flag %s has no option", k.name, f.Field(i).Name)
		}
	}
	names := passNames()
	for _, k := range rewriteKinds {
		require.Contains(t, names, k.name)
	}
}

func TestOptionsAreParsedByName(t *testing.T) {
	opt := &passes.TopKOptions{}
	for _, kv := range [][2]string{{"keep", "0.3"}, {"on", "gate"}, {"rule", "stat"}, {"value", "-0.5"}, {"layers", "0,2"}} {
		require.NoError(t, setOption(opt, kv[0], kv[1], nil))
	}
	require.Equal(t, 0.3, opt.Keep)
	require.Equal(t, block.On("gate"), opt.On)
	require.Equal(t, -0.5, *opt.Value)
	require.Equal(t, []int{0, 2}, opt.Layers)
	require.Equal(t, []string{"layers=0,2", "keep=0.5"}, splitOptions("layers=0,2,keep=0.5"))
	require.Equal(t, []string{"keep", "dead-units"}, []string{kebab("Keep"), kebab("DeadUnits")})
	require.ErrorContains(t, setOption(opt, "kepe", "1", nil), `did you mean "keep"`)
	require.ErrorContains(t, setOption(opt, "layers", "a", nil), "block numbers")
	require.ErrorContains(t, setOption(&passes.MoEOptions{}, "experts", "0", nil), "default")
	require.NoError(t, setOption(&passes.MoEOptions{}, "shared", "0", nil))
	require.ErrorContains(t, setOption(&passes.MaskOptions{}, "head", "maybe", nil), "true")
}

func TestMeasure(t *testing.T) {
	a := tensor.Of([]float32{1, 2, float32(math.NaN()), 4}, 4)
	d, err := measure(a, a)
	require.NoError(t, err)
	require.True(t, d.Exact)
	d, err = measure(tensor.Of([]float32{1, 2.5, float32(math.NaN()), 4}, 4), a)
	require.NoError(t, err)
	require.InDelta(t, 0.5, float64(d.Max), 1e-9)
	require.InDelta(t, 0.125, float64(d.Relative), 1e-9)
	require.False(t, d.Exact)
	_, err = measure(tensor.Of([]float32{1, 2, 3, 4}, 4), a)
	require.ErrorContains(t, err, "element 2")
	_, err = measure(tensor.Of([]float32{1, 2, 3, 4}, 2, 2), a)
	require.ErrorContains(t, err, "want float[4]")
	_, err = measure(nil, a)
	require.ErrorContains(t, err, "missing")
	d, err = measure(tensor.Of([]int64{3}, 1), tensor.Of([]int64{0}, 1))
	require.NoError(t, err)
	require.True(t, math.IsInf(float64(d.Relative), 1))
	require.NoError(t, elementwise(tensor.Of([]float32{1.01}, 1), tensor.Of([]float32{1}, 1), 0.02, 0))
	require.Error(t, elementwise(tensor.Of([]float32{1.03}, 1), tensor.Of([]float32{1}, 1), 0.02, 0))
}

func TestBoundsFollowTheNarrowestType(t *testing.T) {
	m := smallMLP(1)
	require.Equal(t, 1e-4, boundsOf(m).of(tensor.Float32))
	require.Equal(t, 0.0, boundsOf(m).of(tensor.Int64))
	m.Graph.AddInit("half", tensor.Zeros(tensor.Float16, 2))
	require.Equal(t, 5e-3, boundsOf(m).of(tensor.Float32))
	q := smallMLP(1)
	q.Graph.First().ID.Op = "QLinearMatMul"
	b := boundsOf(q)
	require.Equal(t, 3e-2, b.of(tensor.Float32))
	require.True(t, b.within(difference{Max: 1, Relative: 1, Count: 1}, tensor.Uint8))
	require.False(t, b.within(difference{Max: 2, Relative: 1, Count: 1}, tensor.Uint8))
}

func idx(code byte, dims []uint32, body []byte) []byte {
	out := []byte{0, 0, code, byte(len(dims))}
	for _, d := range dims {
		out = binary.BigEndian.AppendUint32(out, d)
	}
	return append(out, body...)
}

func TestIDX(t *testing.T) {
	x, err := decodeIDX(idx(0x08, []uint32{2, 2}, []byte{1, 2, 3, 4}))
	require.NoError(t, err)
	require.Equal(t, []int64{2, 2}, x.Shape)
	x, err = decodeIDX(idx(0x0c, []uint32{1}, []byte{0, 0, 1, 2}))
	require.NoError(t, err)
	require.Equal(t, []int32{258}, tensor.Data[int32](x))
	for _, bad := range [][]byte{nil, {0, 0, 8}, {1, 0, 8, 1}, idx(0x07, []uint32{1}, []byte{1}), idx(0x08, []uint32{3}, []byte{1}), {0, 0, 8, 9, 1}, idx(0x08, []uint32{math.MaxUint32, math.MaxUint32, math.MaxUint32}, nil)} {
		_, err := decodeIDX(bad)
		require.Error(t, err, bad)
	}
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	_, err = w.Write(idx(0x08, []uint32{3}, []byte{7, 8, 9}))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	path := filepath.Join(t.TempDir(), "labels.gz")
	require.NoError(t, os.WriteFile(path, z.Bytes(), 0o644))
	x, err = readArray(path)
	require.NoError(t, err)
	require.Equal(t, []byte{7, 8, 9}, x.Bytes())
}

// TestClassify: images of class c have their only bright pixel at c; the model is the identity, with one image at a time or several.
func TestClassify(t *testing.T) {
	dir := t.TempDir()
	var pixels, labels []byte
	for i := range 10 {
		image := make([]byte, 4)
		image[i%4] = 200
		pixels = append(pixels, image...)
		label := byte(i % 4)
		if i == 9 {
			label = 3 // wrong on purpose: it is of class 1
		}
		labels = append(labels, label)
	}
	images, classes := filepath.Join(dir, "images"), filepath.Join(dir, "labels")
	require.NoError(t, os.WriteFile(images, idx(0x08, []uint32{10, 2, 2}, pixels), 0o644))
	require.NoError(t, os.WriteFile(classes, idx(0x08, []uint32{10}, labels), 0o644))
	for _, shape := range []string{"N,4", "1,4", "1,1,2,2", "N,1,2,2"} {
		m, err := graph.ParseModel(`<ir_version: 8, opset_import: ["" : 17]>
g (float[`+shape+`] x) => (float[M,4] y) { y = Flatten (x) }`, graph.ParseOptions{})
		require.NoError(t, err)
		var r accuracy
		doJSON(t, exitFine, &r, "eval", saved(t, m), "--task", "classify", "--images", images, "--labels", classes, "--scale", "0.00392157", "--mean", "0.5", "--std", "0.5")
		require.Equal(t, accuracy{Accuracy: 0.9, Count: 10}, r, shape)
	}
	m, err := graph.ParseModel(`<ir_version: 8, opset_import: ["" : 17]>
g (float[N,5] x) => (float[M,5] y) { y = Flatten (x) }`, graph.ParseOptions{})
	require.NoError(t, err)
	require.Contains(t, do(t, exitUsage, "eval", saved(t, m), "--task", "classify", "--images", images, "--labels", classes).err, "do not fit")
}

func TestCloseCalls(t *testing.T) {
	require.True(t, closeTop([]float64{1, 0.5, 0.5 + 1e-7}, 2))
	require.False(t, closeTop([]float64{1, 0.5, 0.4}, 2))
	require.False(t, closeTop([]float64{1, 1}, 2))
	require.InDelta(t, 0.8411919906, activate(block.GeluTanh, 1), 1e-9)
	require.InDelta(t, 0.8413447460, activate(block.Gelu, 1), 1e-9)
	require.InDelta(t, 0.7310585786, activate(block.Silu, 1), 1e-9)
	for _, act := range block.Acts {
		require.False(t, math.IsNaN(activate(act, -3)), act)
	}
}

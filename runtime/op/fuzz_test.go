package op_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	schema "github.com/onnx-rewrite/onnx-rewrite/graph/op"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
	"github.com/onnx-rewrite/onnx-rewrite/runtime"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/op"
	"github.com/onnx-rewrite/onnx-rewrite/testmodels"
)

// most is the elements of any value that FuzzRun lets through: a model may ask for much memory, and this is no test of that.
const most = 1 << 14

// FuzzRun compiles a model that is given in text or as a file and runs it on small inputs, with a deadline. It ends soon after it, with
// results or an error; no kernel panics; the run with plan and fusion and the one without give values of the same types and shapes.
func FuzzRun(f *testing.F) {
	for _, text := range []string{
		`g (float[N,3] x) => (float[N,3] y) { y = Relu (x) }`,
		`g (float[2,3] x, float[3,4] w) => (float[a,b] y) { h = MatMul (x, w)  g = Sigmoid (h)  y = Mul (h, g) }`,
		`g (bool c, float[2] x) => (float[2] y) { y = If (c) <then_branch = t () => (float[2] a) { a = Relu (x) }, else_branch = e () => (float[2] b) { b = Abs (x) }> }`,
		`g (int64 n, float[2] x) => (float[2] y) { y = Loop (n, "", x) <body = b (int64 i, bool c, float[2] s) => (bool d, float[2] r) { d = Identity (c) r = Neg (s) }> }`,
		`g (float[1,2,5,5] x, float[3,2,3,3] w) => (float[a,b,c,d] y) { c = Conv <pads = [1,1,1,1]> (x, w)  y = MaxPool <kernel_shape = [2,2]> (c) }`,
		`g (float[2,3,4] x) => (float[a,b,c] y) { s = Shape (x)  y = Reshape (x, s)  q = Softmax <axis = 1> (y)  t = Transpose <perm = [2,0,1]> (q) }`,
		`g (float[2,3] x) => (float[a] y) { y = Einsum <equation = "ij->j"> (x) }`,
		`g (float[4,2,3] x, float[1,20,3] w, float[1,20,5] r) => (float[a,b,c,d] y) { y = LSTM <hidden_size = 5> (x, w, r) }`,
	} {
		f.Add([]byte(text), false, byte(3))
	}
	for _, data := range testmodels.SmallModels(80) {
		f.Add(data, true, byte(7))
	}
	op.LimitTensors(1 << 20)
	f.Fuzz(func(t *testing.T, data []byte, binary bool, seed byte) {
		if len(data) > 1<<14 {
			return
		}
		var m *graph.Model
		var err error
		if binary {
			m, err = onnxio.Decode(data, onnxio.LoadOptions{})
		} else {
			m, err = graph.ParseModel(`<ir_version: 9, opset_import: ["" : 18]>`+string(data), graph.ParseOptions{})
		}
		if err != nil || m.Graph == nil {
			return
		}
		feeds := feedsFor(m, seed)
		if feeds == nil || !modest(m) {
			return
		}
		var results []runtime.Fetches
		for _, opt := range []runtime.Options{{Threads: 1}, {Threads: 1, NoPlan: true, DisableFusion: true, UseBodies: true}, {Threads: 2, Check: true}} {
			s, err := runtime.Compile(m, opt)
			if err != nil {
				require.NotContains(t, err.Error(), "internal error")
				return
			}
			const limit = 200 * time.Millisecond
			ctx, stop := context.WithTimeout(context.Background(), limit)
			start := time.Now()
			out, err := s.Run(ctx, feeds)
			took := time.Since(start)
			stop()
			s.Close()
			require.Less(t, took, limit+5*time.Second, "%s", m)
			if err != nil {
				require.NotContains(t, err.Error(), "internal error", "%s", m)
				return
			}
			results = append(results, out)
		}
		for _, other := range results[1:] {
			for name, x := range results[0] {
				require.NotNil(t, other[name], "output %q", name)
				require.Equal(t, x.Elem, other[name].Elem)
				require.Equal(t, len(x.Shape), len(other[name].Shape))
			}
		}
	})
}

// feedsFor is a small tensor for each input; nil when one is none or too large.
func feedsFor(m *graph.Model, seed byte) runtime.Feeds {
	in := runtime.Feeds{}
	for _, v := range m.Graph.Inputs {
		if v.Const != nil || v.Sparse != nil {
			continue
		}
		if v.Type.Kind != graph.KindTensor || v.Type.Elem == tensor.Undefined || v.Type.Elem == tensor.String {
			return nil
		}
		var shape []int64
		if v.Type.Shape.Known {
			for _, d := range v.Type.Shape.Dims {
				n, ok := d.Value()
				if !ok {
					n = 2
				}
				shape = append(shape, n)
			}
		}
		n, err := tensor.NumElements(shape)
		if err != nil || n > 4096 {
			return nil
		}
		size, err := tensor.ByteSize(v.Type.Elem, shape)
		if err != nil {
			return nil
		}
		b := make([]byte, size)
		for i := 0; i < len(b); i += max(1, v.Type.Elem.Bits()/8) {
			b[i] = byte(i)*seed%4 + seed>>6 // small numbers, and small bits of floats
		}
		if v.Type.Elem == tensor.Float32 {
			for i := 3; i < len(b); i += 4 {
				b[i] = 0x3f + byte(i)*seed&0x80
			}
		}
		if v.Type.Elem == tensor.Bool {
			for i := range b {
				b[i] &= 1
			}
		}
		x, err := tensor.FromBytes(v.Type.Elem, shape, b)
		if err != nil {
			return nil
		}
		in[v.Name] = x
	}
	return in
}

// unbounded are operators whose results can be much larger than their inputs.
var unbounded = map[string]bool{"ConstantOfShape": true, "Expand": true, "Tile": true, "Range": true, "Pad": true, "Resize": true, "Upsample": true,
	"OneHot": true, "EyeLike": true, "Loop": true, "Scan": true, "CenterCropPad": true, "Col2Im": true, "MaxUnpool": true, "ConvTranspose": true,
	"SequenceMap": true, "RandomNormal": true, "RandomUniform": true, "AffineGrid": true, "RoiAlign": true, "MelWeightMatrix": true, "DFT": true, "STFT": true}

// modest reports whether inference bounds every value of m with the inputs that feedsFor makes. Where it cannot, operators that make much
// of little must not occur.
func modest(m *graph.Model) bool {
	c := m.Clone()
	for _, v := range c.Graph.Inputs {
		for i, d := range v.Type.Shape.Dims {
			if _, ok := d.Value(); !ok {
				v.Type.Shape.Dims[i] = graph.Const(2)
			}
		}
	}
	if _, err := schema.Infer(c, schema.InferOptions{Outputs: true}); err != nil {
		return false
	}
	known, grows, nodes := true, false, 0
	ok := true
	c.Walk(func(g *graph.Graph) {
		for n := range g.Nodes() {
			nodes++
			grows = grows || unbounded[n.ID.Op]
			for _, a := range n.Attrs {
				for _, x := range append(a.Ints, a.I) {
					ok = ok && x < 1<<12 && x > -1<<12
				}
			}
			for _, v := range n.Outputs() {
				if v == nil {
					continue
				}
				dims, all := v.Type.Shape.Ints()
				known = known && all
				if n, err := tensor.NumElements(dims); all && (err != nil || n > most) {
					ok = false
				}
			}
		}
		for _, v := range g.Inits {
			ok = ok && v.ConstBytes() < most
		}
	})
	return ok && nodes < 100 && (known || !grows || nodes < 4)
}

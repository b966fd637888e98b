package op_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
)

// spoil breaks a model at random: attributes, element types, shapes, inputs, operators.
func spoil(r *rand.Rand, m *graph.Model) {
	odd := []int64{-1 << 62, math.MinInt64, math.MaxInt64, -2, -1, 0, 1, 2, 3, 7, 64, 1 << 31, 1 << 40}
	number := func() int64 { return odd[r.IntN(len(odd))] }
	var values []*graph.Value
	values = append(values, m.Graph.Inputs...)
	var names []string
	for _, k := range op.Keys() {
		if k.Domain == "" {
			names = append(names, k.Name)
		}
	}
	walk(m.Graph, func(n *graph.Node) { values = append(values, n.Outputs()...) })
	shape := func() graph.Shape {
		s := graph.Shape{Known: r.IntN(5) > 0}
		for range r.IntN(6) {
			switch r.IntN(4) {
			case 0:
				s.Dims = append(s.Dims, graph.Unknown())
			case 1:
				s.Dims = append(s.Dims, graph.Sym(string(rune('a'+r.IntN(3)))))
			default:
				s.Dims = append(s.Dims, graph.Const(number()))
			}
		}
		if !s.Known {
			s.Dims = nil
		}
		return s
	}
	walk(m.Graph, func(n *graph.Node) {
		switch r.IntN(3) {
		case 0:
			if r.IntN(4) == 0 {
				n.ID.Op = names[r.IntN(len(names))]
			}
			for _, a := range n.Attrs {
				switch r.IntN(4) {
				case 0:
					a.I = number()
				case 1:
					for i := range a.Ints {
						a.Ints = append([]int64(nil), a.Ints...)
						a.Ints[i] = number()
					}
				case 2:
					a.Ints = append(append([]int64(nil), a.Ints...), number())
				case 3:
					a.Kind = graph.AttrKind(r.IntN(15))
				}
			}
		case 1:
			for i := range n.NumIn() {
				switch r.IntN(4) {
				case 0:
					n.SetIn(i, nil)
				case 1:
					n.SetIn(i, values[r.IntN(len(values))])
				}
			}
			if r.IntN(4) == 0 && n.NumIn() > 0 {
				n.DropInput()
			}
		}
	})
	for _, v := range m.Graph.Inputs {
		if r.IntN(3) == 0 {
			v.Type = graph.TensorType(tensor.DType(r.IntN(28)), shape())
		}
		if r.IntN(20) == 0 {
			v.Type = graph.Type{Kind: graph.Kind(r.IntN(7))}
		}
		if r.IntN(4) == 0 {
			ints := make([]int64, r.IntN(6))
			for i := range ints {
				ints[i] = number()
			}
			v.Const = tensor.Of(ints, int64(len(ints)))
			m.IRVersion = 3
		}
	}
}

// However a model is broken, every rule answers or refuses.
func TestBrokenModelsDoNotPanic(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	stopped, conflicts, findings := 0, 0, 0
	for _, archive := range nodeArchives[:3] {
		eachTest(t, archive, func(name string, files map[string][]byte) {
			for range 4 {
				m, err := onnxio.Decode(files["model.onnx"], onnxio.LoadOptions{Lenient: true})
				require.NoError(t, err)
				spoil(r, m)
				findings += len(op.Check(m))
				env := op.NewEnv(m, op.InferOptions{})
				report := env.Run()
				if env.Panics() > 0 {
					t.Errorf("%s: %v", name, report.Stopped)
				}
				stopped, conflicts = stopped+len(report.Stopped), conflicts+len(report.Conflicts)
			}
		})
	}
	t.Logf("%d values stopped, %d contradictions, %d findings", stopped, conflicts, findings)
}

// FuzzInfer feeds whatever the reader accepts to Check and Infer.
func FuzzInfer(f *testing.F) {
	for _, text := range []string{
		`g (float[N,3] x) => (float[N,3] y) { y = Relu (x) }`,
		`g (float[N,3] x) => (float[a,b] y) { s = Shape (x)  z = Constant <value_ints = [-1]> ()  r = Concat <axis = 0> (s, z)  y = Reshape (x, r) }`,
		`g (bool c, float[2] x) => (float[2] y) { y = If (c) <then_branch = t () => (float[2] a) { a = Relu (x) }, else_branch = e () => (float[2] b) { b = Abs (x) }> }`,
	} {
		f.Add([]byte(text), false)
	}
	f.Fuzz(func(t *testing.T, data []byte, binary bool) {
		slow := time.AfterFunc(10*time.Second, func() { panic("an input takes more than ten seconds") })
		defer slow.Stop()
		var m *graph.Model
		var err error
		if binary {
			m, err = onnxio.Decode(data, onnxio.LoadOptions{Lenient: true, External: onnxio.ExternalSkip})
		} else {
			m, err = graph.ParseModel(`<ir_version: 9, opset_import: ["" : 18]>`+string(data), graph.ParseOptions{})
		}
		if err != nil || m.Graph == nil {
			return
		}
		op.Check(m)
		env := op.NewEnv(m, op.InferOptions{})
		report := env.Run()
		require.Zero(t, env.Panics(), report.Stopped)
	})
}

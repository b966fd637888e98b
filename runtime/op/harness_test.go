package op

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
)

// heapMemory gives buffers with arbitrary contents, so that an element that Run forgets to write shows.
type heapMemory struct{}

func (heapMemory) Dynamic(n int) []byte { return heapMemory{}.Fresh(n) }

func (heapMemory) Fresh(n int) []byte {
	if int64(n) > maxTensorBytes {
		panic(&Failure{errors.New("beyond the memory of this test")})
	}
	b := AlignedBytes(n)
	for i := range b {
		b[i] = 0xa5
	}
	return b
}

// testNode is an operator with its attributes, as a test states it.
type testNode struct {
	domain, op string
	opset      int
	attrs      []*graph.Attr
	outs       int // 0: 1
	constants  bool
	pool       *kernel.Pool
}

// panicked is a panic that is no Failure: a bug.
type panicked struct{ text string }

func (p *panicked) Error() string { return p.text }

// run prepares and runs the node once, as a session would.
func (n testNode) run(in ...*tensor.Tensor) (out []*tensor.Tensor, err error) {
	return n.runPlanned(-1, in)
}

// runInto is run with output 0 in the buffer of a copy of input at.
func (n testNode) runInto(at int, in ...*tensor.Tensor) (*tensor.Tensor, error) {
	in = append([]*tensor.Tensor(nil), in...)
	in[at] = in[at].Clone()
	out, err := n.runPlanned(at, in)
	if err != nil {
		return nil, err
	}
	return out[0], nil
}

func (n testNode) runPlanned(into int, in []*tensor.Tensor) (out []*tensor.Tensor, err error) {
	defer func() {
		if v := recover(); v != nil {
			if f, ok := v.(*Failure); ok {
				err = f
				return
			}
			err = &panicked{fmt.Sprintf("%v\n%s", v, debug.Stack())}
		}
	}()
	g := graph.NewGraph("g")
	var ins, outs []*graph.Value
	for i, t := range in {
		if t == nil {
			ins = append(ins, nil)
			continue
		}
		ins = append(ins, g.AddInput(fmt.Sprint("x", i), graph.TypeOf(t)))
	}
	for i := range max(n.outs, 1) {
		outs = append(outs, &graph.Value{Name: fmt.Sprint("y", i)})
	}
	node := graph.NewNode(graph.OpID{Domain: n.domain, Op: n.op}, ins, outs, n.attrs...)
	g.Append(node)
	def := Lookup(n.domain, n.op, n.opset)
	if def == nil {
		return nil, errors.New("not in the table")
	}
	at := func(i int) *tensor.Tensor {
		if i < len(in) {
			return in[i]
		}
		return nil
	}
	p := &Prep{
		Node: node, Opset: n.opset, Pool: n.pool, Cache: &Cache{},
		Const: func(i int) *tensor.Tensor {
			if n.constants && i > 0 {
				return at(i)
			}
			return nil
		},
		Type: func(i int) graph.Type {
			if t := at(i); t != nil {
				return graph.TypeOf(t)
			}
			return graph.Type{}
		},
		OutType: func(int) graph.Type { return graph.Type{} },
		Sub:     func(*graph.Graph) (SubExec, error) { return nil, errors.New("no subgraphs here") },
	}
	exec, err := def.Prepare(p)
	if err != nil {
		return nil, err
	}
	c := &Call{Ctx: context.Background(), In: append([]*tensor.Tensor(nil), in...), Pool: n.pool, Mem: heapMemory{}, View: def.View}
	for _, i := range p.Dropped() {
		c.In[i] = nil
	}
	for range outs {
		c.Outs = append(c.Outs, Slot{Wanted: true, Escapes: true, InPlace: -1})
	}
	if into >= 0 {
		c.Outs[0] = Slot{Wanted: true, Planned: in[into].Bytes(), InPlace: into}
	}
	if err := exec.Run(c); err != nil {
		return nil, err
	}
	for i := range c.Outs {
		out = append(out, c.Outs[i].Value())
	}
	return out, nil
}

// mustRun runs the node with constant and with fed inputs, alone and in a pool, and wants the same bits from all threads counts.
func (n testNode) mustRun(t *testing.T, in ...*tensor.Tensor) []*tensor.Tensor {
	t.Helper()
	out, err := n.run(in...)
	require.NoError(t, err, "%s %v", n.op, in)
	pool := kernel.NewPool(3)
	defer pool.Close()
	n.pool = pool
	again, err := n.run(in...)
	require.NoError(t, err)
	for i := range out {
		if out[i] != nil {
			require.Equal(t, out[i].Bytes(), again[i].Bytes(), "%s: bits depend on threads", n.op)
		}
	}
	n.pool, n.constants = nil, true
	packed, err := n.run(in...)
	require.NoError(t, err)
	for i := range out {
		if out[i] != nil {
			require.NoError(t, near(packed[i], out[i], 1e-5), "%s with constant inputs", n.op)
		}
	}
	return out
}

func node(op string, opset int, attrs ...*graph.Attr) testNode {
	return testNode{op: op, opset: opset, attrs: attrs}
}

// near compares by the largest difference relative to the largest magnitude.
func near(got, want *tensor.Tensor, tol float64) error {
	if got == nil || got.Elem != want.Elem || !equalDims(got.Shape, want.Shape) {
		return fmt.Errorf("got %v, want %v", got, want)
	}
	if want.Elem == tensor.String {
		if fmt.Sprintf("%q", got.Strs) != fmt.Sprintf("%q", want.Strs) {
			return fmt.Errorf("got %q, want %q", got.Strs, want.Strs)
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
	return nearSlices(a, b, tol)
}

func nearSlices(a, b []float64, tol float64) error {
	if len(a) != len(b) {
		return fmt.Errorf("got %d values, want %d", len(a), len(b))
	}
	diff, top, at := 0.0, 0.0, 0
	for i := range b {
		if a[i] == b[i] || a[i] != a[i] && b[i] != b[i] {
			continue
		}
		d := abs(a[i] - b[i])
		if !(d < 1e300) {
			return fmt.Errorf("element %d: got %v, want %v", i, a[i], b[i])
		}
		if d > diff {
			diff, at = d, i
		}
		top = max(top, abs(b[i]))
	}
	if diff > tol*max(top, 1e-30) {
		return fmt.Errorf("element %d: got %v, want %v (of %v)", at, a[at], b[at], top)
	}
	return nil
}

// random is a tensor with values around 0 (or small integers) of any type that storeFloats can make.
func random(r *rand.Rand, e tensor.DType, dims ...int64) *tensor.Tensor {
	t := newTensor(e, dims)
	if e == tensor.String {
		for i := range t.Strs {
			t.Strs[i] = []byte(fmt.Sprint("s", r.IntN(4)))
		}
		return t
	}
	v := make([]float64, t.Len())
	for i := range v {
		switch {
		case e == tensor.Bool:
			v[i] = float64(r.IntN(2))
		case e.IsFloat():
			v[i] = r.NormFloat64()
		case unsigned.has(e):
			v[i] = float64(r.IntN(7))
		default:
			v[i] = float64(r.IntN(13) - 6)
		}
	}
	if err := storeFloats(t, v); err != nil {
		panic(err)
	}
	return t
}

// as is t converted to another type.
func as(t *tensor.Tensor, e tensor.DType) *tensor.Tensor {
	if t == nil {
		return nil
	}
	y := newTensor(e, t.Shape)
	if err := convert(y, t, narrowing{saturate: true, mode: "up"}, nil); err != nil {
		panic(err)
	}
	return y
}

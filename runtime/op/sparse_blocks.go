package op

import (
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/block"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
)

// sparseFunctions are the kernels for the functions of graph/block.
var sparseFunctions = FunctionDef{Domain: block.Domain, Prepare: prepareBlock}

var blockActs = map[block.Act]kernel.Act{
	block.Relu: kernel.ActRelu, block.Relu2: kernel.ActReluSquared, block.Gelu: kernel.ActGelu, block.GeluTanh: kernel.ActGeluTanh,
	block.Silu: kernel.ActSilu, block.QuickGelu: kernel.ActQuickGelu, block.Sigmoid: kernel.ActSigmoid, block.Tanh: kernel.ActTanh,
}

func prepareBlock(p *Prep, fn *graph.Function) (Exec, string, error) {
	call, reason := block.Match(p.Node, func(graph.OpID) *graph.Function { return fn })
	if reason != "" {
		return nil, reason, nil
	}
	r := &blockReader{p: p, call: call}
	var exec Exec
	switch call.Family {
	case block.SparseLinear:
		exec = r.sparseLinear()
	case block.TopKFFN:
		exec = r.topK()
	case block.MoEFFN:
		exec = r.moe()
	}
	if r.reason != "" {
		return nil, r.reason, nil
	}
	for i := 1; i < p.Node.NumIn(); i++ {
		p.Drop(i)
	}
	return exec, "", nil
}

// blockReader takes a call's weights; the first thing that does not fit is kept as the reason for running the body.
type blockReader struct {
	p      *Prep
	call   *block.Call
	reason string
	taken  []*tensor.Tensor
}

// packed gives back the memory of a weight that has been packed.
func (r *blockReader) packed(w []float32) {
	for _, t := range r.taken {
		if data := tensor.Data[float32](t); len(w) > 0 && len(data) > 0 && &data[0] == &w[0] {
			release(t)
		}
	}
}

func (r *blockReader) fail(format string, args ...any) {
	if r.reason == "" {
		r.reason = fmt.Sprintf(format, args...)
	}
}

// weight is the constant given for a formal input, which must have the given dims; a negative one is any.
func (r *blockReader) weight(name string, dims ...int) (data []float32, shape []int64) {
	t := r.constant(name, tensor.Float32, len(dims))
	if t == nil {
		return nil, make([]int64, len(dims))
	}
	for i, d := range dims {
		if d >= 0 && t.Shape[i] != int64(d) {
			r.fail("%s has shape %v, want %v", name, t.Shape, dims)
			return nil, make([]int64, len(dims))
		}
	}
	r.taken = append(r.taken, t)
	return tensor.Data[float32](t), t.Shape
}

func (r *blockReader) constant(name string, elem tensor.DType, rank int) *tensor.Tensor {
	for i := range r.p.Node.NumIn() {
		if r.p.Node.In(i) == r.call.In(name) {
			t := r.p.Const(i)
			switch {
			case t == nil:
				r.fail("%s is not constant", name)
			case t.Elem != elem || len(t.Shape) != rank:
				r.fail("%s is %s%v, want %s of rank %d", name, t.Elem, t.Shape, elem, rank)
			default:
				return t
			}
			return nil
		}
	}
	r.fail("%s is not given", name)
	return nil
}

func (r *blockReader) topK() Exec {
	c := r.call
	s := kernel.FFNSpec{Act: blockActs[c.Act]}
	up, dims := r.weight("up", -1, -1)
	s.Up, s.In, s.Hidden = up, int(dims[0]), int(dims[1])
	s.UpBias, _ = r.weight("up_bias", s.Hidden)
	if c.Gated {
		s.Gate, _ = r.weight("gate", s.In, s.Hidden)
		s.GateBias, _ = r.weight("gate_bias", s.Hidden)
	}
	s.Down, dims = r.weight("down", s.Hidden, -1)
	s.Out = int(dims[1])
	s.OutBias, _ = r.weight("down_bias", s.Out)
	rule := kernel.KeepRule{K: int(c.K), Threshold: c.Threshold,
		On:   map[block.On]kernel.KeepOn{block.OnHidden: kernel.KeepHidden, block.OnGate: kernel.KeepGate, block.OnSigned: kernel.KeepGateSigned}[c.On],
		Kind: map[block.Keep]kernel.KeepKind{block.KeepExact: kernel.KeepExact, block.KeepThreshold: kernel.KeepThreshold, block.KeepStat: kernel.KeepStat}[c.Keep]}
	if rule.Kind == kernel.KeepExact && rule.K > s.Hidden {
		r.fail("k is %d, there are %d hidden values", rule.K, s.Hidden)
	}
	if r.reason != "" {
		return nil
	}
	s.UpBias, s.GateBias, s.OutBias = keepBias(s.UpBias), keepBias(s.GateBias), keepBias(s.OutBias)
	s.WholeUp = rule.WholeUp(s.In, s.Hidden)
	if err := s.Check(); err != nil {
		r.fail("%v", err)
		return nil
	}
	s.Packed = r.packed
	ffn := kernel.NewFFN(s)
	return rowExec{in: s.In, out: s.Out, run: func(m int, x, y []float32, p *kernel.Pool) { ffn.TopK(m, x, y, rule, p) }}
}

func (r *blockReader) moe() Exec {
	c := r.call
	s := kernel.MoESpec{Act: blockActs[c.Act], K: int(c.K)}
	up, dims := r.weight("up", -1, -1, -1)
	s.Up, s.E, s.In, s.Hidden = up, int(dims[0]), int(dims[1]), int(dims[2])
	s.UpBias, _ = r.weight("up_bias", s.E, s.Hidden)
	if c.Gated {
		s.Gate, _ = r.weight("gate", s.E, s.In, s.Hidden)
		s.GateBias, _ = r.weight("gate_bias", s.E, s.Hidden)
	}
	s.Down, dims = r.weight("down", s.E, s.Hidden, -1)
	s.Out = int(dims[2])
	s.OutBias, _ = r.weight("down_bias", s.Out)
	s.Router, _ = r.weight("router", s.In, s.E)
	s.RouterBias, _ = r.weight("router_bias", s.E)
	if c.Mean {
		s.Mean, _ = r.weight("mean", s.E, s.Out)
	}
	if c.Shared {
		s.SharedUp, dims = r.weight("shared_up", s.In, -1)
		s.Shared = int(dims[1])
		s.SharedUpBias, _ = r.weight("shared_up_bias", s.Shared)
		if c.Gated {
			s.SharedGate, _ = r.weight("shared_gate", s.In, s.Shared)
			s.SharedGateBias, _ = r.weight("shared_gate_bias", s.Shared)
		}
		s.SharedDown, _ = r.weight("shared_down", s.Shared, s.Out)
	}
	if s.K < 1 || s.K > s.E {
		r.fail("k is %d, there are %d experts", s.K, s.E)
	}
	if c.Form == block.Unrolled && c.Experts != s.E {
		r.fail("the body is unrolled for %d experts, the weights have %d", c.Experts, s.E)
	}
	if r.reason != "" {
		return nil
	}
	s.UpBias, s.GateBias, s.OutBias, s.RouterBias = keepBias(s.UpBias), keepBias(s.GateBias), keepBias(s.OutBias), keepBias(s.RouterBias)
	if err := s.Check(); err != nil {
		r.fail("%v", err)
		return nil
	}
	moe := kernel.NewMoE(s)
	return rowExec{in: s.In, out: s.Out, run: func(m int, x, y []float32, p *kernel.Pool) { moe.Run(m, x, y, p) }}
}

// keepBias is nil for a bias of zeros, which kernels skip, and a copy otherwise: the original may lie in a mapped file.
func keepBias(b []float32) []float32 {
	for _, v := range b {
		if v != 0 {
			return append([]float32(nil), b...)
		}
	}
	return nil
}

func (r *blockReader) sparseLinear() Exec {
	in, out := int(r.call.Dims[0]), int(r.call.Dims[1])
	index := r.constant("index", tensor.Int32, 1)
	value := r.constant("value", tensor.Float32, 1)
	var bias []float32
	if r.call.Bias {
		bias, _ = r.weight("bias", out)
	}
	if r.reason != "" {
		return nil
	}
	if index.Shape[0] != value.Shape[0] {
		r.fail("there are %d indices for %d values", index.Shape[0], value.Shape[0])
		return nil
	}
	a, reason := csrOf(in, out, tensor.Data[int32](index), tensor.Data[float32](value))
	if reason != "" {
		r.fail("%s", reason)
		return nil
	}
	e := newSparseLinear(a, keepBias(bias), r.p.Pool)
	return rowExec{in: in, out: out, run: e.run}
}

// sparseLinear keeps the matrix in the forms that are the fastest for some number of rows: by its non-zeros, packed dense, or both.
type sparseLinear struct {
	csr   *kernel.CSR
	dense *kernel.PackedB
	bias  []float32
}

func newSparseLinear(a *kernel.CSR, bias []float32, p *kernel.Pool) *sparseLinear {
	e := &sparseLinear{bias: bias}
	for m := 1; m <= 16; m++ {
		if kernel.SparseWorthIt(a.Rows, a.Cols, a.NNZ(), m) {
			e.csr = a
		} else if e.dense == nil {
			w := make([]float32, a.Rows*a.Cols)
			a.Dense(w)
			e.dense = kernel.PackB(a.Cols, a.Rows, w, a.Cols, true, p)
		}
	}
	return e
}

func (e *sparseLinear) run(m int, x, y []float32, p *kernel.Pool) {
	if e.csr == nil || e.dense != nil && !kernel.SparseWorthIt(e.csr.Rows, e.csr.Cols, e.csr.NNZ(), m) {
		kernel.Gemm(m, x, e.dense.K, e.dense, y, e.dense.N, false, &kernel.Epilogue{Bias: e.bias}, p)
		return
	}
	kernel.CSRGemm(y, e.csr, x, m, p)
	if e.bias != nil {
		n := e.csr.Rows
		for t := range m {
			row := y[t*n : (t+1)*n]
			kernel.Add(row, row, e.bias)
		}
	}
}

// csrOf is the transposed matrix [out, in] by rows, from ascending positions in the [in, out] matrix.
func csrOf(in, out int, index []int32, value []float32) (*kernel.CSR, string) {
	a := &kernel.CSR{Rows: out, Cols: in, RowPtr: make([]int32, out+1), Col: make([]int32, len(index)), Val: make([]float32, len(index))}
	last := int32(-1)
	for _, i := range index {
		if i <= last || int64(i) >= int64(in)*int64(out) {
			return nil, "index is not ascending within the matrix"
		}
		last = i
		a.RowPtr[int(i)%out+1]++
	}
	for r := range out {
		a.RowPtr[r+1] += a.RowPtr[r]
	}
	next := append([]int32(nil), a.RowPtr[:out]...)
	for k, i := range index {
		r := int(i) % out
		a.Col[next[r]], a.Val[next[r]] = i/int32(out), value[k]
		next[r]++
	}
	return a, ""
}

// rowExec applies a block to each row of x [..., in], giving [..., out].
type rowExec struct {
	in, out int
	run     func(m int, x, y []float32, p *kernel.Pool)
}

// Run implements Exec.
func (e rowExec) Run(c *Call) error {
	x := c.In[0]
	rank := len(x.Shape)
	if x.Elem != tensor.Float32 || rank == 0 || x.Shape[rank-1] != int64(e.in) {
		return fmt.Errorf("x is %s%v, want float[..., %d]", x.Elem, x.Shape, e.in)
	}
	shape := append(append(make([]int64, 0, 8), x.Shape[:rank-1]...), int64(e.out))
	y := c.Out(0, tensor.Float32, shape...)
	if m := x.Len() / max(e.in, 1); m > 0 {
		e.run(m, tensor.Data[float32](x), tensor.Data[float32](y), c.Pool)
	}
	return nil
}

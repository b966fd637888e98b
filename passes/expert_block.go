package passes

import (
	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/block"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/sparsify"
)

// install writes the block: stacked weights of the experts, padded where sizes differ with neurons whose outgoing weights are zero.
func (p *expertPlan) install(m *graph.Model) (string, error) {
	o, f := p.opt, p.f
	v := block.Variant{Family: block.MoEFFN, Gated: f.Gated(), Act: f.Act, Form: o.Body, Mean: p.mean.Rows > 0, Shared: o.Shared > 0}
	if o.Body == block.Unrolled {
		v.Experts = p.experts.E
	}
	id, err := block.Install(m, v)
	if err != nil {
		return err.Error(), nil
	}
	g := m.Graph
	init := func(name string, data []float32, shape ...int64) *graph.Value {
		return g.AddInit(f.Name+"/"+name, tensor.Of(data, shape...))
	}
	e, in, out, size := int64(p.experts.E), int64(f.In), int64(f.Out), int64(p.experts.MaxSize())
	if p.router == nil { // every expert runs: any router will do
		p.router = &sparsify.Router{W: sparsify.NewMatrix(f.In, p.experts.E), B: make([]float32, p.experts.E)}
	}
	weights := []*graph.Value{init("router", p.router.W.Data, in, e), init("router_bias", p.router.B, e)}
	var shared []*graph.Value
	always := p.experts.Members(sparsify.Shared)
	for _, l := range f.Linears()[:len(f.Linears())-1] {
		name, w := "up", p.up
		if l == f.Gate {
			name, w = "gate", p.gate
		}
		b, err := l.BiasVector()
		if err != nil {
			return "", err
		}
		stack, bias := p.stackIn(w, b)
		weights = append(weights, init(name, stack, e, in, size), init(name+"_bias", bias, e, size))
		if o.Shared > 0 {
			part, err := w.SelectCols(always)
			if err != nil {
				return "", err
			}
			shared = append(shared, init("shared_"+name, part.Data, in, int64(len(always))), init("shared_"+name+"_bias", selected(b, always), int64(len(always))))
		}
	}
	weights = append(weights, init("down", p.stackOut(), e, size, out), init("down_bias", p.bias, out))
	if v.Mean {
		weights = append(weights, init("mean", p.mean.Data, e, out))
	}
	if o.Shared > 0 {
		part, err := p.down.SelectRows(always)
		if err != nil {
			return "", err
		}
		weights = append(append(weights, shared...), init("shared_down", part.Data, int64(len(always)), out))
	}
	return "", f.replace(m, "split-experts", id, weights, block.CountAttr(m.Opset(""), "k", int64(o.Active-o.Shared)))
}

// stackIn is [E, in, size] of the columns of w and [E, size] of the bias, expert by expert.
func (p *expertPlan) stackIn(w sparsify.Matrix, b []float32) (stack, bias []float32) {
	size := p.experts.MaxSize()
	stack, bias = make([]float32, p.experts.E*w.Rows*size), make([]float32, p.experts.E*size)
	for e := range p.experts.E {
		for j, n := range p.experts.Members(e) {
			for i := range w.Rows {
				stack[(e*w.Rows+i)*size+j] = w.Data[i*w.Cols+n]
			}
			bias[e*size+j] = b[n]
		}
	}
	return stack, bias
}

// stackOut is [E, size, out] of the rows of the down projection.
func (p *expertPlan) stackOut() []float32 {
	size, out := p.experts.MaxSize(), p.down.Cols
	stack := make([]float32, p.experts.E*size*out)
	for e := range p.experts.E {
		for j, n := range p.experts.Members(e) {
			copy(stack[(e*size+j)*out:], p.down.Row(n))
		}
	}
	return stack
}

func (p *expertPlan) describe(row *Row) {
	o, f := p.opt, p.f
	share := float64(o.Active) / float64(o.Experts)
	row.FLOPsAfter = int64(share * float64(row.FLOPsBefore))
	row.WeightsAfter = row.WeightsBefore
	if o.Active < o.Experts {
		row.FLOPsAfter += 2 * int64(f.In) * int64(p.experts.E)
		row.WeightsAfter += int64(len(p.router.W.Data)+len(p.router.B)) + int64(len(p.mean.Data))
	}
	row.Details = append(row.Details, Detail{"experts", float64(o.Experts)}, Detail{"active", float64(o.Active)}, Detail{"shared", float64(o.Shared)})
	row.Details = append(row.Details, p.details...)
}

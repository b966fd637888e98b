package op

import (
	"fmt"
	"math"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
)

// prepareFlexAttention is attention whose scores and probabilities go through subgraphs.
func prepareFlexAttention(p *Prep) (Exec, error) {
	a := p.Attrs()
	scale := a.Float("scale", 0)
	if e := a.Int("softmax_precision", int64(tensor.Float32)); e != int64(tensor.Float32) {
		return nil, fmt.Errorf("attribute softmax_precision: %w", errElem(tensor.DType(e)))
	}
	var mods [2]SubExec
	for i, name := range []string{"score_mod", "prob_mod"} {
		var g *graph.Graph
		if g = a.Graph(name); g == nil {
			continue
		}
		if len(g.Inputs) != 1 || len(g.Outputs) != 1 {
			return nil, fmt.Errorf("%s has %d inputs and %d outputs", name, len(g.Inputs), len(g.Outputs))
		}
		var err error
		if mods[i], err = p.Sub(g); err != nil {
			return nil, err
		}
	}
	return ExecFunc(func(c *Call) error {
		q, k, v := c.In[0], c.In[1], c.In[2]
		if len(q.Shape) != 4 || len(k.Shape) != 4 || len(v.Shape) != 4 {
			return fmt.Errorf("shapes are %v, %v, %v, want rank 4", q.Shape, k.Shape, v.Shape)
		}
		b, hq, l, d := int(q.Shape[0]), int(q.Shape[1]), int(q.Shape[2]), int(q.Shape[3])
		hk, s, dv := int(k.Shape[1]), int(k.Shape[2]), int(v.Shape[3])
		if int(k.Shape[0]) != b || int(v.Shape[0]) != b || int(v.Shape[1]) != hk || int(v.Shape[2]) != s || int(k.Shape[3]) != d || hk == 0 || hq%hk != 0 {
			return fmt.Errorf("shapes %v, %v, %v do not fit", q.Shape, k.Shape, v.Shape)
		}
		f := scale
		if f == 0 {
			f = float32(1 / math.Sqrt(float64(d)))
		}
		scores := tensor.Zeros(tensor.Float32, int64(b), int64(hq), int64(l), int64(s))
		rows := hq / hk * l // of the queries that share a key head
		qv, kv, vv := single(q), single(k), single(v)
		for i := range b * hk {
			if rows*s*d > 0 {
				kernel.GemmUnpacked(rows, s, d, qv[i*rows*d:], d, false, kv[i*s*d:], d, true, f, tensor.Data[float32](scores)[i*rows*s:], s, 0, c.Pool, nil)
			}
		}
		mod := func(sub SubExec) error {
			if sub == nil {
				return nil
			}
			res, err := sub.Run(c, []*tensor.Tensor{scores})
			if err != nil {
				return err
			}
			if res[0].Elem != tensor.Float32 || !equalDims(res[0].Shape, scores.Shape) {
				return fmt.Errorf("a modifier gave %s%v for scores %v", res[0].Elem, res[0].Shape, scores.Shape)
			}
			scores = res[0]
			return nil
		}
		if err := mod(mods[0]); err != nil {
			return err
		}
		if s > 0 {
			probs := tensor.Zeros(tensor.Float32, scores.Shape...)
			kernel.Softmax(tensor.Data[float32](probs), tensor.Data[float32](scores), b*hq*l, s, c.Pool)
			scores = probs
		}
		if err := mod(mods[1]); err != nil {
			return err
		}
		y := c.Out(0, q.Elem, q.Shape[0], q.Shape[1], q.Shape[2], v.Shape[3])
		out := singleOut(y)
		clear(out)
		for i := range b * hk {
			if rows*s*dv > 0 {
				kernel.GemmUnpacked(rows, dv, s, tensor.Data[float32](scores)[i*rows*s:], s, false, vv[i*s*dv:], dv, false, 1, out[i*rows*dv:], dv, 0, c.Pool, nil)
			}
		}
		singleDone(y, out)
		return nil
	}), nil
}

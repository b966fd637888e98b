package main

import (
	"fmt"
	"math/rand/v2"
	"runtime/debug"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/block"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime"
)

// wholeModel is the most bytes of weights that a model is run whole with for a check: running takes about as much memory again.
var wholeModel = int64(1 << 30)

// blockTokens is how many random tokens a block of a larger model is checked on.
const blockTokens = 16

// weightBytes is the bytes of a model's tensors.
func weightBytes(m *graph.Model) (n int64) {
	tensorsOf(m, func(t *tensor.Tensor) {
		if s := t.Storage(); s != nil {
			n += s.Len()
		}
	})
	return n
}

// runAlone compares the blocks that m does not have one by one, on random inputs, so that no more than one of them is in memory.
func (c *checks) runAlone(a *app, m, out *graph.Model, seed uint64) error {
	had := map[string]bool{}
	for _, call := range blockCalls(m) {
		had[call.Node.Label()] = true
	}
	rnd := rand.New(rand.NewPCG(seed, 2))
	for _, call := range blockCalls(out) {
		if had[call.Node.Label()] {
			continue
		}
		vals := runtime.Fetches{}
		for _, v := range call.Node.Inputs() {
			if v == nil || v.IsConst() {
				continue
			}
			width := blockWidth(call)
			if v != call.In("x") || width <= 0 {
				c.NotRun += fmt.Sprintf("; block %q is not checked, for its operand %q is computed", call.Node.Label(), v.Name)
				vals = nil
				break
			}
			data := make([]float32, blockTokens*width)
			for i := range data {
				data[i] = float32(rnd.NormFloat64())
			}
			vals[v.Name] = tensor.Of(data, blockTokens, width)
		}
		if vals == nil {
			continue
		}
		b := blockCheck{}
		if err := b.compare(a.ctx, out, call, vals); err != nil {
			if a.ctx.Err() != nil {
				return a.ctx.Err()
			}
			b.Error = err.Error()
		}
		b.Node = call.Node.Label()
		c.Blocks = append(c.Blocks, b)
	}
	debug.FreeOSMemory()
	return nil
}

// blockWidth is how many numbers a token has where it enters the block; 0: nothing tells.
func blockWidth(call *block.Call) int64 {
	if call.Family == block.SparseLinear {
		return call.Dims[0]
	}
	for _, name := range []string{"up", "router"} {
		if w := call.In(name); w != nil && w.Const != nil && len(w.Const.Shape) == 2 {
			return w.Const.Shape[0]
		}
	}
	return 0
}

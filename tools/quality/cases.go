package main

import (
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph/block"
	"github.com/onnx-rewrite/onnx-rewrite/passes"
)

// testCase is one row: a rewrite by the method of a reference row. Without passes the model is measured as it is.
type testCase struct {
	Model, Method, Setting string
	Note                   string // what differs from the method as published
	passes                 []passes.Pass
	// same says that the reference computes the very same function, so that the nats must be equal.
	same bool
	// shown says that the ratio is shown and not judged.
	shown bool
}

// cases lists all rows, in the order in which they are printed.
func cases() []testCase {
	var list []testCase
	for _, m := range []string{"charlm_demo", "charlm_relu", "charlm_gelu", "charlm_swiglu", "charlm_swiglu_gate8"} {
		list = append(list, testCase{Model: m, Method: "dense", Setting: "-", same: true})
	}
	z := 1.40507
	list = append(list, testCase{Model: "charlm_swiglu_gate8", Method: "stat-topk/gate signed", Setting: "z=1.40507", same: true,
		passes: []passes.Pass{passes.TopKFFN(passes.TopKOptions{Rule: block.KeepStat, On: block.OnSigned, Value: &z})}})
	for _, m := range []string{"charlm_relu", "charlm_gelu", "charlm_swiglu"} {
		one := func(method, setting string, same bool, p passes.Pass) {
			list = append(list, testCase{Model: m, Method: method, Setting: setting, same: same, passes: []passes.Pass{p}})
		}
		for _, removed := range []int{25, 50} {
			keep := 1 - float64(removed)/100
			one("struct/energy/ls", fmt.Sprintf("remove %d%%", removed), false, passes.PruneNeurons(passes.PruneOptions{Keep: keep}))
			one("struct/obs-greedy/ls", fmt.Sprintf("remove %d%%", removed), false,
				passes.PruneNeurons(passes.PruneOptions{Keep: keep, Score: passes.ScoreOBS}))
		}
		for _, kept := range []int{50, 25, 8} {
			one("topk-exact/|h|/none", fmt.Sprintf("keep %d%%", kept), false, passes.TopKFFN(passes.TopKOptions{Keep: float64(kept) / 100}))
		}
		one("threshold/|h|/none", "keep 25%", false, passes.TopKFFN(passes.TopKOptions{Keep: 0.25, Rule: block.KeepThreshold}))
		for _, active := range []int{4, 8} {
			setting := fmt.Sprintf("E=16 k=%d", active)
			one("moe/coact/ridge/mls", setting, false, passes.SplitExperts(passes.MoEOptions{Experts: 16, Active: active}))
			list[len(list)-1].Note = "clustered by weights, the default"
			one("moe/coact/ridge/mls", setting, false, passes.SplitExperts(passes.MoEOptions{Experts: 16, Active: active, Split: passes.SplitCoact}))
			// Clusters of activations depend on their random start, and the reference's start is not ours.
			list[len(list)-1].shown = true
		}
		one("weights/magnitude", "50%", false, passes.ApplyMask(passes.MaskOptions{Density: 0.5}))
		one("weights/magnitude", "2:4", false, passes.ApplyMask(passes.MaskOptions{Pattern: "2:4"}))
	}
	return list
}

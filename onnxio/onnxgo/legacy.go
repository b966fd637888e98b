package onnxgo

import (
	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// imageScaler is an experimental operator of ONNX 1.0 to 1.4, which the schemas no longer list and Tiny YOLO v2 begins with.
const imageScaler = "ImageScaler"

// expandLegacy replaces ImageScaler by what it means: y = x * scale + bias[channel], of a float input [N, C, H, W].
func expandLegacy(g *graph.Graph) {
	for n := range g.Nodes() {
		if !n.Is(imageScaler) {
			continue
		}
		bias := n.Attrs.Floats("bias")
		scale := g.AddInit("scale", tensor.Scalar(n.Attrs.Float("scale", 1)))
		shift := g.AddInit("bias", tensor.Of(append([]float32(nil), bias...), int64(len(bias)), 1, 1))
		scaled := g.NewValue("scaled", graph.Type{})
		g.InsertBefore(graph.NewNode(graph.OpID{Op: "Mul"}, []*graph.Value{n.In(0), scale}, []*graph.Value{scaled}), n)
		y := n.Out(0)
		n.MoveOutput(0, g.NewValue("unused", graph.Type{}))
		g.InsertBefore(graph.NewNode(graph.OpID{Op: "Add"}, []*graph.Value{scaled, shift}, []*graph.Value{y}), n)
		g.Remove(n)
	}
}

package onnxio

import (
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

const ort = "ONNX Runtime"

// reader is what one release of a tool is known to read. Zero: no limit is known.
type reader struct {
	tool, version string
	minOpset      int64
	maxOpset      int64 // of the default domain
	maxIR         int64
	source        string // where the fact is from
}

// readers is the table of versions: of one tool the newest release first. Facts only, each with its source.
var readers = []reader{
	{ort, "1.32", 7, 28, 14, "loading models of each version; docs/Versioning.md for the lowest"},
	{ort, "1.20", 0, 0, 10, "microsoft/onnxruntime#23602"},
	{ort, "1.17", 0, 0, 9, "microsoft/onnxruntime#20559"},
	{ort, "1.14", 0, 0, 8, "microsoft/onnxruntime#15874"},
	{"onnx", "1.23", 0, 28, 14, "onnx.helper.VERSION_TABLE"},
	{"onnx", "1.22", 0, 27, 13, "onnx.helper.VERSION_TABLE"},
	{"TensorRT", "11", 9, 25, 0, "docs.nvidia.com, TensorRT: ONNX Opset Guide"},
	{"MIGraphX", "7.2", 0, 19, 0, "rocm.docs.amd.com, AMDMIGraphX 7.2.2: Supported ONNX Operators"},
	{"tract", "(its test suite)", 9, 24, 0, "sonos/tract, the ONNX releases that its suite replays"},
}

// typeLimit is a tool that does not take some element types, and whether that is all of the tool or a part of it.
type typeLimit struct {
	tool    string
	types   []tensor.DType
	what    string
	warning bool
	source  string
}

var typeLimits = []typeLimit{
	{ort + " 1.32", []tensor.DType{tensor.Complex64, tensor.Complex128}, "has no such type: the model does not load", true, "loading a model of each type"},
	{ort + " 1.32", []tensor.DType{tensor.Float6E2M3, tensor.Float6E3M2}, "refuses the type in its checks", true, "loading a model of each type"},
	{ort + " on CPU", []tensor.DType{tensor.BFloat16}, "has hardly any kernels for it on CPU", true, "exported models, autumn 2026"},
	{ort + " 1.32 on CPU", []tensor.DType{tensor.Uint4, tensor.Int4, tensor.Uint2, tensor.Int2, tensor.Float4E2M1, tensor.Float8E8M0},
		"has kernels of few operators for it on CPU (none of Identity)", false, "loading a model of each type"},
	{"MIGraphX 7.2", []tensor.DType{tensor.String, tensor.Complex64, tensor.Complex128, tensor.BFloat16, tensor.Uint2, tensor.Int2, tensor.Float4E2M1,
		tensor.Float8E8M0, tensor.Float6E2M3, tensor.Float6E3M2}, "does not list it among its types", false, "rocm.docs.amd.com, AMDMIGraphX 7.2.2: Supported ONNX Operators"},
	{"onnx-graphsurgeon 0.6.1", []tensor.DType{tensor.Float8E4M3FNUZ}, "writes it under another type's number", true, "NVIDIA/TensorRT#4856"},
	{"Polygraphy lint", []tensor.DType{tensor.BFloat16, tensor.Float8E4M3FN, tensor.Float8E4M3FNUZ, tensor.Float8E5M2, tensor.Float8E5M2FNUZ}, "leaves it out", false, "its documentation"},
	{"onnx-gomlx 0.5", []tensor.DType{tensor.Uint4, tensor.Int4, tensor.Uint2, tensor.Int2, tensor.Float4E2M1, tensor.Float8E4M3FN, tensor.Float8E4M3FNUZ,
		tensor.Float8E5M2, tensor.Float8E5M2FNUZ, tensor.Float8E8M0}, "has no such type (of the narrow ones it knows int8)", false, "its source"},
}

// versions compares the model's IR version and opset with what tools read. Of each tool the newest release that refuses is named: older
// ones do as well. It is a warning when no release that is known of takes the model.
func (l *linter) versions() {
	opset, ir := l.m.Opset(""), l.m.IRVersion
	told := map[string]bool{}
	newest := map[string]string{}
	for _, r := range readers {
		first := newest[r.tool] == ""
		if first {
			newest[r.tool] = r.version
		}
		name := r.tool + " " + r.version
		older := name + " and older"
		severity := graph.Info
		if first {
			severity = graph.Warning
		}
		if key := r.tool + "ir"; r.maxIR > 0 && ir > r.maxIR && !told[key] {
			told[key] = true
			l.add("tool-ir", severity, older, "model", fmt.Sprintf("lower ir_version to %d, if nothing newer is used", r.maxIR), "IR version %d: %s read up to %d (%s)", ir, older, r.maxIR, r.source)
		}
		if key := r.tool + "opset"; r.maxOpset > 0 && opset > r.maxOpset && !told[key] {
			told[key] = true
			l.add("tool-opset", severity, older, "model", fmt.Sprintf("convert to opset %d", r.maxOpset), "opset %d: %s know up to %d (%s)", opset, older, r.maxOpset, r.source)
		}
		if opset > 0 && opset < r.minOpset && first {
			l.add("tool-opset-old", severity, name, "model", fmt.Sprintf("convert to opset %d", r.minOpset), "opset %d: %s is only held to opset %d and newer (%s)", opset, name, r.minOpset, r.source)
		}
	}
}

// types looks for element types that tools do not take, in the types and tensors of the whole model.
func (l *linter) types() {
	at := map[tensor.DType]string{} // the first value of the type
	count := map[tensor.DType]int{}
	see := func(name string, d tensor.DType) {
		if count[d]++; count[d] == 1 {
			at[d] = name
		}
	}
	l.m.Walk(func(g *graph.Graph) {
		for _, v := range g.Inputs {
			see(v.Name, v.Type.Elem)
		}
		for _, v := range g.Inits {
			if v.Const != nil {
				see(v.Name, v.Const.Elem)
			}
		}
		for n := range g.Nodes() {
			for _, v := range n.Outputs() {
				if v != nil {
					see(v.Name, v.Type.Elem)
				}
			}
			for _, a := range n.Attrs {
				if a.T != nil {
					see(n.Label(), a.T.Elem)
				}
			}
		}
	})
	for _, limit := range typeLimits {
		severity := graph.Info
		if limit.warning {
			severity = graph.Warning
		}
		for _, d := range limit.types {
			if count[d] > 0 {
				l.add("tool-type", severity, limit.tool, fmt.Sprintf("value %q", at[d]), "", "%s, in %d places: %s %s (%s)", d, count[d], limit.tool, limit.what, limit.source)
			}
		}
	}
}

package onnxio

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// knownDomains have operators that runtimes bring along.
var knownDomains = map[string]string{
	"": "", "ai.onnx.ml": "", "ai.onnx.training": "", "ai.onnx.preview.training": "",
	"com.microsoft": "ONNX Runtime", "com.microsoft.nchwc": "ONNX Runtime", "com.ms.internal.nhwc": "ONNX Runtime",
}

// codeOps run code that the model, or a file beside it, brings.
var codeOps = map[string]string{
	"ai.onnx.contrib.PyOp": "calls Python functions of the process", "com.microsoft.EPContext": "hands a compiled program to a driver", "com.microsoft.PythonOp": "calls Python functions by name",
	"ai.onnx.contrib.PyCustomOp": "calls Python functions of the process", "org.pytorch.aten.ATen": "calls functions of PyTorch by name", "com.microsoft.ExternalGraph": "runs another model",
}

// operators looks at what the nodes are.
func (r *review) operators(m *graph.Model) {
	foreign := map[string]map[string]int{}
	local := map[graph.OpID]bool{}
	for _, f := range m.Functions {
		id := f.ID.Canonical()
		local[id] = true
		_, known := knownDomains[id.Domain]
		if !known || id.Op == "" {
			continue
		}
		bare := id
		bare.Overload = ""
		if r.opt.Standard == nil || r.opt.Standard(bare) {
			r.add(graph.Warning, "shadow", "function "+quote(id.String()), "rename it, with a domain of its own",
				"has the name of a standard operator: runtimes differ in which of the two they run, so checks of one say nothing of the other")
		}
	}
	m.Walk(func(g *graph.Graph) {
		for n := range g.Nodes() {
			id := n.ID.Canonical()
			id.Overload = ""
			if why := codeOps[id.String()]; why != "" {
				r.add(graph.Warning, "code", nodePlace(n), "run it only if you trust who made it", "%s %s", quote(id.String()), why)
			}
			if a := n.Attrs.Get("ep_cache_context"); a != nil && n.Attrs.Int("embed_mode", 1) == 0 {
				r.add(graph.Warning, "external-program", nodePlace(n), "", "names the file %s, which the runtime opens without this program's rules", quote(string(a.S)))
			}
			if !local[n.ID.Canonical()] && !local[id] {
				domain := id.Domain
				if runtime, known := knownDomains[domain]; !known || runtime != "" || r.opt.Standard != nil && !r.opt.Standard(id) {
					if foreign[domain] == nil {
						foreign[domain] = map[string]int{}
					}
					foreign[domain][id.Op]++
				}
			}
			r.bomb(n)
		}
		for _, v := range g.Inits {
			if v.Sparse != nil {
				r.sparseBomb("initializer "+quote(v.Name), v.Sparse)
			}
		}
	})
	for _, domain := range sortedKeys(foreign) {
		r.foreign(domain, foreign[domain])
	}
}

func (r *review) foreign(domain string, ops map[string]int) {
	var names []string
	total := 0
	for _, op := range sortedKeys(ops) {
		total += ops[op]
		names = append(names, quote(op))
	}
	if len(names) > 8 {
		names = append(names[:8], fmt.Sprintf("and %d more", len(names)-8))
	}
	list := strings.Join(names, ", ")
	runtime, known := knownDomains[domain]
	switch {
	case runtime != "":
		r.add(graph.Info, "runtime-operators", "domain "+quote(domain), "", "%d nodes (%s) need %s", total, list, runtime)
	case known:
		r.add(graph.Warning, "unknown-operators", "domain "+quote(domain), "find out where they come from", "%d nodes (%s) are of a standard domain that does not have them", total, list)
	default:
		r.add(graph.Warning, "custom-operators", "domain "+quote(domain), "load custom operator libraries only from who you trust", "%d nodes (%s) need code from elsewhere to run", total, list)
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

func nodePlace(n *graph.Node) string { return "node " + quote(n.Label()) }

// bombSize is the size from which a tensor that a node makes out of little is worth a word.
const bombSize = 1 << 30

// bomb finds nodes that make a tensor of more than a gigabyte from constants.
func (r *review) bomb(n *graph.Node) {
	size := func(dims []int64, bits int, ok bool) {
		if !ok {
			return
		}
		for _, d := range dims {
			if d < 0 {
				return
			}
		}
		elements, err := tensor.NumElements(dims)
		bytes := float64(elements) * float64(max(bits, 8)) / 8
		if err != nil {
			bytes = math.Inf(1)
		}
		if bytes > bombSize {
			much := fmt.Sprintf("at least %.1f GiB", bytes/(1<<30))
			if err != nil {
				much = "more than any machine has"
			}
			r.add(graph.Warning, "tensor-bomb", nodePlace(n), "run it under a memory limit, or not at all", "makes a tensor of %s out of constants: %s%v", much, n.ID.Op, shorten(dims))
		}
	}
	switch {
	case n.Is("ConstantOfShape"):
		bits := 32
		if t := n.Attrs.Tensor("value"); t != nil {
			bits = t.Elem.Bits()
		}
		dims, ok := constantInts(n.In(0))
		size(dims, bits, ok)
	case n.Is("Expand"):
		dims, ok := constantInts(n.In(1))
		size(dims, elemBits(n.In(0)), ok)
	case n.Is("Tile"):
		dims, ok := constantInts(n.In(1))
		size(dims, elemBits(n.In(0)), ok)
	case n.Is("RandomNormal"), n.Is("RandomUniform"):
		size(n.Attrs.Ints("shape"), 32, true)
	case n.Is("Range"):
		from, ok1 := constantInts(n.In(0))
		to, ok2 := constantInts(n.In(1))
		step, ok3 := constantInts(n.In(2))
		if ok1 && ok2 && ok3 && len(from) == 1 && len(to) == 1 && len(step) == 1 && step[0] != 0 {
			size([]int64{int64(min(math.MaxInt64/2, math.Abs(float64(to[0])-float64(from[0]))/math.Abs(float64(step[0]))))}, 64, true)
		}
	case n.Is("Pad"):
		pads, ok := constantInts(n.In(1))
		if !ok {
			pads, ok = n.Attrs.Ints("pads"), true
		}
		if ok && len(pads) > 0 {
			size([]int64{slices.Max(pads)}, elemBits(n.In(0)), true)
		}
	case n.Is("OneHot"):
		depth, ok := constantInts(n.In(1))
		size(depth, 8, ok && len(depth) == 1)
	case n.Is("Loop"):
		if count, ok := constantInts(n.In(0)); ok && len(count) == 1 && count[0] > 1<<31 {
			r.add(graph.Info, "long-loop", nodePlace(n), "run it with a deadline", "repeats up to %d times", count[0])
		}
	}
	for _, a := range n.Attrs {
		if a.Sparse != nil {
			r.sparseBomb(nodePlace(n), a.Sparse)
		}
	}
}

// sparseBomb finds a sparse tensor that is large when it is made dense, as most runtimes do.
func (r *review) sparseBomb(where string, s *tensor.Sparse) {
	bits := 8
	if s.Values != nil {
		bits = max(bits, s.Values.Elem.Bits())
	}
	n, err := tensor.NumElements(s.Dims)
	if err != nil || float64(n)*float64(bits)/8 > bombSize {
		r.add(graph.Warning, "tensor-bomb", where, "run it under a memory limit, or not at all", "a sparse tensor that is large when a runtime makes it dense: %v", shorten(s.Dims))
	}
}

func shorten(dims []int64) string {
	if len(dims) > 12 {
		return fmt.Sprintf("%v and %d more", dims[:12], len(dims)-12)
	}
	return fmt.Sprint(dims)
}

func elemBits(v *graph.Value) int {
	switch {
	case v == nil:
		return 8
	case v.Const != nil:
		return v.Const.Elem.Bits()
	}
	return v.Type.Elem.Bits()
}

// constantInts is the value of v where it is a small integer constant: an initializer, or of a Constant.
func constantInts(v *graph.Value) ([]int64, bool) {
	if v == nil {
		return nil, false
	}
	t := v.Const
	if n, _ := v.Producer(); t == nil && n != nil && n.Is("Constant") {
		if a := n.Attrs.Get("value_ints"); a != nil {
			return a.Ints, true
		}
		if a := n.Attrs.Get("value_int"); a != nil {
			return []int64{a.I}, true
		}
		t = n.Attrs.Tensor("value")
	}
	if t == nil || t.Storage() == nil || t.Len() == 0 || t.Len() > 64 {
		return nil, false
	}
	if size, err := tensor.ByteSize(t.Elem, t.Shape); err != nil || t.Storage().Len() != size {
		return nil, false
	}
	ints, err := t.Int64s()
	return ints, err == nil
}

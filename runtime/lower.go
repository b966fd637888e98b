package runtime

import (
	"github.com/onnx-rewrite/onnx-rewrite/graph"
)

// lowering is one rule that replaces a group of nodes by a fused node of the domain op.Lowered, or takes a useless node out. What
// lowering makes is never saved.
type lowering struct {
	Name, Doc string
	// Apply tries the rule at node n and reports whether it fired. It may remove n and nodes that n reads.
	Apply func(*compiler, *graph.Node) bool
}

// lowerings are the rules in the order in which they are tried; each goes over the whole graph before the next.
var lowerings = []lowering{
	{"no-op", "Identity, Dropout, Cast and Reshape that change nothing", lowerNoOp},
	{"norm", "ReduceMean, Sub, Pow, ... as LayerNorm or RMSNorm", lowerNorm},
	{"gelu-erf", "0.5 x (1 + erf(x/√2))", lowerGeluErf},
	{"gelu-tanh", "0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³)))", lowerGeluTanh},
	{"silu", "x sigmoid(x), x sigmoid(1.702 x)", lowerSilu},
	{"rotary", "x cos + rotate(x) sin, on halves or on the whole head", lowerRotary},
	{"rotary-transpose", "Rotary after a Transpose of heads: before it", lowerRotaryTranspose},
	{"attention", "softmax(scale q kᵀ + mask) v, head by head", lowerAttention},
	{"attention-layout", "Transpose of an operand or the result of Attention", lowerAttentionLayout},
	{"linear", "MatMul or Gemm with a constant matrix, and its bias", lowerLinear},
	{"linear-split", "Linear whose columns are split: one Linear a part", lowerLinearSplit},
	{"linear-act", "Linear and its activation", lowerLinearAct},
	{"linear-mul", "Linear times a value of the same shape", lowerLinearMul},
	{"linear-add", "Linear plus a residual of the same shape", lowerLinearAdd},
	{"conv-norm", "Conv and BatchNormalization", lowerConvNorm},
	{"conv-act", "Conv and its activation", lowerConvAct},
}

// RuleCount says how often a lowering rule fired.
type RuleCount struct {
	Rule  string
	Count int
}

// Lowered lists the lowering rules that fired, in the order of the table.
func (s *Session) Lowered() []RuleCount { return append([]RuleCount(nil), s.rules...) }

// LoweringRules lists the names and descriptions of all rules, in order.
func LoweringRules() [][2]string {
	var list [][2]string
	for _, r := range lowerings {
		list = append(list, [2]string{r.Name, r.Doc})
	}
	return list
}

func (c *compiler) ruleCounts() []RuleCount {
	var list []RuleCount
	for _, r := range lowerings {
		if n := c.rules[r.Name]; n > 0 {
			list = append(list, RuleCount{r.Name, n})
		}
	}
	return list
}

// lower applies the rules to the graph and its subgraphs.
func (c *compiler) lower() {
	c.noteOutputs()
	c.mergeDuplicates()
	for _, rule := range lowerings {
		c.model.Graph.Walk(func(g *graph.Graph) {
			for n := range g.Nodes() {
				if rule.Apply(c, n) {
					c.rules[rule.Name]++
				}
			}
		})
	}
	c.mergeDuplicates()
}

// lowerNoOp takes nodes out that hand their input on.
func lowerNoOp(c *compiler, n *graph.Node) bool {
	in, out := n.In(0), n.Out(0)
	if in == nil || out == nil || c.returned[out] {
		return false
	}
	same := false
	switch {
	case n.Is("Identity"):
		same = true
	case n.Is("Dropout"):
		training, given := scalar(n.In(2))
		same = (n.In(2) == nil || given && training == 0) && (n.Out(1) == nil || n.Out(1).NumUses() == 0 && !c.returned[n.Out(1)])
	case n.Is("Cast"):
		same = typeOf(in).IsTensor() && int64(typeOf(in).Elem) == n.Attrs.Int("to", 0)
	case n.Is("Reshape"), n.Is("Expand"):
		same = sameShape(in, out)
	}
	if !same || in.Graph() != out.Graph() && !in.IsConst() {
		return false
	}
	out.ReplaceUses(in)
	read := n.Inputs()
	n.Graph().Remove(n)
	for _, v := range read {
		c.prune(v)
	}
	return true
}

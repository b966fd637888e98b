package block

import (
	"fmt"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
)

// Domain is the domain of our functions, and Version what a model imports of it. Version changes when a meaning changes.
const (
	Domain  = "onnxrewrite.sparse"
	Version = 1
)

// MinOpset is the lowest version of the default domain for which bodies exist.
const MinOpset = 11

// Family is a kind of block.
type Family string

// The families.
const (
	SparseLinear Family = "SparseLinear" // y = x·W (+ bias), W given by the positions and values of its non-zeros
	TopKFFN      Family = "TopKFFN"      // an FFN that keeps some hidden values of each token
	MoEFFN       Family = "MoEFFN"       // an FFN cut into experts, of which a router picks k for each token
)

// Act is the activation of an FFN.
type Act string

// The activations that bodies exist for.
const (
	Relu      Act = "relu"
	Relu2     Act = "relu2"    // max(x, 0)²
	Gelu      Act = "gelu"     // x·Φ(x), by Erf
	GeluTanh  Act = "gelutanh" // the tanh approximation
	Silu      Act = "silu"     // x·sigmoid(x)
	QuickGelu Act = "quickgelu"
	Sigmoid   Act = "sigmoid"
	Tanh      Act = "tanh"
)

// Acts lists the activations.
var Acts = []Act{Relu, Relu2, Gelu, GeluTanh, Silu, QuickGelu, Sigmoid, Tanh}

// On says which score decides whether a hidden value is kept.
type On string

// The scores. For a plain FFN, OnGate and OnSigned are the activation's output and input.
const (
	OnHidden On = "hidden" // |h|, h being what enters the down projection
	OnGate   On = "gate"   // |act(gate)|
	OnSigned On = "signed" // the gate before its activation, with its sign
)

// Keep says how many hidden values are kept.
type Keep string

// The rules. Ties at KeepExact go to the lower index.
const (
	KeepExact     Keep = "exact"     // the k largest scores of each token
	KeepThreshold Keep = "threshold" // scores >= threshold
	KeepStat      Keep = "stat"      // scores > mean + threshold · std over the token's row (population std)
)

// Form is how the body of an MoEFFN computes.
type Form string

// The forms. All give the same values.
const (
	Loop     Form = "loop"     // a Loop over experts with an If; text independent of the number of experts
	Unrolled Form = "unrolled" // no control flow, dynamic shapes
	Dense    Form = "dense"    // static shapes: every expert runs, the others' output is masked
)

// Variant names a function. Fields that a family does not have are zero.
type Variant struct {
	Family  Family
	Gated   bool // act(gate·x) ⊙ up·x instead of act(up·x)
	Act     Act
	On      On
	Keep    Keep
	Form    Form
	Experts int  // of the unrolled form, whose text depends on it
	Mean    bool // MoEFFN: skipped experts are replaced by their mean output
	Shared  bool // MoEFFN: one more expert that always runs
	Bias    bool // SparseLinear: with a bias
}

// Name is the function's name, for example "MoEFFN_gated_silu_loop_mean".
func (v Variant) Name() string {
	parts := []string{string(v.Family)}
	if v.Family != SparseLinear {
		kind := "plain"
		if v.Gated {
			kind = "gated"
		}
		parts = append(parts, kind, string(v.Act))
	}
	switch v.Family {
	case SparseLinear:
		parts = append(parts, "indexed")
		if v.Bias {
			parts = append(parts, "bias")
		}
	case TopKFFN:
		parts = append(parts, string(v.On), string(v.Keep))
	case MoEFFN:
		form := string(v.Form)
		if v.Form == Unrolled {
			form += fmt.Sprint(v.Experts)
		}
		parts = append(parts, form)
		if v.Mean {
			parts = append(parts, "mean")
		}
		if v.Shared {
			parts = append(parts, "shared")
		}
	}
	return strings.Join(parts, "_")
}

// ID is the operator that a call of the function has.
func (v Variant) ID() graph.OpID { return graph.OpID{Domain: Domain, Op: v.Name()} }

// ParseName is the inverse of Name.
func ParseName(name string) (Variant, bool) {
	parts := strings.Split(name, "_")
	v := Variant{Family: Family(parts[0])}
	for i, p := range parts[1:] {
		switch {
		case p == "plain" || p == "gated":
			v.Gated = p == "gated"
		case i == 1 && v.Family != SparseLinear:
			v.Act = Act(p)
		case p == "bias":
			v.Bias = true
		case p == "mean":
			v.Mean = true
		case p == "shared":
			v.Shared = true
		case v.Family == TopKFFN && i == 2:
			v.On = On(p)
		case v.Family == TopKFFN && i == 3:
			v.Keep = Keep(p)
		case v.Family == MoEFFN && i == 2:
			v.Form = Form(strings.TrimRight(p, "0123456789"))
			fmt.Sscan(strings.TrimPrefix(p, string(v.Form)), &v.Experts)
		}
	}
	return v, v.Name() == name && v.valid() == nil
}

// valid says what of the variant is not a known word.
func (v Variant) valid() error {
	known := func(what, have string, words ...string) error {
		for _, w := range words {
			if w == have {
				return nil
			}
		}
		return fmt.Errorf("unknown %s %q", what, have)
	}
	if v.Family == SparseLinear {
		return nil
	}
	var acts []string
	for _, a := range Acts {
		acts = append(acts, string(a))
	}
	if err := known("activation", string(v.Act), acts...); err != nil {
		return err
	}
	switch v.Family {
	case TopKFFN:
		if err := known("score", string(v.On), string(OnHidden), string(OnGate), string(OnSigned)); err != nil {
			return err
		}
		return known("rule", string(v.Keep), string(KeepExact), string(KeepThreshold), string(KeepStat))
	case MoEFFN:
		if v.Form == Unrolled && (v.Experts < 1 || v.Experts > 4096) {
			return fmt.Errorf("an unrolled body needs 1 to 4096 experts, has %d", v.Experts)
		}
		return known("body", string(v.Form), string(Loop), string(Unrolled), string(Dense))
	}
	return fmt.Errorf("unknown family %q", v.Family)
}

package passes

import (
	"fmt"
	"slices"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/sparsify"
)

// Choices of ApplyMask.
const (
	ScopeLayer  = "layer"  // the same density in every matrix
	ScopeOutput = "output" // the same density in every row of outputs
	ScopeGlobal = "global" // one ranking over all matrices

	StoreDense  = "dense"  // zeros in the initializer
	StoreSparse = "sparse" // positions and values, in a sparse-linear function
	StoreAuto   = "auto"   // sparse where the density is at most SparseDensity
)

// SparseDensity is the density up to which a sparse linear pays: it is smaller in the file and faster in our kernels.
const SparseDensity = 0.15

// MaskOptions steers ApplyMask. The zero value zeroes the half of smallest magnitude in each matrix.
type MaskOptions struct {
	Density float64 // share of the weights that stay; 0 is 0.5
	// Last is the density of the last linear, for tickets that prune the output layer at another rate; 0 is Density.
	Last    float64
	Pattern string // unstructured (default), or n:m, for example 2:4, along the inputs
	Scope   string // layer (default), output, global; layer only with a pattern or a pair
	// Other is the other model of a lottery-ticket pair: the same network before training, or after it when Rewound. nil: no pair.
	Other     *graph.Model
	Rewound   bool   // the model at hand is the untrained one: the ticket is baked into the initial weights
	Criterion string // of the pair: large_final (default), large_final_same_sign, magnitude_increase, movement
	Head      bool   // mask the linear that gives the model's output, too
	Store     string // dense (default), sparse, auto
	DeadUnits bool   // remove hidden units that the mask has cut off
}

// ApplyMask zeroes weights of linears, by magnitude or as a lottery ticket from a pair of models (methods: pruning 2.1; lottery ticket
// 2.1, 2.6). Biases stay.
func ApplyMask(opt MaskOptions) Pass {
	return Pass{Name: "apply-mask", Opt: true, Doc: "zero weights by magnitude or as a lottery ticket",
		Run: func(env *Env, m *graph.Model) (int, error) {
			if err := opt.validate(); err != nil {
				return 0, err
			}
			return opt.run(env, m)
		}}
}

func (o *MaskOptions) validate() error {
	set := func(field *string, def string) {
		if *field == "" {
			*field = def
		}
	}
	set(&o.Pattern, "unstructured")
	set(&o.Scope, ScopeLayer)
	set(&o.Store, StoreDense)
	set(&o.Criterion, sparsify.LargeFinal.String())
	if o.Density == 0 {
		o.Density = 0.5
	}
	if o.Last == 0 {
		o.Last = o.Density
	}
	if !(o.Density > 0 && o.Density <= 1) || !(o.Last > 0 && o.Last <= 1) {
		return fmt.Errorf("density is %g and %g for the last linear, want shares above 0 and up to 1", o.Density, o.Last)
	}
	if _, _, err := o.nm(); err != nil {
		return err
	}
	if o.Pattern != "unstructured" && (o.Scope != ScopeLayer || o.Other != nil) {
		return fmt.Errorf("pattern %s ranks by magnitude within its groups: it goes with no other scope and no pair", o.Pattern)
	}
	if o.Other != nil && o.Scope == ScopeOutput {
		return fmt.Errorf("a ticket is ranked by layer or globally, not by output")
	}
	if o.Rewound && o.Other == nil {
		return fmt.Errorf("rewinding needs the pair: the trained and the untrained model")
	}
	if _, err := sparsify.ParseCriterion(o.Criterion); err != nil {
		return err
	}
	if err := oneOf("scope", o.Scope, ScopeLayer, ScopeOutput, ScopeGlobal); err != nil {
		return err
	}
	return oneOf("store", o.Store, StoreDense, StoreSparse, StoreAuto)
}

// nm is the pattern's n and m; 0, 0 for none.
func (o *MaskOptions) nm() (n, m int, err error) {
	if o.Pattern == "unstructured" {
		return 0, 0, nil
	}
	a, b, _ := strings.Cut(o.Pattern, ":")
	if _, err := fmt.Sscan(a+" "+b, &n, &m); err != nil || n < 1 || n >= m || fmt.Sprintf("%d:%d", n, m) != o.Pattern {
		return 0, 0, fmt.Errorf("pattern is %q, want unstructured or n:m with 1 <= n < m", o.Pattern)
	}
	return n, m, nil
}

// masked is one matrix to be masked, with all linears that use it.
type masked struct {
	*Linear
	uses []*Linear
	row  Row
	mask sparsify.Mask
}

func (o *MaskOptions) run(env *Env, m *graph.Model) (int, error) {
	list := o.targets(env, m)
	if len(list) == 0 {
		return 0, nil
	}
	if err := o.masks(m, list); err != nil {
		return 0, err
	}
	fired := 0
	for i, t := range list {
		if !env.mayRewrite() {
			t.row.Reason = "stopped by the knob stop"
			env.report(t.row)
			continue
		}
		env.progress("apply-mask", i, len(list))
		changed, err := t.apply(m, o)
		if err != nil {
			return fired, err
		}
		if changed {
			t.row.Status, fired = Fired, fired+1
		}
		env.report(t.row)
	}
	if o.DeadUnits && fired > 0 {
		if err := removeDeadUnits(env, m); err != nil {
			return fired, err
		}
	}
	_, err := op.Infer(m, op.InferOptions{})
	return fired, err
}

// targets lists the matrices, each once, and reports those that are declined.
func (o *MaskOptions) targets(env *Env, m *graph.Model) []*masked {
	byMatrix := map[*tensor.Tensor]*masked{}
	var list []*masked
	declined := 0
	for n := range m.Graph.Nodes() {
		if f, sparse := sparseAlready(n); sparse {
			env.report(Row{Pass: "apply-mask", Block: f.Name, Status: Declined, Reason: f.Reason})
			declined++
		}
	}
	linears := FindLinears(m)
	if len(linears)+declined == 0 {
		env.report(Row{Pass: "apply-mask", Block: m.Graph.Name, Status: Declined, Reason: "the model has no linear with a constant matrix"})
	}
	for _, l := range linears {
		if t := byMatrix[l.Matrix]; t != nil {
			t.uses = append(t.uses, l)
			continue
		}
		n := int64(l.Matrix.Len())
		t := &masked{Linear: l, uses: []*Linear{l}, row: Row{Pass: "apply-mask", Block: l.Nodes[0].Label(), Status: Declined,
			WeightsBefore: n, WeightsAfter: n, FLOPsBefore: 2 * n, FLOPsAfter: 2 * n}}
		byMatrix[l.Matrix] = t
		switch {
		case l.Matrix.Elem != tensor.Float32:
			t.row.Reason = fmt.Sprintf("weight %q is %s; only float is rewritten", l.Weight.Name, l.Matrix.Elem)
		case !o.Head && l.isHead():
			t.row.Reason = "it gives the model's output; ask for the head to include it"
		default:
			t.row.Reason = l.weightUse()
		}
		if t.row.Reason != "" {
			env.report(t.row)
			continue
		}
		list = append(list, t)
	}
	return list
}

// masks computes all masks.
func (o *MaskOptions) masks(m *graph.Model, list []*masked) error {
	if o.Other != nil {
		return o.ticket(m, list)
	}
	n, of, _ := o.nm()
	if o.Scope == ScopeGlobal {
		return o.global(list)
	}
	for i, t := range list {
		w := tensor.Data[float32](t.Matrix)
		shape, inAxis := t.shape(), 0
		if t.Trans {
			inAxis = 1
		}
		density := o.Density
		if i == len(list)-1 {
			density = o.Last
		}
		var err error
		switch {
		case of > 0:
			t.mask, err = sparsify.MaskNM(sparsify.Magnitudes(w), shape, inAxis, n, of)
		case o.Scope == ScopeOutput:
			t.mask, err = sparsify.MaskPerOutput(sparsify.Magnitudes(w), shape, 1-inAxis, sparsify.KeepCount(density, shape[inAxis]))
		default:
			t.mask, err = sparsify.MaskTop(sparsify.Magnitudes(w), sparsify.KeepCount(density, len(w)), shape...)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", t.Weight.Name, err)
		}
	}
	return nil
}

func (t *masked) shape() []int {
	return []int{int(t.Matrix.Shape[0]), int(t.Matrix.Shape[1])}
}

func (o *MaskOptions) global(list []*masked) error {
	var scores []sparsify.Score
	var shapes [][]int
	total := 0
	for _, t := range list {
		scores = append(scores, sparsify.Magnitudes(tensor.Data[float32](t.Matrix)))
		shapes = append(shapes, t.shape())
		total += t.Matrix.Len()
	}
	masks, err := sparsify.MaskGlobal(scores, shapes, sparsify.KeepCount(o.Density, total), 1)
	for i := range masks {
		list[i].mask = masks[i]
	}
	return err
}

// ticket ranks by the pair: the other model's matrices are found by name, else by their place among the linears.
func (o *MaskOptions) ticket(m *graph.Model, list []*masked) error {
	here, there := FindLinears(m), FindLinears(o.Other)
	byName := map[string]*Linear{}
	for _, l := range there {
		byName[constName(l.Weight)] = l
	}
	pairs := make([]sparsify.WeightPair, len(list))
	for i, t := range list {
		other := byName[constName(t.Weight)]
		if other == nil && len(here) == len(there) {
			other = there[slices.IndexFunc(here, func(l *Linear) bool { return l.Nodes[0] == t.Nodes[0] })]
		}
		if other == nil {
			return fmt.Errorf("the pair does not fit: the other model has no weight %q", constName(t.Weight))
		}
		if !slices.Equal(other.Matrix.Shape, t.Matrix.Shape) || other.Trans != t.Trans || other.Matrix.Elem != tensor.Float32 {
			return fmt.Errorf("the pair does not fit: weight %q is %s%v here and %s%v in the other model", constName(t.Weight), t.Matrix.Elem, t.Matrix.Shape, other.Matrix.Elem, other.Matrix.Shape)
		}
		p := sparsify.WeightPair{Name: constName(t.Weight), Shape: t.shape(), Initial: tensor.Data[float32](other.Matrix), Final: tensor.Data[float32](t.Matrix)}
		if o.Rewound {
			p.Initial, p.Final = p.Final, p.Initial
		}
		if i == len(list)-1 && o.Scope != ScopeGlobal {
			p.Density = o.Last
		}
		pairs[i] = p
	}
	criterion, err := sparsify.ParseCriterion(o.Criterion)
	if err != nil {
		return err
	}
	masks, err := sparsify.TicketMasks(pairs, sparsify.TicketOptions{Criterion: criterion, Density: o.Density, Global: o.Scope == ScopeGlobal, AtLeast: 1})
	for i := range masks {
		list[i].mask = masks[i]
	}
	return err
}

// apply writes the masked matrix, or puts a sparse linear in the place of each of its uses.
func (t *masked) apply(m *graph.Model, o *MaskOptions) (changed bool, err error) {
	src := tensor.Data[float32](t.Matrix)
	data := make([]float32, len(src))
	if err := t.mask.Apply(data, src); err != nil {
		return false, fmt.Errorf("%s: %w", t.Weight.Name, err)
	}
	t.row.WeightsAfter = int64(t.mask.Count())
	t.row.FLOPsAfter = 2 * t.row.WeightsAfter
	t.row.Details = append(t.row.Details, Detail{"density", t.mask.Density()})
	if o.Store == StoreSparse || o.Store == StoreAuto && t.mask.Density() <= SparseDensity {
		reason, err := t.storeSparse(m, data)
		if reason == "" || err != nil {
			return err == nil, err
		}
		t.row.Reason = "stored dense: " + reason
	}
	if slices.Equal(src, data) {
		t.row.Reason = "every weight that the mask takes is zero already"
		return false, nil
	}
	zeroed := tensor.Of(data, t.Matrix.Shape...)
	return true, t.replaceMatrix(zeroed)
}

// replaceMatrix puts another tensor where the matrix is stored: in the initializer, or in the Constant node.
func (t *masked) replaceMatrix(x *tensor.Tensor) error {
	v := t.Weight
	for v.Const == nil {
		p, _ := v.Producer()
		if p == nil {
			return fmt.Errorf("weight %q has no constant behind it", t.Weight.Name)
		}
		if p.Is("Constant") {
			p.Attrs = graph.Attrs{graph.TensorAttr("value", x)}
			return nil
		}
		v = p.In(0)
	}
	v.Const = x
	return nil
}

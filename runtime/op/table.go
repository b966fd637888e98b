package op

import (
	"sync"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
)

// families lists every operator that the runtime executes, one line a file of this package. All are functions, not variables, because
// an operator's Prepare may itself look operators up.
func families() []func() []OpDef {
	return []func() []OpDef{
		loweredOps,
		matmulOps,
		elementwiseOps,
		unaryOps,
		activationOps,
		compareOps,
		castOps,
		reshapeOps,
		shapeOps,
		gatherOps,
		reduceOps,
		alongOps,
		softmaxOps,
		normOps,
		batchNormOps,
		convOps,
		poolOps,
		constantOps,
		selectOps,
		padOps,
		attentionOps,
		einsumOps,
		recurrentOps,
		controlOps,
		scatterOps,
		orderOps,
		resizeOps,
		quantOps,
		lossOps,
		sampleOps,
		detectOps,
		signalOps,
		sequenceOps,
		randomOps,
		textOps,
		optimizerOps,
	}
}

// functions lists the model-local functions that have a kernel of their own.
func functions() []FunctionDef {
	return []FunctionDef{sparseFunctions}
}

// FunctionDef recognises calls of a model-local function that a kernel computes as a whole.
type FunctionDef struct {
	Domain string
	// Prepare makes the kernel call for node p.Node, which calls fn. A nil Exec means that the body must be run, for the given reason,
	// which is reported to the user. An error refuses the model.
	Prepare func(p *Prep, fn *graph.Function) (exec Exec, reason string, err error)
}

// PrepareFunction asks the table for a kernel for a call of fn. The reason for a nil Exec is "" when no kernel claims fn's domain.
func PrepareFunction(p *Prep, fn *graph.Function) (Exec, string, error) {
	why := ""
	for _, d := range functions() {
		if d.Domain != fn.ID.Domain {
			continue
		}
		exec, reason, err := d.Prepare(p, fn)
		if exec != nil || err != nil {
			return exec, "", err
		}
		why = reason
	}
	return nil, why, nil
}

type opKey struct{ domain, op string }

var index struct {
	once sync.Once
	defs map[opKey][]*OpDef
	all  []OpDef
}

func load() {
	index.once.Do(func() {
		for _, family := range families() {
			index.all = append(index.all, family()...)
		}
		index.defs = map[opKey][]*OpDef{}
		for i := range index.all {
			d := &index.all[i]
			d.Prepare = guarded(d.Prepare)
			k := opKey{graph.CanonicalDomain(d.Domain), d.Op}
			index.defs[k] = append(index.defs[k], d)
		}
	})
}

// All is the whole table, in the order of the families.
func All() []OpDef {
	load()
	return index.all
}

// Lookup is the definition that serves an operator at an opset version; nil when there is none. Where several do, the newest counts.
func Lookup(domain, name string, opset int) *OpDef {
	load()
	var best *OpDef
	for _, d := range index.defs[opKey{graph.CanonicalDomain(domain), name}] {
		if d.Since <= opset && (d.Until == 0 || opset <= d.Until) && (best == nil || d.Since > best.Since) {
			best = d
		}
	}
	return best
}

// Known reports whether the table has the operator in any version.
func Known(domain, name string) bool {
	load()
	return len(index.defs[opKey{graph.CanonicalDomain(domain), name}]) > 0
}

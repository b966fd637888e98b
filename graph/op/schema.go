package op

import (
	"sort"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// Schema is one version of an operator: it holds from opset Since until the next version's Since. Schemas are shared; do not modify.
type Schema struct {
	Domain, Name string // Domain is "" for the default domain
	Since        int
	Deprecated   bool
	Inputs       []Formal
	Outputs      []Formal
	MinIn, MaxIn int // Max is Unbounded for a variadic list
	MinOut       int
	MaxOut       int
	Attrs        []AttrSpec
	Constraints  []Constraint
}

// Unbounded is the MaxIn or MaxOut of a variadic operator.
const Unbounded = 1<<31 - 1

// FormalOption says how often a formal parameter may be given.
type FormalOption uint8

// The options of a formal parameter.
const (
	Single   FormalOption = iota
	Optional              // may be omitted
	Variadic              // may be repeated; only ever the last one
)

// Formal is an input or output parameter of a schema.
type Formal struct {
	Name          string
	Type          string // name of a constraint, or a literal such as "tensor(int64)"
	Option        FormalOption
	Heterogeneous bool // variadic whose members may have different types
	Types         *TypeSet
}

// AttrSpec is an attribute that a schema allows.
type AttrSpec struct {
	Name     string
	Kind     graph.AttrKind
	Required bool
	Default  *graph.Attr // nil when the schema gives none
}

// Constraint lists the types that a type variable of a schema may stand for.
type Constraint struct {
	Name  string
	Types *TypeSet
}

// Attr returns the specification of the named attribute, or nil.
func (s *Schema) Attr(name string) *AttrSpec {
	for i := range s.Attrs {
		if s.Attrs[i].Name == name {
			return &s.Attrs[i]
		}
	}
	return nil
}

// Input returns the formal parameter that input i binds to, or nil when there are fewer.
func (s *Schema) Input(i int) *Formal { return formalAt(s.Inputs, i) }

// Output returns the formal parameter that output i binds to, or nil when there are fewer.
func (s *Schema) Output(i int) *Formal { return formalAt(s.Outputs, i) }

func formalAt(list []Formal, i int) *Formal {
	if i < 0 || len(list) == 0 {
		return nil
	}
	if i >= len(list) {
		if last := &list[len(list)-1]; last.Option == Variadic {
			return last
		}
		return nil
	}
	return &list[i]
}

// TypeSet is a set of value types, by element type for the common forms.
type TypeSet struct {
	Tensor           ElemSet
	Sequence         ElemSet // seq(tensor(...))
	Optional         ElemSet // optional(tensor(...))
	OptionalSequence ElemSet // optional(seq(tensor(...)))
	Other            []string
}

// ElemSet is a set of element types.
type ElemSet uint64

// Has reports whether e is in the set.
func (s ElemSet) Has(e tensor.DType) bool { return e >= 0 && e < 64 && s&(1<<uint(e)) != 0 }

// Key identifies an operator across versions.
type Key struct{ Domain, Name string }

// String is "Name" in the default domain and "domain::Name" elsewhere.
func (k Key) String() string {
	if k.Domain == "" {
		return k.Name
	}
	return k.Domain + "::" + k.Name
}

// Lookup returns the schema in force for an operator at an opset of its domain: the newest version not above it, or nil when there is none.
func Lookup(domain, name string, opset int) *Schema {
	var best *Schema
	for _, s := range schemas().of(Key{graph.CanonicalDomain(domain), name}) {
		if s.Since <= opset {
			best = s
		}
	}
	return best
}

// Versions returns the opsets at which an operator was introduced or changed, ascending; nil for an unknown operator.
func Versions(domain, name string) []int {
	var out []int
	for _, s := range schemas().of(Key{graph.CanonicalDomain(domain), name}) {
		out = append(out, s.Since)
	}
	return out
}

// All returns every operator version, by domain, name and version.
func All() []*Schema {
	var out []*Schema
	for _, k := range Keys() {
		out = append(out, schemas().of(k)...)
	}
	return out
}

// Keys returns every operator, by domain and name.
func Keys() []Key {
	keys := make([]Key, 0, len(schemas().lines))
	for k := range schemas().lines {
		keys = append(keys, k)
	}
	sort.Slice(keys, func(i, j int) bool {
		if keys[i].Domain != keys[j].Domain {
			return keys[i].Domain < keys[j].Domain
		}
		return keys[i].Name < keys[j].Name
	})
	return keys
}

// Known reports whether the table covers a domain, so that an operator it does not list there does not exist.
func Known(domain string) bool {
	_, ok := schemas().newest[graph.CanonicalDomain(domain)]
	return ok
}

// Newest returns the newest opset of a domain at which an operator changed, 0 for a domain the table does not cover.
func Newest(domain string) int { return schemas().newest[graph.CanonicalDomain(domain)] }

// Nearest returns the operator of a domain whose name is closest to name, or "" when none is close.
func Nearest(domain, name string) string {
	best, bestDistance := "", 3
	for _, k := range Keys() {
		if k.Domain != graph.CanonicalDomain(domain) {
			continue
		}
		if d := distance(strings.ToLower(k.Name), strings.ToLower(name)); d < bestDistance {
			best, bestDistance = k.Name, d
		}
	}
	return best
}

// distance is the number of single-character edits between two words.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 0; i < len(a); i++ {
		diagonal := row[0]
		row[0] = i + 1
		for j := 0; j < len(b); j++ {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

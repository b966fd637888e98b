package graph

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// Diff is how model B differs from model A. Empty lists mean that they say the same, apart from how the file encodes it.
type Diff struct {
	Model   []Change       `json:"model"`   // versions, opsets, documentation, metadata, inputs, outputs, functions
	Nodes   []NodeChange   `json:"nodes"`   // in the order of B, the removed ones of A last
	Weights []WeightChange `json:"weights"` // initializers
	Values  []Change       `json:"values"`  // what value_info says of values on the way

	SameNodes   int `json:"same_nodes"`
	SameWeights int `json:"same_weights"`
}

// Equal reports whether nothing differs.
func (d *Diff) Equal() bool { return len(d.Model)+len(d.Nodes)+len(d.Weights)+len(d.Values) == 0 }

// Change is one thing that both models say differently; A or B is empty where one does not say it.
type Change struct {
	Where string `json:"where,omitempty"` // subgraph or function; empty for the main graph
	What  string `json:"what"`
	A     string `json:"a"`
	B     string `json:"b"`
}

// NodeChange is a node that only one of the models has, or that differs.
type NodeChange struct {
	Where   string   `json:"where,omitempty"`
	Node    string   `json:"node"` // its label, in B where B has it
	Op      string   `json:"op"`
	Status  Status   `json:"status"`
	Changes []Change `json:"changes,omitempty"` // of a changed one
}

// Status says what became of a part from A to B.
type Status string

// The statuses.
const (
	Added   Status = "added"
	Removed Status = "removed"
	Changed Status = "changed"
)

// Compare finds what differs between two models. Nodes are matched by name, and where that fails by the name of an output; weights,
// values, inputs and outputs by name. Fields that the IR does not take apart are compared as bytes at the model, its graphs and nodes.
func Compare(a, b *Model) *Diff {
	d := &differ{d: &Diff{Model: []Change{}, Nodes: []NodeChange{}, Weights: []WeightChange{}, Values: []Change{}}}
	d.model(a, b)
	d.graphs("", a.Graph, b.Graph)
	d.functions(a, b)
	return d.d
}

type differ struct{ d *Diff }

func (d *differ) say(list *[]Change, where, what, a, b string) {
	if a != b {
		*list = append(*list, Change{Where: where, What: what, A: a, B: b})
	}
}

func (d *differ) model(a, b *Model) {
	list := &d.d.Model
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	d.say(list, "", "IR version", number(a.IRVersion), number(b.IRVersion))
	d.keyed(list, "", "opset", opsetVersions(a.Opsets), opsetVersions(b.Opsets))
	d.say(list, "", "producer", a.Producer, b.Producer)
	d.say(list, "", "producer version", a.ProducerVersion, b.ProducerVersion)
	d.say(list, "", "domain", a.Domain, b.Domain)
	d.say(list, "", "model version", number(a.ModelVersion), number(b.ModelVersion))
	d.say(list, "", "documentation", a.Doc, b.Doc)
	d.keyed(list, "", "metadata", propPairs(a.Props), propPairs(b.Props))
	d.say(list, "", "training information", trainingText(a), trainingText(b))
	d.extra("", "model", a.Extra, b.Extra)
}

// pair is a key with what is said of it.
type pair struct{ key, value string }

// keyed compares two lists by key. What is said twice of a key counts as one text.
func (d *differ) keyed(list *[]Change, where, what string, a, b []pair) {
	left, right := byKey(a), byKey(b)
	in, had := map[string]int{}, map[string]bool{}
	for i, p := range right {
		in[p.key] = i
	}
	for _, p := range left {
		had[p.key] = true
		i, ok := in[p.key]
		if !ok {
			*list = append(*list, Change{Where: where, What: what + " " + strconv.Quote(p.key), A: visible(p.value)})
			continue
		}
		d.say(list, where, what+" "+strconv.Quote(p.key), p.value, right[i].value)
	}
	for _, p := range right {
		if !had[p.key] {
			*list = append(*list, Change{Where: where, What: what + " " + strconv.Quote(p.key), B: visible(p.value)})
		}
	}
}

// byKey has every key once.
func byKey(list []pair) (out []pair) {
	at := map[string]int{}
	for _, p := range list {
		if i, ok := at[p.key]; ok {
			out[i].value += ", " + p.value
			continue
		}
		at[p.key] = len(out)
		out = append(out, p)
	}
	return out
}

// visible tells an empty text from none.
func visible(s string) string {
	if s == "" {
		return `""`
	}
	return s
}

func opsetVersions(list []OpsetID) (out []pair) {
	for _, o := range list {
		out = append(out, pair{CanonicalDomain(o.Domain), strconv.FormatInt(o.Version, 10)})
	}
	return out
}

func propPairs(list []Prop) (out []pair) {
	for _, p := range list {
		out = append(out, pair{p.Key, p.Value})
	}
	return out
}

func trainingText(m *Model) string {
	var parts []string
	for _, t := range m.Training {
		for _, g := range []*Graph{t.Initialization, t.Algorithm} {
			if g != nil {
				parts = append(parts, g.String())
			}
		}
		parts = append(parts, propText(t.InitBinding, quote), propText(t.UpdateBinding, quote))
	}
	return strings.Join(parts, "\n")
}

// extra compares what the IR keeps in wire form.
func (d *differ) extra(where, what string, a, b *Extra) {
	if x, y := wireOf(a), wireOf(b); !bytes.Equal(x, y) {
		d.say(&d.d.Model, where, "other fields of "+what, fmt.Sprintf("%d bytes", len(x)), fmt.Sprintf("%d other bytes", len(y)))
	}
}

func wireOf(x *Extra) []byte {
	if x == nil {
		return nil
	}
	out := bytes.Clone(x.Unknown)
	for _, f := range x.Kept {
		out = append(strconv.AppendInt(out, int64(f.Number), 10), f.Value...)
	}
	return out
}

func (d *differ) functions(a, b *Model) {
	for _, f := range a.Functions {
		g := b.Function(f.ID)
		if g == nil {
			d.say(&d.d.Model, "", "function", f.ID.String(), "")
			continue
		}
		where := "function " + f.ID.String()
		list := &d.d.Model
		d.keyed(list, where, "opset", opsetVersions(f.Opsets), opsetVersions(g.Opsets))
		d.say(list, where, "documentation", f.Doc, g.Doc)
		d.keyed(list, where, "metadata", propPairs(f.Props), propPairs(g.Props))
		d.keyed(list, where, "attribute", declPairs(f.Attrs), declPairs(g.Attrs))
		d.extra(where, "the function", f.Extra, g.Extra)
		d.graphs(where, f.Body, g.Body)
	}
	for _, f := range b.Functions {
		if a.Function(f.ID) == nil {
			d.say(&d.d.Model, "", "function", "", f.ID.String())
		}
	}
}

func declPairs(list []AttrDecl) (out []pair) {
	for _, x := range list {
		text := "required"
		if x.Default != nil {
			text = attrText(x.Default)
		}
		out = append(out, pair{x.Name, text})
	}
	return out
}

func (d *differ) graphs(where string, a, b *Graph) {
	list := &d.d.Model
	d.say(list, where, "graph name", a.Name, b.Name)
	d.say(list, where, "graph documentation", a.Doc, b.Doc)
	d.keyed(list, where, "graph metadata", propPairs(a.Props), propPairs(b.Props))
	d.extra(where, "the graph", a.Extra, b.Extra)
	for _, s := range []struct {
		what string
		a, b []*Value
	}{{"input", a.Inputs, b.Inputs}, {"output", a.Outputs, b.Outputs}} {
		d.keyed(list, where, s.what, valuePairs(s.a), valuePairs(s.b))
		d.order(where, "order of the "+s.what+"s", s.a, s.b)
	}
	d.keyed(&d.d.Values, where, "value", valuePairs(a.ValueInfo), valuePairs(b.ValueInfo))
	d.weights(where, a, b)
	d.nodes(where, a, b)
}

// valuePairs is what the declarations of values say.
func valuePairs(list []*Value) (out []pair) {
	for _, v := range list {
		text := v.Type.String()
		if v.Type.Denotation != "" {
			text += " as " + v.Type.Denotation
		}
		if v.Doc != "" {
			text += " " + strconv.Quote(v.Doc)
		}
		if len(v.Props) > 0 {
			text += " [" + propText(v.Props, quote) + "]"
		}
		out = append(out, pair{v.Name, text})
	}
	return out
}

// order says when both lists have the same names in another order.
func (d *differ) order(where, what string, a, b []*Value) {
	names := func(list []*Value) (out []string) {
		for _, v := range list {
			out = append(out, v.Name)
		}
		return out
	}
	x, y := names(a), names(b)
	sx, sy := slices.Sorted(slices.Values(x)), slices.Sorted(slices.Values(y))
	if slices.Equal(sx, sy) {
		d.say(&d.d.Model, where, what, strings.Join(x, ", "), strings.Join(y, ", "))
	}
}

// attrText is the attribute's value, large tensors by hash.
func attrText(a *Attr) string {
	if a == nil {
		return ""
	}
	if a.Kind == AttrSparseTensor || a.Kind == AttrSparseTensors {
		text := a.Kind.String()
		for _, s := range append([]*tensor.Sparse{a.Sparse}, a.Sparses...) {
			text += " " + sparseText(s)
		}
		return text
	}
	plain := *a
	plain.Doc = ""
	_, text, _ := strings.Cut(printed(func(p *printer) { p.attr(&plain) }), " = ")
	if plain.Ref != "" {
		text = "@" + plain.Ref
	}
	return text
}

func sparseText(s *tensor.Sparse) string {
	if s == nil {
		return ""
	}
	v, i := s.Values.Hash(), s.Indices.Hash()
	return fmt.Sprintf("%s%v of %d values, %x %x", s.Values.Elem, s.Dims, s.Values.Len(), v[:6], i[:6])
}

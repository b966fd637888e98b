package op

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

//go:generate go run ./_gen -in ../../../shared/conformance/operator_schemas.jsonl -out schema.txt

// The table is text, scanned once for the places of operators; an operator is parsed when it is first asked for. Tab-separated lines:
//
//	set     number  groups of types: tensor:float,int64 seq:... opt:... optseq:... and others in full
//	domain  name
//	op      name
//	since   flag    min:max inputs  min:max outputs  inputs  outputs  constraints  attributes
//
// The last form is one version of the op above it; a field that is a double quote repeats the previous version's. Flag D is
// deprecated. A formal is name:type with ? optional, * variadic, ~ variadic of mixed types; a constraint is name=set; an attribute is
// name:kind with ! required and =default.
//
//go:embed schema.txt
var schemaText string

// table is the schema text with an index of its operators.
type table struct {
	sets   []*TypeSet
	lines  map[Key]string // the version lines of an operator
	newest map[string]int

	mu     sync.RWMutex
	parsed map[Key][]*Schema
}

var schemas = sync.OnceValue(func() *table {
	t, err := indexTable(schemaText)
	if err != nil {
		panic(err)
	}
	return t
})

func indexTable(text string) (*table, error) {
	t := &table{lines: map[Key]string{}, newest: map[string]int{}, parsed: map[Key][]*Schema{}}
	var key Key
	start := -1
	end := func(at int) {
		if start >= 0 {
			t.lines[key] = text[start:at]
		}
		start = -1
	}
	for at := 0; at < len(text); {
		stop := strings.IndexByte(text[at:], '\n')
		if stop < 0 {
			return nil, fmt.Errorf("operator table: last line is not closed")
		}
		line, next := text[at:at+stop], at+stop+1
		head, rest, _ := strings.Cut(line, "\t")
		switch {
		case strings.HasPrefix(line, "#"):
		case head == "set":
			_, groups, _ := strings.Cut(rest, "\t")
			set, err := parseSet(groups)
			if err != nil {
				return nil, err
			}
			t.sets = append(t.sets, set)
		case head == "domain":
			end(at)
			key.Domain = rest
			t.newest[rest] = 0
		case head == "op":
			end(at)
			key.Name = rest
			start = next
		default:
			since, err := strconv.Atoi(head)
			if err != nil {
				return nil, fmt.Errorf("operator table: line %q", line)
			}
			t.newest[key.Domain] = max(t.newest[key.Domain], since)
		}
		at = next
	}
	end(len(text))
	return t, nil
}

// of returns the versions of an operator, ascending.
func (t *table) of(key Key) []*Schema {
	t.mu.RLock()
	list, ok := t.parsed[key]
	t.mu.RUnlock()
	if ok {
		return list
	}
	lines, ok := t.lines[key]
	if !ok {
		return nil
	}
	list, err := t.parse(key, lines)
	if err != nil {
		panic(fmt.Errorf("operator table: %s: %w", key, err))
	}
	t.mu.Lock()
	t.parsed[key] = list
	t.mu.Unlock()
	return list
}

func (t *table) parse(key Key, lines string) ([]*Schema, error) {
	var list []*Schema
	var last []string
	for line := range strings.Lines(lines) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) != 8 {
			return nil, fmt.Errorf("%d fields in %q", len(f), line)
		}
		for i := range f {
			if f[i] == `"` {
				f[i] = last[i]
			}
		}
		s, err := t.parseVersion(key, f)
		if err != nil {
			return nil, err
		}
		list, last = append(list, s), f
	}
	return list, nil
}

func (t *table) parseVersion(key Key, f []string) (*Schema, error) {
	s := &Schema{Domain: key.Domain, Name: key.Name, Deprecated: f[1] == "D"}
	var err error
	if s.Since, err = strconv.Atoi(f[0]); err != nil {
		return nil, err
	}
	if s.MinIn, s.MaxIn, err = parseRange(f[2]); err != nil {
		return nil, err
	}
	if s.MinOut, s.MaxOut, err = parseRange(f[3]); err != nil {
		return nil, err
	}
	types := map[string]*TypeSet{}
	for _, c := range strings.Fields(f[6]) {
		name, number, _ := strings.Cut(c, "=")
		n, err := strconv.Atoi(number)
		if err != nil || n < 0 || n >= len(t.sets) {
			return nil, fmt.Errorf("constraint %q", c)
		}
		s.Constraints = append(s.Constraints, Constraint{name, t.sets[n]})
		types[name] = t.sets[n]
	}
	if s.Inputs, err = parseFormals(f[4], types); err != nil {
		return nil, err
	}
	if s.Outputs, err = parseFormals(f[5], types); err != nil {
		return nil, err
	}
	for _, a := range strings.Fields(f[7]) {
		spec, err := parseAttr(a)
		if err != nil {
			return nil, fmt.Errorf("attribute %q: %w", a, err)
		}
		s.Attrs = append(s.Attrs, spec)
	}
	return s, nil
}

func parseRange(text string) (lo, hi int, err error) {
	a, b, _ := strings.Cut(text, ":")
	if lo, err = strconv.Atoi(a); err != nil {
		return
	}
	if hi, err = strconv.Atoi(b); hi < 0 {
		hi = Unbounded
	}
	return
}

func parseFormals(text string, types map[string]*TypeSet) ([]Formal, error) {
	var out []Formal
	for _, word := range strings.Fields(text) {
		f := Formal{}
		switch {
		case strings.HasSuffix(word, "?"):
			f.Option = Optional
		case strings.HasSuffix(word, "*"):
			f.Option = Variadic
		case strings.HasSuffix(word, "~"):
			f.Option, f.Heterogeneous = Variadic, true
		}
		if f.Option != Single {
			word = word[:len(word)-1]
		}
		f.Name, f.Type, _ = strings.Cut(word, ":")
		if f.Types = types[f.Type]; f.Types == nil {
			set, err := parseSet(literalSet(f.Type))
			if err != nil {
				return nil, err
			}
			f.Types = set
		}
		out = append(out, f)
	}
	return out, nil
}

// literalSet writes a literal type as a group of parseSet.
func literalSet(text string) string {
	if elem, ok := strings.CutPrefix(text, "tensor("); ok {
		return "tensor:" + strings.TrimSuffix(elem, ")")
	}
	return text
}

func parseSet(text string) (*TypeSet, error) {
	set := &TypeSet{}
	groups := map[string]*ElemSet{"tensor": &set.Tensor, "seq": &set.Sequence, "opt": &set.Optional, "optseq": &set.OptionalSequence}
	for _, word := range strings.Fields(text) {
		key, names, ok := strings.Cut(word, ":")
		if !ok {
			set.Other = append(set.Other, word)
			continue
		}
		group := groups[key]
		if group == nil {
			return nil, fmt.Errorf("type group %q", word)
		}
		for _, name := range strings.Split(names, ",") {
			elem, ok := tensor.ParseDType(name)
			if !ok {
				return nil, fmt.Errorf("element type %q", name)
			}
			*group |= 1 << uint(elem)
		}
	}
	return set, nil
}

func parseAttr(text string) (AttrSpec, error) {
	head, value, hasDefault := strings.Cut(text, "=")
	name, kind, _ := strings.Cut(head, ":")
	kind, required := strings.CutSuffix(kind, "!")
	spec := AttrSpec{Name: name, Required: required}
	for k := graph.AttrFloat; k <= graph.AttrTypeProtos; k++ {
		if k.String() == kind {
			spec.Kind = k
		}
	}
	if spec.Kind == graph.AttrUndefined {
		return spec, fmt.Errorf("kind %q", kind)
	}
	if !hasDefault {
		return spec, nil
	}
	a := &graph.Attr{Name: name, Kind: spec.Kind}
	var err error
	switch spec.Kind {
	case graph.AttrInt:
		a.I, err = strconv.ParseInt(value, 10, 64)
	case graph.AttrFloat:
		var f float64
		f, err = strconv.ParseFloat(value, 32)
		a.F = float32(f)
	case graph.AttrString:
		a.S = []byte(value)
	case graph.AttrInts:
		for _, v := range strings.Split(value, ",") {
			var i int64
			if i, err = strconv.ParseInt(v, 10, 64); err != nil {
				break
			}
			a.Ints = append(a.Ints, i)
		}
	case graph.AttrStrings:
		for _, v := range strings.Split(value, ",") {
			a.Strings = append(a.Strings, []byte(v))
		}
	default:
		err = fmt.Errorf("a default of kind %s", kind)
	}
	spec.Default = a
	return spec, err
}

package graph

import (
	"fmt"
	"strconv"
	"strings"
)

// noteMark begins a note: a comment to other readers of the syntax, a line of fields of what stands behind it to this one.
const noteMark = "#@"

// note is "#@ kind key: value, key: value, flag".
type note struct {
	kind   string
	fields []noteField
	pos    int
}

type noteField struct {
	key string
	val noteValue
	pos int
}

// noteValue is a string, an integer or a name (tok), a list [a, b], a list of pairs ["k": "v"], a message {key: value}, or nothing: a flag.
type noteValue struct {
	tok  token
	list []noteValue
	msg  []noteField
	pair *pairText // an item of a list of pairs
	form noteForm
}

type noteForm uint8

const (
	noteFlag noteForm = iota
	noteScalar
	noteList
	noteMessage
	notePair
)

// readNote reads one line. The lexer stands on its mark.
func (l *lexer) readNote() {
	n := &note{pos: l.pos}
	l.pos += len(noteMark)
	l.inNote = true
	l.next()
	if l.tok.kind != tokIdent {
		l.fail("want what the note is of, have %s", l.tok)
	}
	n.kind = l.tok.text
	l.next()
	for l.err == nil && l.tok.kind != tokEOF && !l.is("\n") {
		if len(n.fields) > 0 {
			l.expect(",")
		}
		n.fields = append(n.fields, l.noteField(0))
	}
	l.inNote = false
	if l.err == nil {
		l.notes = append(l.notes, n)
	}
}

const maxNoteDepth = 16

func (l *lexer) noteField(depth int) noteField {
	f := noteField{pos: l.tok.pos, key: l.tok.text}
	if l.tok.kind != tokIdent {
		l.fail("want a field of the note, have %s", l.tok)
		return f
	}
	if l.next(); l.accept(":") {
		f.val = l.noteValue(depth + 1)
	}
	return f
}

func (l *lexer) noteValue(depth int) noteValue {
	if depth > maxNoteDepth {
		l.fail("a note is nested deeper than %d", maxNoteDepth)
		return noteValue{}
	}
	switch {
	case l.accept("["):
		v := noteValue{form: noteList}
		l.list("]", func() {
			item := l.noteValueOrPair(depth)
			v.list = append(v.list, item)
		})
		return v
	case l.accept("{"):
		v := noteValue{form: noteMessage}
		l.list("}", func() { v.msg = append(v.msg, l.noteField(depth)) })
		return v
	case l.tok.kind == tokIdent || l.tok.kind == tokNumber || l.tok.kind == tokString:
		v := noteValue{form: noteScalar, tok: l.tok}
		l.next()
		return v
	}
	l.fail("want a value, have %s", l.tok)
	return noteValue{}
}

func (l *lexer) noteValueOrPair(depth int) noteValue {
	if l.is("?") || l.tok.kind == tokString {
		if next := l.peek(); next.kind == tokPunct && next.text == ":" {
			return noteValue{form: notePair, pair: l.pair()}
		}
	}
	return l.noteValue(depth + 1)
}

// take takes the notes of a kind that wait, merged into one; nil when there are none.
func (l *lexer) take(kind string) *note {
	var found *note
	rest := l.notes[:0]
	for _, n := range l.notes {
		switch {
		case n.kind != kind:
			rest = append(rest, n)
		case found == nil:
			found = n
		default:
			found.fields = append(found.fields, n.fields...)
		}
	}
	l.notes = rest
	return found
}

// noted hands the fields of the notes of a kind to use, which is false for a field it does not know.
func (p *parser) noted(kind string, use func(f *noteField) bool) {
	if len(p.notes) == 0 {
		return
	}
	n := p.take(kind)
	if n == nil {
		return
	}
	for i := range n.fields {
		if f := &n.fields[i]; p.err == nil && !use(f) {
			p.failAt(f.pos, "a note of a %s has no field %q", kind, f.key)
		}
	}
}

// text is the field's string.
func (p *parser) text(f *noteField) string {
	if f.val.form != noteScalar || f.val.tok.kind != tokString {
		p.failAt(f.pos, "%s wants a string", f.key)
	}
	return f.val.tok.text
}

// integer is the field's number.
func (p *parser) integer(f *noteField) int64 {
	n, err := strconv.ParseInt(f.val.tok.text, 10, 64)
	if f.val.form != noteScalar || err != nil {
		p.failAt(f.pos, "%s wants an integer", f.key)
	}
	return n
}

// bytes is the field's bytes; nil when they are empty.
func (p *parser) bytes(f *noteField) []byte {
	if s := p.text(f); s != "" {
		return []byte(s)
	}
	return nil
}

// pairs is the field's list of pairs.
func (p *parser) pairs(f *noteField) []Prop {
	var list []Prop
	for _, v := range f.val.list {
		if v.form != notePair {
			p.failAt(f.pos, "%s wants a list of \"key\": \"value\"", f.key)
			return nil
		}
		list = append(list, v.pair.prop())
	}
	return list
}

// words is the field's list of words.
func (p *parser) words(f *noteField) []string {
	var list []string
	for _, v := range f.val.list {
		list = append(list, v.tok.text)
	}
	if f.val.form != noteList {
		p.failAt(f.pos, "%s wants a list in brackets", f.key)
	}
	return list
}

// fieldNames are the numbers of the fields whose presence notes speak about, by kind of note.
var fieldNames = map[string]map[string]int{
	"model":    {"ir_version": 1, "producer_name": 2, "producer_version": 3, "domain": 4, "model_version": 5, "doc_string": 6, "graph": 7},
	"graph":    {"name": 2, "doc_string": 10},
	"node":     {"name": 3, "op_type": 4, "doc_string": 6, "domain": 7, "overload": 8},
	"attr":     {"name": 1, "f": 2, "i": 3, "s": 4, "doc_string": 13, "type": 20, "ref_attr_name": 21},
	"value":    {"name": 1, "type": 2, "doc_string": 3},
	"tensor":   {"data_type": 2, "name": 8, "raw_data": 9, "doc_string": 12, "data_location": 14},
	"type":     {"denotation": 6},
	"dim":      {"dim_param": 2, "denotation": 3},
	"function": {"name": 1, "doc_string": 8, "domain": 10, "overload": 13},
	"opset":    {"domain": 1, "version": 2},

	// Of the message inside a TypeProto.
	"inner":       {"elem_type": 1, "key_type": 1, "domain": 1, "name": 2},
	"tensor_type": {"elem_type": 1},
	"map_type":    {"key_type": 1},
	"opaque_type": {"domain": 1, "name": 2},
}

// bits is a list of fields as a set of numbers.
func (p *parser) bits(kind string, f *noteField) uint64 {
	var set uint64
	for _, word := range p.words(f) {
		n, ok := fieldNames[kind][word]
		if !ok {
			n, _ = strconv.Atoi(word)
		}
		if n < 1 || n > 63 {
			p.failAt(f.pos, "a %s has no field %q", kind, word)
			return 0
		}
		set |= 1 << n
	}
	return set
}

// bitNames is the inverse of bits: a set of field numbers as a list, in the order of the numbers.
func bitNames(kind string, set uint64) string {
	var list []string
	for n := range 64 {
		if set&(1<<n) == 0 {
			continue
		}
		word := strconv.Itoa(n)
		for name, k := range fieldNames[kind] {
			if k == n {
				word = name
			}
		}
		list = append(list, word)
	}
	return "[" + strings.Join(list, ", ") + "]"
}

// extra uses the fields that every kind of note may have: what the file said beyond the struct.
func (p *parser) extra(kind string, f *noteField, x **Extra) bool {
	e := *x
	if e == nil {
		e = &Extra{}
	}
	switch f.key {
	case "unknown":
		e.Unknown = p.bytes(f)
	case "explicit":
		e.Explicit |= p.bits(kind, f)
	case "absent":
		e.Absent |= p.bits(kind, f)
	default:
		return false
	}
	*x = e
	return true
}

// noteText collects the fields of a note.
type noteText struct {
	kind   string
	fields []string
}

func (n *noteText) add(format string, args ...any) {
	n.fields = append(n.fields, fmt.Sprintf(format, args...))
}

// text adds a string unless it is empty.
func (n *noteText) text(key, s string) {
	if s != "" {
		n.add("%s: %s", key, quoteLine(s))
	}
}

func (n *noteText) hex(key string, b []byte) {
	if len(b) > 0 {
		n.add(`%s: x"%x"`, key, b)
	}
}

func (n *noteText) props(key string, list []Prop) {
	if len(list) > 0 {
		n.add("%s: [%s]", key, propText(list, quoteLine))
	}
}

// set adds a list of field numbers unless it is empty.
func (n *noteText) set(key string, bits uint64) {
	if bits != 0 {
		n.add("%s: %s", key, bitNames(n.kind, bits))
	}
}

// extra adds unknown fields, and which of the fields in mask, whose values are defaults, are present nevertheless.
func (n *noteText) extra(x *Extra, mask uint64) {
	if x == nil {
		return
	}
	n.set("explicit", x.Explicit&mask)
	n.hex("unknown", x.Unknown)
}

// empties is the set of those fields, by name, whose string is empty.
func empties(kind string, pairs ...string) uint64 {
	var set uint64
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			set |= 1 << fieldNames[kind][pairs[i]]
		}
	}
	return set
}

// note writes a note of what is printed next, on lines of its own.
func (p *printer) note(n *noteText) {
	if !p.notes || len(n.fields) == 0 {
		return
	}
	if !p.fresh {
		p.line()
	}
	p.f("%s %s %s", noteMark, n.kind, strings.Join(n.fields, ", "))
	p.line()
}

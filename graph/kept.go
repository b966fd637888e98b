package graph

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// keptField is a field of a message that the IR keeps in wire form (Extra.Kept), for notes: strings, integers, messages.
type keptField struct {
	num  int
	name string
	form keptForm
	of   []keptField
}

type keptForm uint8

const (
	keptString keptForm = iota
	keptInt
	keptMessages
)

// The messages of the format that the IR does not take apart, with the field's number in the model, graph and node.
var (
	modelKept = []keptField{{26, "configuration", keptMessages, []keptField{
		{1, "name", keptString, nil}, {2, "num_devices", keptInt, nil}, {3, "device", keptString, nil}}}}
	graphKept = []keptField{{14, "quantization_annotation", keptMessages, []keptField{
		{1, "tensor_name", keptString, nil},
		{2, "quant_parameter_tensor_names", keptMessages, []keptField{{1, "key", keptString, nil}, {2, "value", keptString, nil}}}}}}
	nodeKept = []keptField{{10, "device_configurations", keptMessages, []keptField{
		{1, "configuration_id", keptString, nil},
		{2, "sharding_spec", keptMessages, []keptField{
			{1, "tensor_name", keptString, nil}, {2, "device", keptInt, nil},
			{3, "index_to_device_group_map", keptMessages, []keptField{{1, "key", keptInt, nil}, {2, "value", keptInt, nil}}},
			{4, "sharded_dim", keptMessages, []keptField{
				{1, "axis", keptInt, nil},
				{2, "simple_sharding", keptMessages, []keptField{
					{1, "dim_value", keptInt, nil}, {2, "dim_param", keptString, nil}, {3, "num_shards", keptInt, nil}}}}}}},
		{3, "pipeline_stage", keptInt, nil}}}}
)

// kept adds the kept fields of x that the table names: each as a message where that says all of it, else as bytes in wire form.
func (n *noteText) kept(x *Extra, table []keptField) {
	for _, spec := range table {
		for _, f := range x.Kept {
			if f.Number != spec.num {
				continue
			}
			text, ok := keptText(spec.of, f.Value, 0)
			if !ok {
				text = fmt.Sprintf(`x"%x"`, f.Value)
			}
			n.add("%s: %s", spec.name, text)
		}
	}
}

// keep reads a field that kept wrote.
func (p *parser) keep(table []keptField, f *noteField, x **Extra) bool {
	for _, spec := range table {
		if spec.name != f.key {
			continue
		}
		if *x == nil {
			*x = &Extra{}
		}
		value := []byte(f.val.tok.text)
		if f.val.form == noteMessage {
			value = p.keptWire(spec.of, f.val.msg)
		} else if !f.val.tok.hex {
			p.failAt(f.pos, `%s wants {field: value, …} or x"…"`, f.key)
		}
		(*x).Kept = append((*x).Kept, Field{Number: spec.num, Value: value})
		return true
	}
	return false
}

// keptText is a message as {field: value, …}; false when it is not written in the one way in which keptWire writes it.
func keptText(table []keptField, wire []byte, depth int) (string, bool) {
	if depth > maxNoteDepth {
		return "", false
	}
	var parts []string
	for rest := wire; len(rest) > 0; {
		tag, n := binary.Uvarint(rest)
		if n <= 0 {
			return "", false
		}
		rest = rest[n:]
		spec := keptByNumber(table, int(tag>>3))
		u, n := binary.Uvarint(rest)
		if spec == nil || n <= 0 {
			return "", false
		}
		rest = rest[n:]
		isInt := spec.form == keptInt
		switch {
		case isInt && tag&7 == 0:
			parts = append(parts, fmt.Sprintf("%s: %d", spec.name, int64(u)))
			continue
		case isInt || tag&7 != 2 || u > uint64(len(rest)):
			return "", false
		}
		body := rest[:u]
		rest = rest[u:]
		text, ok := quoteLine(string(body)), true
		if spec.form == keptMessages {
			text, ok = keptText(spec.of, body, depth+1)
		}
		if !ok {
			return "", false
		}
		parts = append(parts, spec.name+": "+text)
	}
	text := "{" + strings.Join(parts, ", ") + "}"
	l := &lexer{src: text, inNote: true}
	l.next()
	v := l.noteValue(0)
	p := &parser{lexer: l}
	if again := p.keptWire(table, v.msg); p.err != nil || !bytes.Equal(again, wire) {
		return "", false
	}
	return text, true
}

func keptByNumber(table []keptField, num int) *keptField {
	for i := range table {
		if table[i].num == num {
			return &table[i]
		}
	}
	return nil
}

// keptWire is the message in wire form, its fields in the order of the text.
func (p *parser) keptWire(table []keptField, fields []noteField) []byte {
	wire := []byte{}
	for _, f := range fields {
		var spec *keptField
		for i := range table {
			if table[i].name == f.key {
				spec = &table[i]
			}
		}
		if spec == nil {
			p.failAt(f.pos, "there is no field %q here", f.key)
			return wire
		}
		wrong := func(want string) { p.failAt(f.pos, "%s wants %s", f.key, want) }
		switch spec.form {
		case keptInt:
			n, err := strconv.ParseInt(f.val.tok.text, 10, 64)
			if f.val.form != noteScalar || err != nil {
				wrong("an integer")
			}
			wire = binary.AppendUvarint(binary.AppendUvarint(wire, uint64(spec.num)<<3), uint64(n))
			continue
		case keptMessages:
			if f.val.form != noteMessage {
				wrong("{field: value, …}")
			}
		default:
			if f.val.form != noteScalar || f.val.tok.kind != tokString {
				wrong("a string")
			}
		}
		body := []byte(f.val.tok.text)
		if spec.form == keptMessages {
			body = p.keptWire(spec.of, f.val.msg)
		}
		wire = binary.AppendUvarint(binary.AppendUvarint(wire, uint64(spec.num)<<3|2), uint64(len(body)))
		wire = append(wire, body...)
	}
	return wire
}

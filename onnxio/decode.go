package onnxio

import (
	"errors"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
)

// Decode reads a model from memory. The model's tensors are views into data, which must not change while the model is in use. There is
// no folder to look for external data in, so a model that has any is refused, unless opt says to skip it.
func Decode(data []byte, opt LoadOptions) (*graph.Model, error) {
	return newDecoder(opt, nil, len(data)).model(view{b: data})
}

type decoder struct {
	walker
	opt     LoadOptions
	lim     Limits
	src     *mapping // what the input lies in; nil: ordinary memory
	ext     *externals
	words   map[string]string
	nodes   int
	tensors int
	spent   int64 // of lim.Memory
	strings int64 // of lim.Strings
}

// spend counts the memory of an IR struct before it is made, so that a small file cannot ask for much of it.
func (d *decoder) spend(at int64, bytes int64) error {
	if d.spent += bytes; d.spent > d.lim.Memory {
		return d.fail(at, &LimitError{Name: "memory", Limit: d.lim.Memory, What: "bytes of memory for the structure"})
	}
	return nil
}

// Rough sizes of the IR's structs with what belongs to them.
const (
	nodeSize, attrSize, valueSize, tensorSize, propSize, graphSize, dimSize, typeSize, inputSize = 300, 400, 350, 600, 80, 600, 64, 120, 32
)

func newDecoder(opt LoadOptions, ext *externals, size int) *decoder {
	d := &decoder{opt: opt, lim: opt.Limits.withDefaults(size), ext: ext, words: map[string]string{}}
	d.maxDepth = d.lim.Depth
	return d
}

// str copies a name or a key, each once, because models repeat them a lot. A limit that it goes beyond is told by the next each.
func (d *decoder) str(b []byte) string {
	if s, ok := d.words[string(b)]; ok {
		return s
	}
	if int64(len(b)) > d.lim.Name {
		d.over = &LimitError{Name: "name", Limit: d.lim.Name}
		return ""
	}
	s := d.long(b)
	d.words[s] = s
	return s
}

// long copies documentation or metadata, which may be longer than a name.
func (d *decoder) long(b []byte) string {
	if s, ok := d.words[string(b)]; ok {
		return s
	}
	if d.strings += int64(len(b)); d.strings > d.lim.Strings {
		d.over = &LimitError{Name: "strings", Limit: d.lim.Strings}
		return ""
	}
	s := string(b)
	if len(b) <= shortText {
		d.words[s] = s
	}
	return s
}

// shortText is the most bytes of a text that is kept once, as names are.
const shortText = 64

func extraOf(x **graph.Extra) *graph.Extra {
	if *x == nil {
		*x = &graph.Extra{}
	}
	return *x
}

func unknownTo(x **graph.Extra) func([]byte) {
	return func(wire []byte) {
		e := extraOf(x)
		e.Unknown = append(e.Unknown, wire...)
	}
}

// text stores a name, and marks one that is present and empty.
func (d *decoder) text(dst *string, x **graph.Extra, f *field) {
	*dst = d.str(f.body.b)
	if *dst == "" {
		extraOf(x).Explicit |= 1 << f.num
	}
}

// doc is text for documentation.
func (d *decoder) doc(dst *string, x **graph.Extra, f *field) {
	*dst = d.long(f.body.b)
	if *dst == "" {
		extraOf(x).Explicit |= 1 << f.num
	}
}

// number stores an integer field, and marks one that is present and zero.
func number[T ~int32 | ~int64](dst *T, x **graph.Extra, f *field) {
	*dst = T(f.u)
	if *dst == 0 {
		extraOf(x).Explicit |= 1 << f.num
	}
}

// single collects a message field that is not repeated. Protobuf merges several of them, which is the same as reading one after the other.
type single struct {
	view
	set bool
}

func (s *single) add(v view) {
	if !s.set {
		s.view, s.set = v, true
		return
	}
	s.b = append(s.b[:len(s.b):cap(s.b)], v.b...)
}

func (d *decoder) kept(x **graph.Extra, f *field) {
	e := extraOf(x)
	e.Kept = append(e.Kept, graph.Field{Number: int(f.num), Value: append([]byte(nil), f.body.b...)})
}

func (d *decoder) model(v view) (*graph.Model, error) {
	m := &graph.Model{}
	d.push("model", -1)
	defer d.pop()
	if int64(len(v.b)) > d.lim.File {
		return nil, d.fail(v.off, &LimitError{Name: "file", Limit: d.lim.File})
	}
	var main single
	err := d.each(modelSchema, v, func(f *field) error {
		switch f.num {
		case modelIRVersion:
			number(&m.IRVersion, &m.Extra, f)
		case modelProducer:
			d.text(&m.Producer, &m.Extra, f)
		case modelProducerVersion:
			d.text(&m.ProducerVersion, &m.Extra, f)
		case modelDomain:
			d.text(&m.Domain, &m.Extra, f)
		case modelVersion:
			number(&m.ModelVersion, &m.Extra, f)
		case modelDoc:
			d.doc(&m.Doc, &m.Extra, f)
		case modelGraph:
			main.add(f.body)
		case modelOpset:
			o, err := d.opset(f.body, len(m.Opsets))
			m.Opsets = append(m.Opsets, o)
			return err
		case modelProps:
			return d.prop(&m.Props, "metadata_props", f.body)
		case modelTraining:
			t, err := d.training(f.body, len(m.Training))
			m.Training = append(m.Training, t)
			return err
		case modelFunctions:
			if len(m.Functions) >= d.lim.Functions {
				return d.fail(f.off, &LimitError{Name: "functions", Limit: int64(d.lim.Functions)})
			}
			fn, err := d.function(f.body, len(m.Functions))
			m.Functions = append(m.Functions, fn)
			return err
		case modelConfiguration:
			d.kept(&m.Extra, f)
			return d.check(configurationSchema, f.body)
		}
		return nil
	}, unknownTo(&m.Extra))
	if err != nil {
		return nil, err
	}
	if !main.set {
		if len(m.Functions) == 0 {
			return nil, d.fail(v.off, errors.New("not an ONNX model: it holds no graph"))
		}
		extraOf(&m.Extra).Absent |= 1 << modelGraph
		m.Graph = &graph.Graph{}
	} else {
		d.push("graph", -1)
		m.Graph, err = d.graph(main.view, nil)
		d.pop()
	}
	if err == nil {
		err = d.exceeded(v.off)
	}
	if err == nil {
		err = d.checkCalls(m, v.off)
	}
	if err != nil {
		return nil, err
	}
	return m, nil
}

func (d *decoder) opset(v view, i int) (graph.OpsetID, error) {
	var o graph.OpsetID
	d.push("opset_import", i)
	defer d.pop()
	if err := d.spend(v.off, propSize); err != nil {
		return o, err
	}
	err := d.each(opsetSchema, v, func(f *field) error {
		if f.num == opsetDomain {
			d.text(&o.Domain, &o.Extra, f)
		} else {
			number(&o.Version, &o.Extra, f)
		}
		return nil
	}, unknownTo(&o.Extra))
	return o, err
}

// prop appends a StringStringEntryProto.
func (d *decoder) prop(list *[]graph.Prop, name string, v view) error {
	var p graph.Prop
	d.push(name, len(*list))
	defer d.pop()
	if err := d.spend(v.off, propSize); err != nil {
		return err
	}
	err := d.each(entrySchema, v, func(f *field) error {
		if f.num == entryKey {
			p.Key = d.str(f.body.b)
		} else {
			p.Value = d.long(f.body.b)
		}
		if len(f.body.b) == 0 {
			p.Explicit |= 1 << f.num
		}
		return nil
	}, func(wire []byte) { p.Unknown = append(p.Unknown, wire...) })
	*list = append(*list, p)
	return err
}

func (d *decoder) training(v view, i int) (*graph.Training, error) {
	t := &graph.Training{}
	d.push("training_info", i)
	defer d.pop()
	var graphs [2]single
	err := d.each(trainingSchema, v, func(f *field) error {
		switch f.num {
		case trainInit:
			graphs[0].add(f.body)
		case trainStep:
			graphs[1].add(f.body)
		case trainInitBind:
			return d.prop(&t.InitBinding, "initialization_binding", f.body)
		case trainUpdate:
			return d.prop(&t.UpdateBinding, "update_binding", f.body)
		}
		return nil
	}, unknownTo(&t.Extra))
	for i, dst := range []**graph.Graph{&t.Initialization, &t.Algorithm} {
		if err == nil && graphs[i].set {
			d.push([]string{"initialization", "algorithm"}[i], -1)
			*dst, err = d.graph(graphs[i].view, nil)
			d.pop()
		}
	}
	return t, err
}

package onnxio

import (
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

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
}

// spend counts the memory of an IR struct before it is made, so that a small file cannot ask for much of it.
func (d *decoder) spend(at int64, bytes int64) error {
	if d.spent += bytes; d.spent > d.lim.Memory {
		return d.fail(at, fmt.Errorf("the structure needs more than %d bytes of memory", d.lim.Memory))
	}
	return nil
}

// Rough sizes of the IR's structs with what belongs to them.
const (
	nodeSize, attrSize, valueSize, tensorSize, propSize, graphSize, dimSize, typeSize, inputSize = 300, 400, 350, 600, 80, 600, 64, 120, 32
)

func newDecoder(opt LoadOptions, ext *externals, size int) *decoder {
	d := &decoder{opt: opt, lim: opt.Limits.withDefaults(), ext: ext, words: map[string]string{}}
	d.maxDepth = d.lim.Depth
	if d.lim.Memory <= 0 {
		d.lim.Memory = 64<<20 + 32*int64(size)
	}
	return d
}

// str copies b; short strings, which models repeat a lot, are shared.
func (d *decoder) str(b []byte) string {
	if len(b) > 64 {
		return string(b)
	}
	s, ok := d.words[string(b)]
	if !ok {
		s = string(b)
		d.words[s] = s
	}
	return s
}

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

// text stores a string field, and marks one that is present and empty.
func (d *decoder) text(dst *string, x **graph.Extra, f *field) {
	*dst = d.str(f.body.b)
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
			d.text(&m.Doc, &m.Extra, f)
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
		return m, nil
	}
	d.push("graph", -1)
	m.Graph, err = d.graph(main.view, nil)
	d.pop()
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
		dst := &p.Key
		if f.num == entryValue {
			dst = &p.Value
		}
		*dst = d.str(f.body.b)
		if *dst == "" {
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

func (d *decoder) node(g *graph.Graph, v view, s *scope, outs *[]*graph.Value) error {
	if d.nodes++; d.nodes > d.lim.Nodes {
		return d.fail(v.off, fmt.Errorf("more than %d nodes", d.lim.Nodes))
	}
	if err := d.spend(v.off, nodeSize); err != nil {
		return err
	}
	n := &graph.Node{}
	err := d.each(nodeSchema, v, func(f *field) error {
		switch f.num {
		case nodeInput:
			n.AddInput(d.resolve(s, f.body.b))
			return d.spend(f.off, inputSize)
		case nodeOutput:
			n.AddOutput((*outs)[0])
			*outs = (*outs)[1:]
		case nodeName:
			d.text(&n.Name, &n.Extra, f)
		case nodeOp:
			d.text(&n.ID.Op, &n.Extra, f)
		case nodeDomain:
			d.text(&n.ID.Domain, &n.Extra, f)
		case nodeOverload:
			d.text(&n.ID.Overload, &n.Extra, f)
		case nodeDoc:
			d.text(&n.Doc, &n.Extra, f)
		case nodeProps:
			return d.prop(&n.Props, "metadata_props", f.body)
		case nodeDevice:
			d.kept(&n.Extra, f)
			return d.check(deviceSchema, f.body)
		case nodeAttr:
			if len(n.Attrs) >= d.lim.Attrs {
				return d.fail(f.off, fmt.Errorf("more than %d attributes", d.lim.Attrs))
			}
			d.push("attribute", len(n.Attrs))
			a, err := d.attr(f.body, s)
			d.pop()
			if err == nil {
				n.Attrs = append(n.Attrs, a)
			}
			return err
		}
		return nil
	}, unknownTo(&n.Extra))
	if err == nil {
		g.Append(n)
	}
	return err
}

func (d *decoder) attr(v view, s *scope) (*graph.Attr, error) {
	if err := d.spend(v.off, attrSize); err != nil {
		return nil, err
	}
	a := &graph.Attr{}
	var t, g, sp, tp single
	var seen uint64
	err := d.each(attrSchema, v, func(f *field) error {
		seen |= 1 << f.num
		switch f.num {
		case attrName:
			d.text(&a.Name, &a.Extra, f)
		case attrRef:
			d.text(&a.Ref, &a.Extra, f)
		case attrDoc:
			d.text(&a.Doc, &a.Extra, f)
		case attrType:
			number(&a.Kind, &a.Extra, f)
		case attrI:
			number(&a.I, &a.Extra, f)
		case attrF:
			a.F = math.Float32frombits(uint32(f.u))
			if f.u == 0 {
				extraOf(&a.Extra).Explicit |= 1 << attrF
			}
		case attrS:
			a.S = append([]byte{}, f.body.b...)
			if len(a.S) == 0 {
				extraOf(&a.Extra).Explicit |= 1 << attrS
			}
		case attrT:
			t.add(f.body)
		case attrG:
			g.add(f.body)
		case attrSparse:
			sp.add(f.body)
		case attrTP:
			tp.add(f.body)
		case attrInts:
			return d.varints(attrSchema, f, func(u uint64) { a.Ints = append(a.Ints, int64(u)) })
		case attrFloats:
			return d.float32s(attrSchema, f, func(x float32) { a.Floats = append(a.Floats, x) })
		case attrStrings:
			a.Strings = append(a.Strings, append([]byte{}, f.body.b...))
		case attrTensors:
			d.push("tensors", len(a.Tensors))
			defer d.pop()
			x, _, err := d.tensor(f.body, false)
			a.Tensors = append(a.Tensors, x)
			return err
		case attrGraphs:
			d.push("graphs", len(a.Graphs))
			defer d.pop()
			x, err := d.graph(f.body, s)
			a.Graphs = append(a.Graphs, x)
			return err
		case attrSparses:
			d.push("sparse_tensors", len(a.Sparses))
			defer d.pop()
			x, _, err := d.sparse(f.body)
			a.Sparses = append(a.Sparses, x)
			return err
		case attrTPs:
			d.push("type_protos", len(a.Types))
			defer d.pop()
			x := &graph.Type{}
			a.Types = append(a.Types, x)
			return d.typ(x, f.body)
		}
		return nil
	}, unknownTo(&a.Extra))
	if err != nil {
		return a, err
	}
	if num := scalarField(a.Kind); num != 0 && seen&(1<<num) == 0 {
		extraOf(&a.Extra).Absent |= 1 << num
	}
	if t.set {
		d.push("t", -1)
		a.T, _, err = d.tensor(t.view, false)
		d.pop()
	}
	if g.set && err == nil {
		d.push("g", -1)
		a.G, err = d.graph(g.view, s)
		d.pop()
	}
	if sp.set && err == nil {
		d.push("sparse_tensor", -1)
		a.Sparse, _, err = d.sparse(sp.view)
		d.pop()
	}
	if tp.set && err == nil {
		d.push("tp", -1)
		a.TP = &graph.Type{}
		err = d.typ(a.TP, tp.view)
		d.pop()
	}
	return a, err
}

// scalarField is the field that holds the value of an attribute whose value may be a default.
func scalarField(k graph.AttrKind) protowire.Number {
	switch k {
	case graph.AttrInt:
		return attrI
	case graph.AttrFloat:
		return attrF
	case graph.AttrString:
		return attrS
	}
	return 0
}

// check walks a message that is kept as it is, so that what cannot be read is found now.
func (d *decoder) check(s *schema, v view) error {
	d.push(s.name, -1)
	defer d.pop()
	return d.each(s, v, func(f *field) error {
		if spec := s.fields[f.num]; spec.message != nil {
			return d.check(spec.message, f.body)
		} else if spec.kind == varintList {
			return d.varints(s, f, func(uint64) {})
		}
		return nil
	}, func([]byte) {})
}

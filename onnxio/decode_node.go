package onnxio

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
)

func (d *decoder) node(g *graph.Graph, v view, s *scope, outs *[]*graph.Value) error {
	if d.nodes++; d.nodes > d.lim.Nodes {
		return d.fail(v.off, &LimitError{Name: "nodes", Limit: int64(d.lim.Nodes)})
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
			d.doc(&n.Doc, &n.Extra, f)
		case nodeProps:
			return d.prop(&n.Props, "metadata_props", f.body)
		case nodeDevice:
			d.kept(&n.Extra, f)
			return d.check(deviceSchema, f.body)
		case nodeAttr:
			if len(n.Attrs) >= d.lim.Attrs {
				return d.fail(f.off, &LimitError{Name: "attributes", Limit: int64(d.lim.Attrs)})
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
			d.doc(&a.Doc, &a.Extra, f)
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

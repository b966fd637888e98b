package onnxio

import "github.com/onnx-rewrite/onnx-rewrite/graph"

func (d *decoder) function(v view, i int) (*graph.Function, error) {
	d.push("functions", i)
	defer d.pop()
	fn := &graph.Function{}
	r, err := d.newGraph(v.off, nil)
	if err != nil {
		return nil, err
	}
	fn.Body = r.g
	var nodes, infos []view
	var outs [][]byte
	err = d.each(functionSchema, v, func(f *field) error {
		switch f.num {
		case funcName:
			d.text(&fn.ID.Op, &fn.Extra, f)
		case funcDomain:
			d.text(&fn.ID.Domain, &fn.Extra, f)
		case funcOverload:
			d.text(&fn.ID.Overload, &fn.Extra, f)
		case funcDoc:
			d.doc(&fn.Doc, &fn.Extra, f)
		case funcInput:
			if err := d.spend(f.off, valueSize); err != nil {
				return err
			}
			r.g.Inputs = append(r.g.Inputs, r.define(d.str(f.body.b)))
		case funcOutput:
			outs = append(outs, f.body.b)
		case funcAttr:
			fn.Attrs = append(fn.Attrs, graph.AttrDecl{Name: d.str(f.body.b)})
		case funcAttrProto:
			d.push("attribute_proto", len(fn.Attrs))
			defer d.pop()
			a, err := d.attr(f.body, nil)
			if err != nil {
				return err
			}
			fn.Attrs = append(fn.Attrs, graph.AttrDecl{Name: a.Name, Default: a})
			return nil
		case funcNode:
			nodes = append(nodes, f.body)
		case funcValueInfo:
			infos = append(infos, f.body)
		case funcOpset:
			o, err := d.opset(f.body, len(fn.Opsets))
			fn.Opsets = append(fn.Opsets, o)
			return err
		case funcProps:
			return d.prop(&fn.Props, "metadata_props", f.body)
		}
		return nil
	}, unknownTo(&fn.Extra))
	if err != nil {
		return nil, err
	}
	read := func(name string, list []view, visit func(view) error) {
		for i, v := range list {
			if err == nil {
				d.push(name, i)
				err = visit(v)
				d.pop()
			}
		}
	}
	read("node", nodes, r.nodeOutputs)
	read("value_info", infos, r.valueInfo)
	for _, name := range outs {
		v := r.resolve(r.s, name)
		if v == nil {
			v = &graph.Value{}
		}
		r.g.Outputs = append(r.g.Outputs, v)
	}
	read("node", nodes, r.node)
	return fn, err
}

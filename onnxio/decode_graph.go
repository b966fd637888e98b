package onnxio

import (
	"bytes"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
)

// scope is the values that a name can mean inside a graph: its own, then those of the graphs around it.
type scope struct {
	parent *scope
	depth  int
	byName map[string]*graph.Value
}

func (s *scope) find(name []byte) *graph.Value {
	for ; s != nil; s = s.parent {
		if v := s.byName[string(name)]; v != nil {
			return v
		}
	}
	return nil
}

// resolve is the value that a node's input names; nil for the empty name. A name that nothing defines gets a value without producer.
func (d *decoder) resolve(s *scope, name []byte) *graph.Value {
	if len(name) == 0 {
		return nil
	}
	if v := s.find(name); v != nil {
		return v
	}
	d.spent += valueSize // the caller checks
	v := &graph.Value{Name: d.str(name)}
	s.byName[v.Name] = v
	return v
}

// graphReader builds one graph or function body. Values are made before anything refers to them, so that order in the file does not
// matter; the first definition of a name is the one that references mean.
type graphReader struct {
	*decoder
	g      *graph.Graph
	s      *scope
	stated map[*graph.Value][]byte // the ValueInfoProto that a value's type comes from
	outs   []*graph.Value          // of all nodes, in order

	returned map[*graph.Value]bool // is in g.Outputs
}

func (d *decoder) newGraph(at int64, parent *scope) (*graphReader, error) {
	r := &graphReader{decoder: d, g: &graph.Graph{}, s: &scope{parent: parent, byName: map[string]*graph.Value{}}, stated: map[*graph.Value][]byte{}, returned: map[*graph.Value]bool{}}
	if parent != nil {
		r.s.depth = parent.depth + 1
	}
	if r.s.depth > d.lim.Subgraphs {
		return nil, d.fail(at, &LimitError{Name: "subgraphs", Limit: int64(d.lim.Subgraphs)})
	}
	return r, d.spend(at, graphSize)
}

func (d *decoder) graph(v view, parent *scope) (*graph.Graph, error) {
	r, err := d.newGraph(v.off, parent)
	if err != nil {
		return nil, err
	}
	g := r.g
	var nodes, inits, sparse, ins, outs, infos []view
	err = d.each(graphSchema, v, func(f *field) error {
		switch f.num {
		case graphNode:
			nodes = append(nodes, f.body)
		case graphInit:
			inits = append(inits, f.body)
		case graphSparseInit:
			sparse = append(sparse, f.body)
		case graphInput:
			ins = append(ins, f.body)
		case graphOutput:
			outs = append(outs, f.body)
		case graphValueInfo:
			infos = append(infos, f.body)
		case graphName:
			d.text(&g.Name, &g.Extra, f)
		case graphDoc:
			d.doc(&g.Doc, &g.Extra, f)
		case graphProps:
			return d.prop(&g.Props, "metadata_props", f.body)
		case graphQuant:
			d.kept(&g.Extra, f)
			return d.check(annotationSchema, f.body)
		}
		return nil
	}, unknownTo(&g.Extra))
	if err != nil {
		return nil, err
	}
	for _, step := range []struct {
		name string
		list []view
		read func(view) error
	}{
		{"input", ins, r.input},
		{"initializer", inits, r.init},
		{"sparse_initializer", sparse, r.sparseInit},
		{"node", nodes, r.nodeOutputs},
		{"output", outs, r.output},
		{"value_info", infos, r.valueInfo},
		{"node", nodes, r.node},
	} {
		for i, v := range step.list {
			d.push(step.name, i)
			err := step.read(v)
			d.pop()
			if err != nil {
				return nil, err
			}
		}
	}
	return g, nil
}

func (r *graphReader) node(v view) error { return r.decoder.node(r.g, v, r.s, &r.outs) }

// define makes a value of this graph, and enters its name unless it is taken.
func (r *graphReader) define(name string) *graph.Value {
	v := &graph.Value{Name: name}
	r.g.Adopt(v)
	if r.s.byName[name] == nil {
		r.s.byName[name] = v
	}
	return v
}

// info fills v from a ValueInfoProto.
func (r *graphReader) info(v *graph.Value, m view) error {
	v.Doc, v.Props, v.Extra = "", nil, nil
	if err := r.spend(m.off, valueSize); err != nil {
		return err
	}
	var t single
	err := r.each(infoSchema, m, func(f *field) error {
		switch f.num {
		case infoName:
			r.text(&v.Name, &v.Extra, f)
		case infoType:
			t.add(f.body)
		case infoDoc:
			r.doc(&v.Doc, &v.Extra, f)
		case infoProps:
			return r.prop(&v.Props, "metadata_props", f.body)
		}
		return nil
	}, unknownTo(&v.Extra))
	if err == nil && !t.set && v.Type.Kind != graph.KindUnknown { // an initializer, whose type is known anyway
		extraOf(&v.Extra).Absent |= 1 << infoType
	}
	if err != nil || !t.set {
		return err
	}
	r.push("type", -1)
	defer r.pop()
	v.Type = graph.Type{}
	if err := r.typ(&v.Type, t.view); err != nil {
		return err
	}
	if v.Type.Kind == graph.KindUnknown {
		extraOf(&v.Extra).Explicit |= 1 << infoType
	}
	return nil
}

// state is info for a value of this graph, of which nothing was said before.
func (r *graphReader) state(v *graph.Value, m view) error {
	r.stated[v] = m.b
	return r.info(v, m)
}

// detached is a value that only carries what m says.
func (r *graphReader) detached(m view) (*graph.Value, error) {
	v := &graph.Value{}
	return v, r.info(v, m)
}

func (r *graphReader) infoNameOf(m view) (name []byte, err error) {
	err = r.each(infoSchema, m, func(f *field) error {
		if f.num == infoName {
			name = f.body.b
		}
		return nil
	}, func([]byte) {})
	return name, err
}

func (r *graphReader) input(m view) error {
	name, err := r.infoNameOf(m)
	if err != nil {
		return err
	}
	v := r.define(r.str(name))
	r.g.Inputs = append(r.g.Inputs, v)
	return r.state(v, m)
}

func (r *graphReader) output(m view) error {
	name, err := r.infoNameOf(m)
	if err != nil {
		return err
	}
	v := r.s.find(name)
	own := v != nil && r.s.byName[string(name)] == v
	if v == nil || !own && v.Graph() == nil { // defined nowhere
		v, own = &graph.Value{Name: r.str(name)}, true
		r.s.byName[v.Name] = v
	}
	said, isStated := r.stated[v]
	switch {
	case own && !isStated:
		err = r.state(v, m)
	case own && bytes.Equal(said, m.b):
	default:
		var other *graph.Value
		if other, err = r.detached(m); err != nil {
			return err
		}
		if r.returned[v] {
			v = other // a name that is returned twice, in two ways
			break
		}
		x := extraOf(&r.g.Extra)
		if x.OutputInfo == nil {
			x.OutputInfo = map[string]graph.OutputInfo{}
		}
		x.OutputInfo[v.Name] = graph.OutputInfo{Info: other, Elem: v.Type.Elem}
	}
	r.g.Outputs = append(r.g.Outputs, v)
	r.returned[v] = true
	return err
}

func (r *graphReader) valueInfo(m view) error {
	name, err := r.infoNameOf(m)
	if err != nil {
		return err
	}
	v := r.s.byName[string(name)]
	said, isStated := r.stated[v]
	switch {
	case v != nil && !isStated:
		err = r.state(v, m)
	case v != nil && bytes.Equal(said, m.b):
	default:
		v, err = r.detached(m)
	}
	r.g.ValueInfo = append(r.g.ValueInfo, v)
	return err
}

func (r *graphReader) init(m view) error {
	t, name, err := r.tensor(m, true)
	if err != nil {
		return err
	}
	v := r.initValue(name)
	v.Const = t
	if r.stated[v] == nil {
		v.Type = graph.TypeOf(t)
	}
	return nil
}

func (r *graphReader) sparseInit(m view) error {
	t, name, err := r.sparse(m)
	if err != nil {
		return err
	}
	v := r.initValue(name)
	v.Sparse = t
	if r.stated[v] == nil && t.Values != nil {
		v.Type = graph.Type{Kind: graph.KindSparseTensor, Elem: t.Values.Elem, Shape: graph.ConstShape(t.Dims)}
	}
	return nil
}

// initValue is the value that an initializer of that name gives a constant: an input, or a new one.
func (r *graphReader) initValue(name string) *graph.Value {
	v := r.s.byName[name]
	if v == nil || v.Const != nil || v.Sparse != nil {
		v = r.define(name)
	}
	r.g.Inits = append(r.g.Inits, v)
	return v
}

func (r *graphReader) nodeOutputs(m view) error {
	return r.each(nodeSchema, m, func(f *field) error {
		if f.num != nodeOutput {
			return nil
		}
		if err := r.spend(f.off, valueSize); err != nil {
			return err
		}
		var v *graph.Value
		if len(f.body.b) > 0 {
			v = r.define(r.str(f.body.b))
		}
		r.outs = append(r.outs, v)
		return nil
	}, func([]byte) {})
}

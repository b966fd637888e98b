package opset

import (
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// labelKeys: strings stood for their places in a list.
func labelKeys(s *site) error {
	classes := s.n.Attrs.Get("classes_strings")
	if classes == nil {
		return refuse(Malformed, "", "attribute classes_strings is missing")
	}
	places := count(0, int64(len(classes.Strings)))
	strs := &graph.Attr{Kind: graph.AttrStrings, Strings: classes.Strings}
	s.drop("classes_strings")
	switch elem(s.n.In(0)) {
	case tensor.String:
		strs.Name = "keys_strings"
		s.set(graph.IntsAttr("values_int64s", places...))
	case tensor.Int64:
		strs.Name = "values_strings"
		s.set(graph.IntsAttr("keys_int64s", places...))
	default:
		return refuse(NoShape, "", "the element type of input X is not known")
	}
	s.set(strs)
	return nil
}

func labelClasses(s *site) error {
	keys, values := s.n.Attrs.Get("keys_strings"), s.n.Attrs.Get("values_int64s")
	if keys == nil {
		keys, values = s.n.Attrs.Get("values_strings"), s.n.Attrs.Get("keys_int64s")
	}
	if keys == nil || values == nil || fmt.Sprint(values.Ints) != fmt.Sprint(count(0, int64(len(keys.Strings)))) {
		return refuse(NoAttr, "", "version 1 maps strings to their places in a list, and back, only")
	}
	for _, name := range []string{"keys_strings", "values_int64s", "values_strings", "keys_int64s"} {
		s.drop(name)
	}
	s.drop("default_float")
	s.set(&graph.Attr{Name: "classes_strings", Kind: graph.AttrStrings, Strings: keys.Strings})
	return nil
}

// labelLists: keys, values and the default were lists of strings, integers or floats.
func labelLists(s *site) error {
	for _, part := range []string{"keys", "values", "default"} {
		t := s.n.Attrs.Tensor(part + "_tensor")
		if t == nil {
			continue
		}
		if !filled(t) {
			return refuse(NoAttr, "", "attribute %s_tensor is large or has no data", part)
		}
		s.drop(part + "_tensor")
		a := &graph.Attr{Kind: graph.AttrFloats}
		switch t.Elem {
		case tensor.String:
			a.Name, a.Kind, a.Strings = part+"_strings", graph.AttrStrings, t.Strs
		case tensor.Int64:
			a.Name, a.Kind, a.Ints = part+"_int64s", graph.AttrInts, append([]int64(nil), tensor.Data[int64](t)...)
		case tensor.Float32:
			a.Name, a.Floats = part+"_floats", append([]float32(nil), tensor.Data[float32](t)...)
		default:
			return refuse(NoType, "", "attribute %s_tensor is of %s, which version 2 has no list for", part, t.Elem)
		}
		if part == "default" {
			if t.Len() != 1 {
				return refuse(Malformed, "", "attribute default_tensor has %d elements", t.Len())
			}
			a = single(a)
		}
		s.set(a)
	}
	return nil
}

// single is the attribute default_string, default_int64 or default_float of a list of one.
func single(a *graph.Attr) *graph.Attr {
	switch a.Kind {
	case graph.AttrStrings:
		return &graph.Attr{Name: "default_string", Kind: graph.AttrString, S: a.Strings[0]}
	case graph.AttrInts:
		return graph.IntAttr("default_int64", a.Ints[0])
	}
	return graph.FloatAttr("default_float", a.Floats[0])
}

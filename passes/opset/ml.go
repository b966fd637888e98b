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

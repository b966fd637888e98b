package graph

import "github.com/onnx-rewrite/onnx-rewrite/graph/tensor"

// AttrKind is AttributeProto.AttributeType, with ONNX's numbers.
type AttrKind int32

// The attribute kinds.
const (
	AttrUndefined     AttrKind = 0
	AttrFloat         AttrKind = 1
	AttrInt           AttrKind = 2
	AttrString        AttrKind = 3
	AttrTensor        AttrKind = 4
	AttrGraph         AttrKind = 5
	AttrFloats        AttrKind = 6
	AttrInts          AttrKind = 7
	AttrStrings       AttrKind = 8
	AttrTensors       AttrKind = 9
	AttrGraphs        AttrKind = 10
	AttrSparseTensor  AttrKind = 11
	AttrSparseTensors AttrKind = 12
	AttrTypeProto     AttrKind = 13
	AttrTypeProtos    AttrKind = 14
)

var attrKindNames = [...]string{"undefined", "float", "int", "string", "tensor", "graph", "floats", "ints", "strings", "tensors",
	"graphs", "sparse_tensor", "sparse_tensors", "type_proto", "type_protos"}

// String is ONNX's textual name of the kind.
func (k AttrKind) String() string {
	if k >= 0 && int(k) < len(attrKindNames) {
		return attrKindNames[k]
	}
	return "unknown"
}

// Attr is one attribute of a node. Kind says which field holds the value; Ref, when set, names the attribute of the enclosing function
// that gives it instead.
type Attr struct {
	Name    string
	Kind    AttrKind
	Ref     string
	Doc     string
	I       int64
	F       float32
	S       []byte
	T       *tensor.Tensor
	G       *Graph
	Sparse  *tensor.Sparse
	TP      *Type
	Ints    []int64
	Floats  []float32
	Strings [][]byte
	Tensors []*tensor.Tensor
	Graphs  []*Graph
	Sparses []*tensor.Sparse
	Types   []*Type
	Extra   *Extra
}

// Attrs is a node's attributes in file order; duplicates are kept for Verify to find.
type Attrs []*Attr

// Get is the first attribute of that name, or nil.
func (a Attrs) Get(name string) *Attr {
	for _, x := range a {
		if x.Name == name {
			return x
		}
	}
	return nil
}

// Int is the attribute's integer, or def when it is absent or of another kind.
func (a Attrs) Int(name string, def int64) int64 {
	if x := a.Get(name); x != nil && x.Kind == AttrInt && x.Ref == "" {
		return x.I
	}
	return def
}

// Float is the attribute's float, or def when it is absent or of another kind.
func (a Attrs) Float(name string, def float32) float32 {
	if x := a.Get(name); x != nil && x.Kind == AttrFloat && x.Ref == "" {
		return x.F
	}
	return def
}

// String is the attribute's string, or def when it is absent or of another kind.
func (a Attrs) String(name, def string) string {
	if x := a.Get(name); x != nil && x.Kind == AttrString && x.Ref == "" {
		return string(x.S)
	}
	return def
}

// Ints is the attribute's list of integers, or nil when it is absent or of another kind. The caller must not write into it.
func (a Attrs) Ints(name string) []int64 {
	if x := a.Get(name); x != nil && x.Kind == AttrInts && x.Ref == "" {
		return x.Ints
	}
	return nil
}

// Floats is the attribute's list of floats, or nil when it is absent or of another kind. The caller must not write into it.
func (a Attrs) Floats(name string) []float32 {
	if x := a.Get(name); x != nil && x.Kind == AttrFloats && x.Ref == "" {
		return x.Floats
	}
	return nil
}

// Tensor is the attribute's tensor, or nil when it is absent or of another kind.
func (a Attrs) Tensor(name string) *tensor.Tensor {
	if x := a.Get(name); x != nil && x.Kind == AttrTensor && x.Ref == "" {
		return x.T
	}
	return nil
}

// Graph is the attribute's graph, or nil when it is absent or of another kind.
func (a Attrs) Graph(name string) *Graph {
	if x := a.Get(name); x != nil && x.Kind == AttrGraph && x.Ref == "" {
		return x.G
	}
	return nil
}

// IntAttr, FloatAttr and the others make attributes.
func IntAttr(name string, v int64) *Attr     { return &Attr{Name: name, Kind: AttrInt, I: v} }
func FloatAttr(name string, v float32) *Attr { return &Attr{Name: name, Kind: AttrFloat, F: v} }
func StringAttr(name, v string) *Attr        { return &Attr{Name: name, Kind: AttrString, S: []byte(v)} }
func IntsAttr(name string, v ...int64) *Attr { return &Attr{Name: name, Kind: AttrInts, Ints: v} }
func FloatsAttr(name string, v ...float32) *Attr {
	return &Attr{Name: name, Kind: AttrFloats, Floats: v}
}
func TensorAttr(name string, t *tensor.Tensor) *Attr {
	return &Attr{Name: name, Kind: AttrTensor, T: t}
}
func GraphAttr(name string, g *Graph) *Attr { return &Attr{Name: name, Kind: AttrGraph, G: g} }

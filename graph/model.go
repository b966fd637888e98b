package graph

import "io"

// Model is a whole ONNX file: a graph, its functions, and what the file says about itself (ModelProto).
type Model struct {
	IRVersion       int64
	Opsets          []OpsetID // in file order, duplicates kept
	Producer        string
	ProducerVersion string
	Domain          string
	ModelVersion    int64
	Doc             string
	Graph           *Graph
	Functions       []*Function
	Props           []Prop
	Training        []*Training
	Extra           *Extra // configuration is in Kept

	source io.Closer
}

// Training is a TrainingInfoProto: a graph that initialises the model's weights, a graph that makes one step, and the bindings of their
// outputs to the model's initializers. The graphs name values of the model's graph without being linked to them.
type Training struct {
	Initialization, Algorithm  *Graph
	InitBinding, UpdateBinding []Prop
	Extra                      *Extra
}

// OpsetID is an opset_import entry.
type OpsetID struct {
	Domain  string
	Version int64
	Extra   *Extra
}

// Function is a model-local function (FunctionProto). Its formal inputs and outputs are Body.Inputs and Body.Outputs.
type Function struct {
	ID     OpID
	Attrs  []AttrDecl
	Body   *Graph
	Opsets []OpsetID
	Doc    string
	Props  []Prop
	Extra  *Extra
}

// AttrDecl declares an attribute of a function; Default is nil when a call must give it.
type AttrDecl struct {
	Name    string
	Default *Attr
}

// NewModel is an empty model that imports the default domain at opset.
func NewModel(irVersion, opset int64) *Model {
	return &Model{IRVersion: irVersion, Opsets: []OpsetID{{Version: opset}}, Graph: NewGraph("main")}
}

// Opset is the imported version of a domain; 0 when it is not imported. "" and "ai.onnx" are the same domain.
func (m *Model) Opset(domain string) int64 { return opsetOf(m.Opsets, domain) }

// Opset is the version of a domain that the function imports; 0 when it does not.
func (f *Function) Opset(domain string) int64 { return opsetOf(f.Opsets, domain) }

func opsetOf(list []OpsetID, domain string) int64 {
	domain = CanonicalDomain(domain)
	for _, o := range list {
		if CanonicalDomain(o.Domain) == domain {
			return o.Version
		}
	}
	return 0
}

// Import adds an opset_import for domain, unless there is one.
func (m *Model) Import(domain string, version int64) {
	if m.Opset(domain) == 0 {
		m.Opsets = append(m.Opsets, OpsetID{Domain: domain, Version: version})
	}
}

// Function is the model-local function that a node of that ID calls; nil when there is none.
func (m *Model) Function(id OpID) *Function {
	id = id.Canonical()
	for _, f := range m.Functions {
		if f.ID.Canonical() == id {
			return f
		}
	}
	return nil
}

// SetSource hands the model the mapped files that its weights lie in; Close releases them.
func (m *Model) SetSource(c io.Closer) { m.source = c }

// Source is what SetSource set.
func (m *Model) Source() io.Closer { return m.source }

// Close releases the files that the weights lie in. The tensors must not be used afterwards.
func (m *Model) Close() error {
	if m.source == nil {
		return nil
	}
	c := m.source
	m.source = nil
	return c.Close()
}

package onnxgo

import (
	"fmt"
	goruntime "runtime"

	"github.com/owulveryck/onnx-go/backend"
	_ "go4.org/unsafe/assume-no-moving-gc" // the version in go.mod; the one that onnx-go asks for refuses to start on newer versions of Go
	gonum "gonum.org/v1/gonum/graph"
	"gonum.org/v1/gonum/graph/iterator"
	"gonum.org/v1/gonum/graph/simple"

	"github.com/onnx-rewrite/onnx-rewrite/runtime"
)

var _ backend.ComputationBackend = (*Graph)(nil)

// Graph is a backend for one onnx.Model. Its edges go from a result to what it is computed from, and weigh the position of the input.
//
// The first Run compiles the model, for the shapes that the inputs have then; the first other shapes compile it once more, for all shapes. A
// Graph keeps inputs and outputs, so it serves one goroutine; several Graphs run side by side.
type Graph struct {
	// Opset is the version of ONNX's default domain that the model imports; 0 finds it by what the operators look like. Set it before the
	// first Run.
	Opset int64
	// Threads is the number of goroutines that share the work of one Run; 0 is GOMAXPROCS.
	Threads int

	nodes  []*Node // by ID; nil while a node is made and not added
	byName map[string]*value
	values []*value // in the order in which they were made
	ops    []*operation
	misuse error // the first call that fits no model; Run returns it

	session *runtime.Session
	cleanup goruntime.Cleanup
	fed     string     // which values the session takes, of which types
	shapes  string     // the shapes that it was compiled for; "*" is any
	last    []fedValue // the inputs of the last run that succeeded
	ran     bool       // the last Run did
}

// NewGraph is an empty backend for onnx.NewModel.
func NewGraph() *Graph { return &Graph{byName: map[string]*value{}} }

// Close stops the goroutines of the compiled model. A Graph that is no longer used needs no Close; one that is runs in one goroutine then.
func (g *Graph) Close() {
	if g.session != nil {
		g.session.Close()
	}
}

// NewNode makes a node that becomes part of the graph with AddNode.
func (g *Graph) NewNode() gonum.Node {
	n := &Node{g: g, id: int64(len(g.nodes))}
	g.nodes = append(g.nodes, nil)
	g.attach(n, &value{})
	return n
}

// AddNode adds a node that NewNode made.
func (g *Graph) AddNode(n gonum.Node) {
	if own, ok := g.own(n); ok {
		g.nodes[own.id] = own
	}
}

// NewWeightedEdge makes an edge; SetWeightedEdge adds it.
func (g *Graph) NewWeightedEdge(from, to gonum.Node, w float64) gonum.WeightedEdge {
	return simple.WeightedEdge{F: from, T: to, W: w}
}

// SetWeightedEdge adds an edge: the result e.From() reads e.To() as its input number e.Weight(). Two nodes may have several edges.
func (g *Graph) SetWeightedEdge(e gonum.WeightedEdge) {
	from, ok := g.own(e.From())
	to, ok2 := g.own(e.To())
	if !ok || !ok2 {
		return
	}
	g.nodes[from.id], g.nodes[to.id] = from, to
	g.drop()
	from.in = append(from.in, e)
	to.out = append(to.out, e)
}

// own is n as a node of g.
func (g *Graph) own(n gonum.Node) (*Node, bool) {
	own, ok := n.(*Node)
	if ok && own != nil && own.g == g {
		return own, true
	}
	g.blame(fmt.Errorf("onnxgo: %T is not a node of this graph: use its NewNode", n))
	return nil, false
}

// blame keeps the first misuse where gonum's interfaces have no error to return.
func (g *Graph) blame(err error) {
	if g.misuse == nil {
		g.misuse = err
	}
}

func (g *Graph) node(id int64) *Node {
	if id < 0 || id >= int64(len(g.nodes)) {
		return nil
	}
	return g.nodes[id]
}

// Node is the node of that ID; nil when there is none.
func (g *Graph) Node(id int64) gonum.Node {
	if n := g.node(id); n != nil {
		return n
	}
	return nil
}

// Nodes is every node.
func (g *Graph) Nodes() gonum.Nodes {
	var list []gonum.Node
	for _, n := range g.nodes {
		if n != nil {
			list = append(list, n)
		}
	}
	return ordered(list)
}

// From is the nodes that the node of that ID is computed from.
func (g *Graph) From(id int64) gonum.Nodes {
	n := g.node(id)
	if n == nil {
		return gonum.Empty
	}
	return ends(n.in, gonum.WeightedEdge.To)
}

// To is the nodes that are computed from the node of that ID.
func (g *Graph) To(id int64) gonum.Nodes {
	n := g.node(id)
	if n == nil {
		return gonum.Empty
	}
	return ends(n.out, gonum.WeightedEdge.From)
}

// WeightedEdge is the first edge from u to v; nil when there is none.
func (g *Graph) WeightedEdge(u, v int64) gonum.WeightedEdge {
	if n := g.node(u); n != nil {
		for _, e := range n.in {
			if e.To().ID() == v {
				return e
			}
		}
	}
	return nil
}

// Edge is WeightedEdge.
func (g *Graph) Edge(u, v int64) gonum.Edge {
	if e := g.WeightedEdge(u, v); e != nil {
		return e
	}
	return nil
}

// HasEdgeFromTo reports whether u is computed from v.
func (g *Graph) HasEdgeFromTo(u, v int64) bool { return g.WeightedEdge(u, v) != nil }

// HasEdgeBetween reports whether one of the two is computed from the other.
func (g *Graph) HasEdgeBetween(x, y int64) bool {
	return g.HasEdgeFromTo(x, y) || g.HasEdgeFromTo(y, x)
}

// ends is the nodes at one end of the edges, each once.
func ends(edges []gonum.WeightedEdge, end func(gonum.WeightedEdge) gonum.Node) gonum.Nodes {
	var list []gonum.Node
	seen := map[int64]bool{}
	for _, e := range edges {
		if n := end(e); !seen[n.ID()] {
			seen[n.ID()] = true
			list = append(list, n)
		}
	}
	return ordered(list)
}

func ordered(list []gonum.Node) gonum.Nodes {
	if len(list) == 0 {
		return gonum.Empty
	}
	return iterator.NewOrderedNodes(list)
}

package op

import (
	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
)

// OpDef says how the runtime executes one operator in a range of opset versions.
type OpDef struct {
	Domain, Op string
	// Since and Until bound the opset versions of Domain, both included. Until 0 means no end yet.
	Since, Until int
	// Prepare makes the executable form of a node. An error is the reason for which this node cannot run here (an attribute value, an
	// element type); the session reports it together with those of all other nodes.
	Prepare func(*Prep) (Exec, error)
	// View: output 0 is always input 0's storage under another shape, made by Call.Alias(0, c.In[0], ...).
	View bool
	// InPlace lists the inputs whose buffer output 0 may take when both have the same number of bytes and nobody reads the input
	// afterwards. Run must then be right even though Out(0) returns memory that overlaps In[i] exactly.
	InPlace []int
}

// Prep is what Prepare knows about its node.
type Prep struct {
	Node  *graph.Node
	Opset int // of the node's domain
	Pool  *kernel.Pool
	// Const is the value of input i if it is known now; nil otherwise. It is the same tensor in every Run.
	Const func(i int) *tensor.Tensor
	// Type is what is known of input i's type: maybe nothing (KindUnknown), maybe only the element type.
	Type func(i int) graph.Type
	// OutType is the same of output i.
	OutType func(i int) graph.Type
	// Sub compiles a graph attribute of the node.
	Sub func(*graph.Graph) (SubExec, error)
	// Used reports whether anything reads output i; nil: everything is read.
	Used func(i int) bool
	// Cache holds what several nodes of a session share, such as a weight packed once.
	Cache *Cache

	dropped []int
}

// Attrs are the node's attributes.
func (p *Prep) Attrs() graph.Attrs { return p.Node.Attrs }

// Has reports whether input i is given (not omitted).
func (p *Prep) Has(i int) bool { return p.Node.In(i) != nil }

// Wanted reports whether output i is used by anything.
func (p *Prep) Wanted(i int) bool {
	v := p.Node.Out(i)
	return v != nil && v.Name != "" && (p.Used == nil || p.Used(i))
}

// Drop states that Run will not read constant input i, because Prepare packed it. Its In[i] may be nil, and its memory may be given
// back when no other node reads it.
func (p *Prep) Drop(i int) { p.dropped = append(p.dropped, i) }

// Dropped lists the inputs that Drop was called for.
func (p *Prep) Dropped() []int { return p.dropped }

// Elem is the element type of input i, or Undefined when it is not known yet.
func (p *Prep) Elem(i int) tensor.DType {
	if t := p.Type(i); t.Kind == graph.KindTensor {
		return t.Elem
	}
	return tensor.Undefined
}

// PackB is constant input i, a float32 matrix of k x n (n x k if trans) that starts at element offset, packed for kernel.Gemm and shared with other nodes.
func (p *Prep) PackB(i, offset, k, n, ldb int, trans bool) *kernel.PackedB {
	t := p.Const(i)
	return p.Cache.Get(packKey{t, offset, k, n, ldb, trans}, func() any {
		defer release(t)
		return kernel.PackB(k, n, tensor.Data[float32](t)[offset:], ldb, trans, p.Pool)
	}).(*kernel.PackedB)
}

// release gives back the pages of a large constant that was just packed, as far as its storage can: they are read again at the next use. So
// never more than one tensor is in memory twice.
func release(t *tensor.Tensor) {
	if s, ok := t.Storage().(interface{ Release() }); ok && t.Storage().Len() >= 1<<20 {
		s.Release()
	}
}

type packKey struct {
	t                 *tensor.Tensor
	offset, k, n, ldb int
	trans             bool
}

// Cache keeps one value per key. Prepare runs in one goroutine, so it has no lock.
type Cache struct{ m map[any]any }

// Get is the value kept under key, made by build on first use. A nil *Cache keeps nothing.
func (c *Cache) Get(key any, build func() any) any {
	if c == nil {
		return build()
	}
	if v, ok := c.m[key]; ok {
		return v
	}
	if c.m == nil {
		c.m = map[any]any{}
	}
	v := build()
	c.m[key] = v
	return v
}

// Exec is a prepared node. Run may be called from several goroutines at once, each with its own Call, so an Exec is not changed after
// Prepare; what a run needs beyond inputs and outputs comes from Call.Scratch. Run computes its output shapes from the actual inputs,
// reports inputs that do not fit as errors, and gives the same bits for any number of threads.
type Exec interface {
	Run(*Call) error
}

// ExecFunc is an Exec that is one function.
type ExecFunc func(*Call) error

// Run implements Exec.
func (f ExecFunc) Run(c *Call) error { return f(c) }

// SubExec runs the body of If, Loop or Scan. The values it uses from outside are bound by the session.
type SubExec interface {
	// Run evaluates the body. in are its formal inputs. The results are fresh memory that the caller owns: they stay valid for as long
	// as they are referenced, and may be handed on with Call.Alias or fed into the next Run.
	Run(c *Call, in []*tensor.Tensor) ([]*tensor.Tensor, error)
}

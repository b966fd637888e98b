package onnxio

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"io"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// plan decides which tensors leave the model file, and where in the data file they lie.
func (s *saver) plan(m *graph.Model) (*plan, error) {
	all, inits, err := tensorsOf(m)
	if err != nil {
		return nil, err
	}
	wasExternal := false
	for _, t := range all {
		if isReference(t) {
			if t.Storage() == nil && strippedHash(t) != "" {
				continue
			}
			wasExternal = true
			if t.Storage() == nil {
				return nil, fmt.Errorf("a tensor's values are in another file that was not loaded: %v", t.Meta.External)
			}
		}
	}
	large := func(t *tensor.Tensor) bool {
		return inits[t] && t.Storage() != nil && t.Storage().Len() >= s.opt.Threshold
	}
	choose := func(form ExternalForm) func(*tensor.Tensor) bool {
		return func(t *tensor.Tensor) bool {
			if t.Storage() == nil {
				return false
			}
			switch form {
			case ExternalAlways:
				return large(t) || isReference(t) && t.Storage().Len() >= s.opt.Threshold
			case ExternalKeep:
				return isReference(t) || wasExternal && isNew(t) && large(t)
			}
			return false
		}
	}
	p := s.arrange(all, choose(s.opt.External))
	size, err := p.modelSize(m)
	if err == nil && size > s.limit && s.opt.External != ExternalAlways {
		if s.opt.External == ExternalNever {
			return nil, fmt.Errorf("the model needs %d bytes, and a model file can have no more than %d: let tensors go to a data file", size, s.limit)
		}
		p = s.arrange(all, choose(ExternalAlways))
		size, err = p.modelSize(m)
	}
	if err == nil && size > s.limit {
		err = fmt.Errorf("the model needs %d bytes without the tensors in the data file, and a model file can have no more than %d", size, s.limit)
	}
	s.total = size
	for _, t := range p.order {
		s.total = max(s.total, size+p.places[t].offset+p.places[t].length)
	}
	return p, err
}

// isNew reports whether no file said where the tensor's values are.
func isNew(t *tensor.Tensor) bool {
	_, read := t.Storage().(*region)
	return !read && (t.Meta == nil || t.Meta.Carrier == tensor.CarrierAuto || t.Meta.Carrier == tensor.CarrierExternal)
}

// modelSize is the size of the model file under the plan.
func (p *plan) modelSize(m *graph.Model) (int64, error) {
	e := &encoder{counting: true, places: p.places}
	e.model(m)
	return e.n, e.err
}

// tensorsOf lists the model's tensors in the order in which the nodes first use them, then the others in file order, and says which are
// dense initializers.
func tensorsOf(m *graph.Model) (list []*tensor.Tensor, inits map[*tensor.Tensor]bool, err error) {
	seen := map[*tensor.Tensor]bool{}
	inits = map[*tensor.Tensor]bool{}
	add := func(t *tensor.Tensor) {
		if !seen[t] {
			seen[t] = true
			list = append(list, t)
		}
	}
	if m.Graph != nil {
		m.Graph.Walk(func(g *graph.Graph) {
			for n := range g.Nodes() {
				for i := range n.NumIn() {
					if v := n.In(i); v != nil && v.Const != nil {
						add(v.Const)
					}
				}
			}
		})
	}
	e := &encoder{counting: true, visit: func(t *tensor.Tensor, init bool) {
		add(t)
		if init {
			inits[t] = true
		}
	}}
	e.model(m)
	return list, inits, e.err
}

// arrange lays the chosen tensors out one after the other, tensors of the same bytes at the same place.
func (s *saver) arrange(all []*tensor.Tensor, chosen func(*tensor.Tensor) bool) *plan {
	p := &plan{places: map[*tensor.Tensor]*place{}, location: new(string)}
	*p.location = s.opt.DataName
	if *p.location == "" {
		*p.location = "longer than any name that is likely to be chosen, so that no size is underestimated"
	}
	same := map[contentKey][]*tensor.Tensor{}
	seed := maphash.MakeSeed()
	end := int64(0)
	for _, t := range all {
		if !chosen(t) {
			continue
		}
		if _, made := t.Storage().(io.WriterTo); !made { // else the bytes do not exist before they are written
			key := keyOf(seed, t)
			if twin := findTwin(same[key], t); twin != nil {
				p.places[t] = p.places[twin]
				continue
			}
			same[key] = append(same[key], t)
		}
		end = (end + s.opt.Align - 1) / s.opt.Align * s.opt.Align
		n := t.Storage().Len()
		p.places[t] = &place{location: p.location, offset: end, length: n}
		p.order = append(p.order, t)
		end += n
	}
	return p
}

// contentKey sorts out most tensors that differ without reading them whole.
type contentKey struct {
	size int64
	hash uint64
}

func keyOf(seed maphash.Seed, t *tensor.Tensor) contentKey {
	b := t.Bytes()
	const probe = 4096
	if len(b) <= 2*probe {
		return contentKey{int64(len(b)), maphash.Bytes(seed, b)}
	}
	return contentKey{int64(len(b)), maphash.Bytes(seed, b[:probe]) ^ maphash.Bytes(seed, b[len(b)-probe:])<<1}
}

func findTwin(list []*tensor.Tensor, t *tensor.Tensor) *tensor.Tensor {
	for _, o := range list {
		if bytes.Equal(o.Bytes(), t.Bytes()) {
			return o
		}
	}
	return nil
}

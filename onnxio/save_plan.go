package onnxio

import (
	"bytes"
	"crypto/sha1"
	"fmt"
	"hash/maphash"
	"io"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// plan decides which tensors leave the model file, and where in the data file they lie.
func (s *saver) plan(m *graph.Model, path string) (*plan, error) {
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
	p := s.arrange(all, choose(s.opt.External), path)
	size, err := p.modelSize(m)
	if err == nil && size > s.limit && s.opt.External != ExternalAlways {
		if s.opt.External == ExternalNever {
			return nil, fmt.Errorf("the model needs %d bytes, and a model file can have no more than %d: let tensors go to a data file", size, s.limit)
		}
		p = s.arrange(all, choose(ExternalAlways), path)
		size, err = p.modelSize(m)
	}
	if err == nil && size > s.limit {
		err = fmt.Errorf("the model needs %d bytes without the tensors in the data file, and a model file can have no more than %d", size, s.limit)
	}
	s.total = size + p.size
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
func (s *saver) arrange(all []*tensor.Tensor, chosen func(*tensor.Tensor) bool, path string) *plan {
	p := &plan{places: map[*tensor.Tensor]*place{}, location: new(string), checksum: new(string)}
	*p.checksum = strings.Repeat("0", 2*sha1.Size)
	*p.location = s.opt.DataName // the longest that is possible, so that no size is underestimated
	if n := ownName(path, *p.checksum); len(n) > len(*p.location) {
		*p.location = n
	}
	same := map[contentKey][]*tensor.Tensor{}
	seed := maphash.MakeSeed()
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
		at := (p.size + s.opt.Align - 1) / s.opt.Align * s.opt.Align
		n := t.Storage().Len()
		p.places[t] = &place{location: p.location, checksum: p.checksum, offset: at, length: n}
		p.order = append(p.order, t)
		p.size = at + n
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
	k := contentKey{int64(len(b)), maphash.Bytes(seed, b[:probe]) ^ maphash.Bytes(seed, b[len(b)-probe:])<<1}
	dropOf(t, b)
	return k
}

func findTwin(list []*tensor.Tensor, t *tensor.Tensor) *tensor.Tensor {
	for _, o := range list {
		if sameBytes(o, t) {
			return o
		}
	}
	return nil
}

// sameBytes compares the values of two tensors of one size. Pages of mapped files are given back behind it.
func sameBytes(a, b *tensor.Tensor) bool {
	x, y := a.Bytes(), b.Bytes()
	if len(x) > 0 && &x[0] == &y[0] {
		return true
	}
	for len(x) > 0 {
		n := min(len(x), copyChunk)
		same := bytes.Equal(x[:n], y[:n])
		dropOf(a, x[:n])
		dropOf(b, y[:n])
		if !same {
			return false
		}
		x, y = x[n:], y[n:]
	}
	return true
}

func dropOf(t *tensor.Tensor, part []byte) {
	if r, ok := t.Storage().(*region); ok {
		r.drop(part)
	}
}

// plan is where the tensors of a model go.
type plan struct {
	places   map[*tensor.Tensor]*place
	order    []*tensor.Tensor // of the data file, each content once
	size     int64            // of the data file
	location *string          // of the data file, set before the model is written
	checksum *string          // of the data file, as location
}

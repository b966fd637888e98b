package runtime

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// checkFeeds compares the inputs of a run with what the model declares.
func (s *Session) checkFeeds(in Feeds) error {
	found := 0
	for _, v := range s.inputs {
		t := in[v.Name]
		if t == nil {
			return &FeedError{Input: v.Name, Want: v.Type.String()}
		}
		found++
		if !fits(t, v.Type) {
			return &FeedError{Input: v.Name, Want: v.Type.String(), Got: graph.TypeOf(t).String()}
		}
	}
	if found == len(in) {
		return nil
	}
	var extra []string
	for name := range in {
		if _, ok := s.feeds[name]; !ok {
			extra = append(extra, name)
		}
	}
	if len(extra) == 0 {
		return nil
	}
	sort.Strings(extra)
	var have []string
	for _, v := range s.inputs {
		have = append(have, v.Name)
	}
	return fmt.Errorf("no input is named %q; the inputs are %q", extra, have)
}

func fits(t *tensor.Tensor, want graph.Type) bool {
	if want.Kind == graph.KindUnknown {
		return true
	}
	if want.Kind != graph.KindTensor || want.Elem != tensor.Undefined && t.Elem != want.Elem {
		return false
	}
	if t.Elem == tensor.String {
		if len(t.Strs) != t.Len() {
			return false
		}
	} else if n, err := tensor.ByteSize(t.Elem, t.Shape); err != nil || t.Storage() == nil || t.Storage().Len() != n {
		return false
	}
	if !want.Shape.Known {
		return true
	}
	if len(want.Shape.Dims) != len(t.Shape) {
		return false
	}
	for i, d := range want.Shape.Dims {
		if n, ok := d.Value(); ok && n != t.Shape[i] {
			return false
		}
	}
	return true
}

// variant is the session for runs that feed inputs which have a default: s itself when none is fed.
func (s *Session) variant(in Feeds) (*Session, error) {
	if len(s.defaults) == 0 {
		return s, nil
	}
	var fed []string
	for _, v := range s.defaults {
		if in[v.Name] != nil {
			fed = append(fed, v.Name)
		}
	}
	if len(fed) == 0 {
		return s, nil
	}
	key := strings.Join(fed, "\x00")
	s.mu.Lock()
	defer s.mu.Unlock()
	if v := s.variants[key]; v != nil {
		return v, nil
	}
	v, err := compile(s.source, s.env, fed)
	if err != nil {
		return nil, err
	}
	v.defaults = slices.DeleteFunc(v.defaults, func(d *graph.Value) bool { return true })
	if s.variants == nil {
		s.variants = map[string]*Session{}
	}
	s.variants[key] = v
	return v, nil
}

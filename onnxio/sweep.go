package onnxio

import (
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// locationsIn is the data files that the model at path names; none when it is no model.
func (s *saver) locationsIn(path string) []string {
	m, err := s.disk.structure(path, Limits{})
	if err != nil {
		return nil
	}
	defer m.Close()
	return Locations(m)
}

// Locations is the data files that the model's tensors name, each once, in the order of the tensors.
func Locations(m *graph.Model) []string {
	var list []string
	seen := map[string]bool{}
	e := &encoder{counting: true, visit: func(t *tensor.Tensor, _ bool) {
		if t.Meta == nil || t.Meta.Carrier != tensor.CarrierExternal {
			return
		}
		for _, kv := range t.Meta.External {
			if loc := path.Clean(kv.Value); kv.Key == "location" && !seen[loc] {
				seen[loc] = true
				list = append(list, loc)
			}
		}
	}}
	e.model(m)
	return list
}

// references is the data files that models in dir name, with the names of these models, and the files that look like models and cannot
// be read. The model named except is left out.
func references(d disk, dir, except string) (users map[string][]string, unread []*fs.PathError, err error) {
	entries, err := d.list(dir)
	if err != nil {
		return nil, nil, err
	}
	users = map[string][]string{}
	for _, e := range entries {
		name := e.Name()
		if e.IsDir() || name == except || isTempName(name) || ownHash(name) != "" {
			continue
		}
		m, err := d.structure(filepath.Join(dir, name), Limits{})
		if err != nil {
			if strings.EqualFold(filepath.Ext(name), ".onnx") && !errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
				unread = append(unread, &fs.PathError{Op: "read", Path: filepath.Join(dir, name), Err: err})
			}
			continue
		}
		for _, loc := range Locations(m) {
			users[loc] = append(users[loc], name)
		}
		_ = m.Close()
	}
	return users, unread, nil
}

// sweep removes data files that Save made, unless a model in the folder names them, or may: one that cannot be read. What cannot be
// removed stays: the save itself is done.
func (s *saver) sweep(dir string, dead []string) {
	if len(dead) == 0 {
		return
	}
	users, unread, err := references(s.disk, dir, "")
	if err != nil || len(unread) > 0 {
		return
	}
	slices.Sort(dead)
	for _, name := range dead {
		if len(users[name]) == 0 {
			_ = s.disk.remove(filepath.Join(dir, name))
		}
	}
}

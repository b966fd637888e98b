package onnxio

import (
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// ownData is the data files that the model at path names and that Save made for that path: their names say so.
func ownData(path string) []string {
	var own []string
	for _, loc := range locationsIn(path) {
		if isOwnData(loc, path) {
			own = append(own, loc)
		}
	}
	return own
}

func isOwnData(location, path string) bool {
	hash, ok := strings.CutPrefix(location, dataStem(path))
	hash, data := strings.CutSuffix(hash, ".data")
	if !ok || !data || len(hash) != 12 {
		return false
	}
	return strings.Trim(hash, "0123456789abcdef") == ""
}

// locationsIn is the data files that the model at path names; none when it is no model.
func locationsIn(path string) []string {
	m, err := Load(path, LoadOptions{External: ExternalSkip, Lenient: true})
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

// sweep removes data files of the model that was just replaced, unless a model in the folder names them. What cannot be removed stays:
// the save itself is done.
func (s *saver) sweep(dir string, old []string, keep string) {
	dead := map[string]bool{}
	for _, name := range old {
		if name != keep {
			dead[name] = true
		}
	}
	if len(dead) == 0 {
		return
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if !dead[e.Name()] && !e.IsDir() {
			for _, loc := range locationsIn(filepath.Join(dir, e.Name())) {
				delete(dead, loc)
			}
		}
	}
	for name := range dead {
		_ = s.disk.remove(filepath.Join(dir, name))
	}
}

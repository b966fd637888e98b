package onnxio

import (
	"errors"
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
)

// Load reads a model file. The file and its data files are mapped, not read: weights are views into them until the model is closed.
// Everything the file says is kept, also what this version does not understand. The mapped files must not be cut short while the model
// is in use; replacing them by another file, as Save does, is safe.
func Load(path string, opt LoadOptions) (*graph.Model, error) {
	main, _, err := openMapped(path)
	if err != nil {
		return nil, err
	}
	src := &source{path: path, main: main, ext: newExternals(path, opt)}
	d := newDecoder(opt, src.ext, len(main.b))
	d.src = main
	m, err := d.model(view{b: main.b})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, errors.Join(err, src.Close()))
	}
	m.SetSource(src)
	return m, nil
}

// source is the files that a loaded model's weights lie in.
type source struct {
	path string
	main *mapping
	ext  *externals
}

// Close implements io.Closer.
func (s *source) Close() error { return errors.Join(s.main.close(), s.ext.close()) }

package onnxio

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// externals maps the data files that tensors name, each once. They are looked for in the folder of the model file and nowhere else.
type externals struct {
	model     string // path of the model file as the caller gave it
	hardLinks bool
	files     map[string]*dataFile // by location
}

type dataFile struct {
	*mapping
	err error
}

func newExternals(model string, opt LoadOptions) *externals {
	return &externals{model: model, hardLinks: opt.HardLinks, files: map[string]*dataFile{}}
}

func (x *externals) close() error {
	var errs []error
	for _, f := range x.files {
		if f.mapping != nil {
			errs = append(errs, f.mapping.close())
		}
	}
	return errors.Join(errs...)
}

var (
	errNoBase  = errors.New("the values are in another file, and a model from memory has no folder to find it in")
	errRefused = errors.New("the values are in another file, which the options forbid")
)

// placeExternal makes the tensor a view into its data file.
func (d *decoder) placeExternal(p *tensorParts) error {
	ref, err := parseReference(p.meta.External)
	if err != nil {
		return err
	}
	switch {
	case d.opt.External == ExternalSkip:
		return nil
	case d.opt.External == ExternalRefuse:
		return errRefused
	case d.ext == nil:
		return errNoBase
	}
	f := d.ext.file(ref.location)
	if f.err != nil {
		return f.err
	}
	size := int64(len(f.b))
	length := ref.length
	if !ref.hasLength {
		if length, err = tensor.ByteSize(p.t.Elem, p.t.Shape); err != nil {
			return err
		}
	}
	if ref.offset > size || length > size-ref.offset {
		return fmt.Errorf("%s has %d bytes, too few for %d at offset %d", ref.location, size, length, ref.offset)
	}
	if err := checkSize(p.t, length); err != nil {
		return err
	}
	end := ref.offset + length
	p.t.SetStorage(&region{b: f.b[ref.offset:end:end], m: f.mapping, external: true})
	return nil
}

// reference is what external_data says.
type reference struct {
	location       string
	offset, length int64
	hasLength      bool
}

// parseReference reads external_data. A key that is given twice with two values is refused, because readers differ in which one they
// take; keys that are not known do not count.
func parseReference(list []tensor.KeyValue) (reference, error) {
	var r reference
	seen := map[string]string{}
	for _, kv := range list {
		if old, twice := seen[kv.Key]; twice && old != kv.Value {
			return r, fmt.Errorf("external_data gives %s twice: %q and %q", kv.Key, old, kv.Value)
		}
		seen[kv.Key] = kv.Value
		var err error
		switch kv.Key {
		case "location":
			r.location = kv.Value
		case "offset":
			r.offset, err = parseSize(kv.Value)
		case "length":
			r.length, err = parseSize(kv.Value)
			r.hasLength = true
		}
		if err != nil {
			return r, fmt.Errorf("external_data %s: %w", kv.Key, err)
		}
	}
	if err := checkLocation(r.location); err != nil {
		return r, fmt.Errorf("external_data location %q: %w", r.location, err)
	}
	return r, nil
}

func parseSize(s string) (int64, error) {
	for _, c := range s {
		if c < '0' || c > '9' {
			return 0, fmt.Errorf("%q is not a whole number", s)
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a whole number that fits 63 bits", s)
	}
	return n, nil
}

// checkLocation refuses what is not a plain relative path, by the rules of all systems at once, so that a model is as safe on one as on
// another. Links are the business of os.Root.
func checkLocation(loc string) error {
	switch {
	case loc == "":
		return errors.New("is empty")
	case strings.ContainsRune(loc, 0):
		return errors.New("has a zero byte")
	case strings.ContainsRune(loc, '\\'):
		return errors.New("has a backslash; the separator is /")
	case path.IsAbs(loc), filepath.IsAbs(loc):
		return errors.New("is absolute; it must lie in the model's folder")
	case len(loc) > 1 && loc[1] == ':':
		return errors.New("has a drive; it must lie in the model's folder")
	}
	for _, part := range strings.Split(loc, "/") {
		if part == ".." {
			return errors.New("leaves the model's folder")
		}
	}
	if !filepath.IsLocal(filepath.FromSlash(loc)) {
		return errors.New("is not a path inside the model's folder")
	}
	return nil
}

func (x *externals) file(location string) *dataFile {
	key := path.Clean(location)
	f := x.files[key]
	if f == nil {
		f = &dataFile{}
		f.mapping, f.err = x.open(filepath.FromSlash(key))
		x.files[key] = f
	}
	return f
}

// open opens a data file below the model's folder. A link may lead elsewhere inside that folder, or into the folder of the file that the
// model's own name is a link to: that is how caches lay out models whose files are links into one store.
func (x *externals) open(location string) (*mapping, error) {
	dir := filepath.Dir(x.model)
	m, err := x.openIn(dir, location)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return m, err
	}
	real, e1 := filepath.EvalSymlinks(x.model)
	target, e2 := filepath.EvalSymlinks(filepath.Join(dir, location))
	if e1 != nil || e2 != nil {
		return nil, err
	}
	base := filepath.Dir(real)
	rel, e := filepath.Rel(base, target)
	if e != nil || !filepath.IsLocal(rel) || real == filepath.Clean(x.model) {
		return nil, err
	}
	return x.openIn(base, rel)
}

func (x *externals) openIn(dir, name string) (*mapping, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	f, err := root.OpenFile(name, os.O_RDONLY|openNonblock, 0)
	if err != nil {
		return nil, fmt.Errorf("data file: %w", fullPath(err, dir))
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	full := filepath.Join(dir, name)
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: full, Err: errNotRegular}
	}
	if n := linkCount(info); n > 1 && !x.hardLinks {
		return nil, &fs.PathError{Op: "open", Path: full, Err: fmt.Errorf("the file has %d names (hard links), so it may be one from elsewhere; allow hard links to read it", n)}
	}
	return mapFile(f, info.Size())
}

// fullPath puts the folder before the name in an error of os.Root.
func fullPath(err error, dir string) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return &fs.PathError{Op: "open", Path: filepath.Join(dir, pe.Path), Err: pe.Err}
	}
	return err
}

package onnxio

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// externals maps the data files that tensors name, each once. They are looked for in the folder of the model file, and in the one that
// the caller allows besides.
type externals struct {
	model     string // path of the model file as the caller gave it
	root      string // the other folder; "": none
	hardLinks bool
	files     map[string]*dataFile // by location
}

type dataFile struct {
	*mapping
	err error
}

func newExternals(model string, opt LoadOptions) *externals {
	return &externals{model: model, root: opt.ExternalRoot, hardLinks: opt.HardLinks, files: map[string]*dataFile{}}
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

var errNoBase = errors.New("the values are in another file, and a model from memory has no folder to find it in")

// placeExternal makes the tensor a view into its data file.
func (d *decoder) placeExternal(p *tensorParts) error {
	ref, odd, err := parseReference(p.meta.External, d.opt.ExternalRoot != "")
	if err != nil {
		return err
	}
	for _, what := range odd {
		if !d.opt.Lenient {
			return errors.New(what)
		}
		d.report(graph.Finding{Severity: graph.Warning, Where: "tensor " + quote(p.name), Message: what})
	}
	switch {
	case d.opt.External == ExternalSkip:
		return nil
	case d.opt.External == ExternalRefuse:
		return ErrRefused
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

func (x *externals) file(location string) *dataFile {
	key := path.Clean(location)
	f := x.files[key]
	if f == nil {
		f = &dataFile{}
		f.mapping, f.err = x.mapped(filepath.FromSlash(key))
		x.files[key] = f
	}
	return f
}

func (x *externals) mapped(location string) (*mapping, error) {
	f, size, err := x.open(location)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return mapFile(f, size)
}

// open opens a data file below the model's folder. A link may lead elsewhere inside that folder, or into the folder of the file that the
// model's own name is a link to: that is how caches lay out models whose files are links into one store. Links, and a location itself,
// may also lead into the folder that the caller allows. Whichever it is, the file is opened through an os.Root on that folder, so that
// nothing that changes meanwhile leads out of it.
func (x *externals) open(location string) (*os.File, int64, error) {
	dir := filepath.Dir(x.model)
	target := location
	if !filepath.IsAbs(location) {
		target = filepath.Join(dir, location)
	}
	err := error(&fs.PathError{Op: "open", Path: target, Err: ErrOutside})
	if filepath.IsLocal(location) {
		var f *os.File
		var size int64
		if f, size, err = openInside(dir, location, x.hardLinks); err == nil || errors.Is(err, fs.ErrNotExist) {
			return f, size, err
		}
	}
	real, e := filepath.EvalSymlinks(target)
	if e != nil {
		if errors.Is(err, ErrOutside) {
			return nil, 0, e
		}
		return nil, 0, err
	}
	var bases []string
	if model, e := filepath.EvalSymlinks(x.model); e == nil && model != filepath.Clean(x.model) && filepath.IsLocal(location) {
		bases = append(bases, filepath.Dir(model))
	}
	if x.root != "" {
		if root, e := filepath.EvalSymlinks(x.root); e == nil {
			bases = append(bases, root)
		}
	}
	for _, base := range bases {
		if rel, ok := inside(base, real); ok {
			return openInside(base, rel, x.hardLinks)
		}
	}
	if home, e := filepath.EvalSymlinks(dir); e == nil {
		if _, ok := inside(home, real); !ok && !errors.Is(err, ErrOutside) {
			err = fmt.Errorf("%w: %w", err, ErrOutside)
		}
	}
	return nil, 0, err
}

// inside is the path from base to target when target lies below it. Both are free of links.
func inside(base, target string) (string, bool) {
	base, e1 := filepath.Abs(base)
	target, e2 := filepath.Abs(target)
	if e1 != nil || e2 != nil {
		return "", false
	}
	rel, err := filepath.Rel(base, target)
	return rel, err == nil && filepath.IsLocal(rel)
}

// openInside opens the regular file name in the folder dir, from which no link leads out, and checks what was opened, not the name.
func openInside(dir, name string, hardLinks bool) (*os.File, int64, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, 0, err
	}
	defer root.Close()
	if _, err := root.Stat(name); err != nil { // a link that leads out and back is refused here
		return nil, 0, fmt.Errorf("data file: %w", fullPath(err, dir))
	}
	name = withoutLinks(dir, name)
	folder := filepath.Dir(name)
	full := filepath.Join(dir, folder)
	if folder != "." {
		inner, err := root.OpenRoot(folder)
		if err != nil {
			return nil, 0, fmt.Errorf("data file: %w", fullPath(err, dir))
		}
		defer inner.Close()
		root = inner
	}
	name = filepath.Base(name)
	f, err := root.OpenFile(name, os.O_RDONLY|openNonblock, 0)
	if err != nil {
		return nil, 0, fmt.Errorf("data file: %w", fullPath(err, full))
	}
	size, err := checkOpened(root, name, f, hardLinks)
	if err != nil {
		f.Close()
		return nil, 0, &fs.PathError{Op: "open", Path: filepath.Join(full, name), Err: err}
	}
	return f, size, nil
}

// withoutLinks is the name of the same file in dir without links on the way; the name itself where that leads elsewhere or nowhere,
// which opening it will tell.
func withoutLinks(dir, name string) string {
	base, e1 := filepath.EvalSymlinks(dir)
	target, e2 := filepath.EvalSymlinks(filepath.Join(dir, name))
	if e1 != nil || e2 != nil {
		return name
	}
	if rel, ok := inside(base, target); ok {
		return rel
	}
	return name
}

// linkRounds is how often the names of an open file are counted.
const linkRounds = 3

// checkOpened holds an open file against the rules, and returns its size. folder is the one it lies in.
//
// The number of its names is asked for by the name: as long as that still means the open file, it is the one name that may exist. Asked
// for by the file alone, it could be one again because the name in the folder was taken away after the file was opened. While a rename
// replaces the name, a system may have lowered the number already and still find the file by the name. Reading the folder waits until
// such a rename is over, so the answer counts only when it is the same again after that.
func checkOpened(folder *os.Root, name string, f *os.File, hardLinks bool) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	if !info.Mode().IsRegular() {
		return 0, errNotRegular
	}
	for round := 0; round < linkRounds && !hardLinks; round++ {
		if round > 0 {
			if err := readSome(folder); err != nil {
				return 0, err
			}
		}
		named, err := folder.Lstat(name)
		if err != nil {
			return 0, fmt.Errorf("changed while it was opened: %w", err)
		}
		if !os.SameFile(info, named) {
			return 0, errors.New("changed while it was opened; try again")
		}
		if n := linkCountOf(f, named); n > 1 {
			return 0, fmt.Errorf("%w: it has %d names and may be a file from elsewhere", ErrHardLinks, n)
		}
	}
	return info.Size(), nil
}

// readSome reads the beginning of a folder. One that may be entered and not read gives nothing.
func readSome(folder *os.Root) error {
	d, err := folder.Open(".")
	if err != nil {
		if errors.Is(err, fs.ErrPermission) {
			return nil
		}
		return err
	}
	defer d.Close()
	if _, err := d.Readdirnames(1); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// Errors about data files, for errors.Is. What allows them is in LoadOptions.
var (
	ErrRefused   = errors.New("the values are in another file, which the options forbid")
	ErrOutside   = errors.New("it lies outside of the model's folder")
	ErrHardLinks = errors.New("the data file has hard links")
)

// linkCount is the number of names an open file has.
func linkCount(f *os.File) uint64 {
	info, err := f.Stat()
	if err != nil {
		return 1
	}
	return linkCountOf(f, info)
}

// fullPath puts the folder before the name in an error of os.Root.
func fullPath(err error, dir string) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return &fs.PathError{Op: "open", Path: filepath.Join(dir, pe.Path), Err: pe.Err}
	}
	return err
}

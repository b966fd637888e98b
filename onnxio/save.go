package onnxio

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// SaveOptions says how a model is written. The zero value keeps the form that the model has.
type SaveOptions struct {
	Functions FunctionForm
	External  ExternalForm
	Threshold int64  // least bytes of a tensor that goes to the data file [1024]
	Align     int64  // offsets in the data file are multiples of it [4096]
	DataName  string // of the data file, in the model's folder; default: the model's name and a part of the content's hash

	Ctx      context.Context         // ends a save before its commit; nil: nothing does
	Progress func(done, total int64) // is told the bytes written; nil: nobody is
}

// FunctionForm says what becomes of model-local functions.
type FunctionForm uint8

// The function forms.
const (
	KeepFunctions   FunctionForm = iota
	InlineFunctions              // calls become the nodes of the functions
)

// ExternalForm says which tensors go to a data file beside the model.
type ExternalForm uint8

// The external forms. Attributes and sparse tensors go there only where they were external before: few tools read them.
const (
	ExternalKeep   ExternalForm = iota // what was external stays so, what was not does not; new tensors follow the model; beyond 2 GiB like ExternalAuto
	ExternalAuto                       // nothing, unless the model would be larger than a protobuf message can be: then all from the threshold up
	ExternalNever                      // nothing; a model beyond 2 GiB is an error
	ExternalAlways                     // all initializers from the threshold up
)

// maxMessage is a little less than the 2 GiB that protobuf readers accept.
const maxMessage = 1<<31 - 1<<20

// Save writes a model to path, crash-safe: whatever stops it, path holds the old model or the new one, whole.
//
// Tensors that are not in the model file go to one new data file beside it, dense, identical ones once. Its name contains a hash of its
// content, so no existing file is ever written to: the model's old data file stays right until the model that names it is replaced, and a
// file that two models share is not touched. When the model is in place, the data file of the model that was replaced is removed if Save
// made it for this path and no model in the folder names it. With DataName set, a file of that name that exists with other content is an
// error. Saving over the file that m was loaded from is safe: m keeps the old bytes. A link at path is replaced, not followed. On
// Windows a file that is mapped cannot be replaced, and Save says so.
//
// The same model and options give the same bytes.
func Save(m *graph.Model, path string, opt SaveOptions) error {
	if err := (&saver{disk: osDisk{}, opt: opt}).save(m, path); err != nil {
		return fmt.Errorf("save %s: %w", path, err)
	}
	return nil
}

type saver struct {
	disk  disk
	opt   SaveOptions
	limit int64 // of the model file [maxMessage]
	done  int64
	total int64
}

func (s *saver) save(m *graph.Model, path string) error {
	if s.opt.Threshold <= 0 {
		s.opt.Threshold = 1024
	}
	if s.opt.Align <= 0 {
		s.opt.Align = 4096
	}
	if s.limit == 0 {
		s.limit = maxMessage
	}
	if s.opt.Ctx == nil {
		s.opt.Ctx = context.Background()
	}
	if err := checkDataName(s.opt.DataName, path); err != nil {
		return err
	}
	if s.opt.Functions == InlineFunctions && len(m.Functions) > 0 {
		m = m.Clone()
		if err := graph.Inline(m, nil); err != nil {
			return err
		}
	}
	p, err := s.plan(m)
	if err != nil {
		return err
	}
	return s.write(m, p, path)
}

func checkDataName(name, path string) error {
	if name == "" {
		return nil
	}
	if err := checkLocation(name); err != nil || filepath.Base(name) != name {
		return fmt.Errorf("data file name %q: must be a plain name in the model's folder", name)
	}
	if name == filepath.Base(path) {
		return fmt.Errorf("data file name %q is the model's own", name)
	}
	return nil
}

// write makes the data file and the model file under temporary names and then gives them theirs, the model last.
func (s *saver) write(m *graph.Model, p *plan, path string) (err error) {
	var mode fs.FileMode
	if info, e := os.Lstat(path); e == nil {
		switch {
		case info.Mode().IsRegular():
			mode = info.Mode().Perm()
		case info.Mode()&fs.ModeSymlink == 0:
			return &fs.PathError{Op: "save", Path: path, Err: errNotRegular}
		}
	}
	var data *writing
	var dataName string
	if len(p.order) > 0 {
		data, dataName, err = s.writeData(p, path, mode)
		defer data.abandon()
		if err != nil {
			return err
		}
	}
	model, err := begin(s.disk, path, mode)
	if err != nil {
		return err
	}
	defer model.abandon()
	if err := encodeModel(&meter{w: model, s: s}, m, p.places); err != nil {
		return err
	}
	if err := model.seal(); err != nil {
		return err
	}
	dir := filepath.Dir(path)
	unlock, err := s.disk.lock(dir)
	if err != nil {
		return err
	}
	defer unlock()
	if err := s.opt.Ctx.Err(); err != nil {
		return err
	}
	old := ownData(path)
	if data != nil {
		if err := s.commitData(data, filepath.Join(dir, dataName)); err != nil {
			return err
		}
		if err := s.disk.syncDir(dir); err != nil {
			return err
		}
	}
	if err := model.commit(path); err != nil {
		return err
	}
	if err := s.disk.syncDir(dir); err != nil {
		return err
	}
	s.sweep(dir, old, dataName)
	return nil
}

// commitData gives the data file its name. A file that has the name already has the same content by its hash, unless the caller chose it.
func (s *saver) commitData(data *writing, target string) error {
	if s.opt.DataName != "" {
		same, err := sameContent(data.temp, target)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err == nil && same {
			return nil
		}
		if err == nil {
			return &fs.PathError{Op: "save", Path: target, Err: errors.New("a data file of that name exists with other content; another model may need it, so choose another name or remove it")}
		}
	}
	return data.commit(target)
}

func sameContent(a, b string) (bool, error) {
	var sums [2][]byte
	for i, path := range []string{a, b} {
		f, err := os.Open(path)
		if err != nil {
			return false, err
		}
		h := sha256.New()
		_, err = io.Copy(h, f)
		f.Close()
		if err != nil {
			return false, err
		}
		sums[i] = h.Sum(nil)
	}
	return string(sums[0]) == string(sums[1]), nil
}

// writeData writes the data file and sets the location that the plan's places share.
func (s *saver) writeData(p *plan, path string, mode fs.FileMode) (*writing, string, error) {
	name := s.opt.DataName
	target := filepath.Join(filepath.Dir(path), name)
	if name == "" {
		target = path
	}
	w, err := begin(s.disk, target, mode)
	if err != nil {
		return nil, "", err
	}
	sum := sha256.New()
	out := &meter{w: w, s: s, sum: sum}
	at := int64(0)
	for _, t := range p.order {
		pl := p.places[t]
		if err := out.zeros(pl.offset - at); err != nil {
			return w, "", err
		}
		n, err := copyStorage(out, t.Storage())
		if err == nil && n != pl.length {
			err = fmt.Errorf("a tensor of %d bytes gave %d", pl.length, n)
		}
		if err != nil {
			return w, "", err
		}
		at = pl.offset + pl.length
	}
	if name == "" {
		name = dataStem(path) + hex.EncodeToString(sum.Sum(nil))[:12] + ".data"
	}
	*p.location = name
	return w, name, w.seal()
}

// dataStem is what the names of the data files of the model at path begin with.
func dataStem(path string) string {
	return strings.TrimSuffix(filepath.Base(path), ".onnx") + "-"
}

// meter counts and hashes what is written, and stops when the save is cancelled.
type meter struct {
	w   io.Writer
	s   *saver
	sum hash.Hash
}

func (m *meter) Write(b []byte) (int, error) {
	if err := m.s.opt.Ctx.Err(); err != nil {
		return 0, err
	}
	n, err := m.w.Write(b)
	if m.sum != nil {
		m.sum.Write(b[:n])
	}
	m.s.done += int64(n)
	if m.s.opt.Progress != nil {
		m.s.opt.Progress(m.s.done, m.s.total)
	}
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	return n, err
}

func (m *meter) zeros(n int64) error {
	if n == 0 {
		return nil
	}
	buf := make([]byte, min(n, copyChunk))
	for ; n > 0; n -= int64(len(buf)) {
		buf = buf[:min(n, int64(len(buf)))]
		if _, err := m.Write(buf); err != nil {
			return err
		}
	}
	return nil
}

// plan is where the tensors of a model go.
type plan struct {
	places   map[*tensor.Tensor]*place
	order    []*tensor.Tensor // of the data file, each content once
	location *string
}

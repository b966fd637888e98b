package onnxio

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
)

// SaveOptions says how a model is written. The zero value keeps the form that the model has.
type SaveOptions struct {
	Functions FunctionForm
	External  ExternalForm
	Threshold int64  // least bytes of a tensor that goes to the data file [1024]
	Align     int64  // offsets in the data file are multiples of it [4096]
	DataName  string // of the data file, in the model's folder, kept as it is [the model's name and the beginning of the checksum]

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

// Save writes a model to path, crash-safe: whatever stops it, path holds the old model or the new one, whole. docs/saving.md has the steps.
//
// Tensors that are not in the model file go to one new data file beside it, dense, identical ones once, each with the SHA-1 of that file as
// its checksum. The file's name contains the beginning of the checksum, so no existing file is ever written to: the model's old data file
// stays right until the model that names it is replaced, and a file that two models share is not touched. Before anything is replaced,
// the disk must have room for all of it, and what was written is read back and compared, large files in samples. When the model is in
// place, the data file of the model that was replaced is removed if Save made it for this path and no model in the folder names it.
//
// With DataName set, a file of that name that exists with other content is replaced if the model at path is the only one that names it, by way
// of a second copy; else it is an error. Saving over the file that m was loaded from is safe: m keeps the old bytes. The data file that m's
// weights are read from is refused as path. A link at path is replaced, not followed. On Windows a file that is mapped cannot be
// replaced, and Save says so.
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
	p, err := s.plan(m, path)
	if err != nil {
		return err
	}
	if err := s.refuseSource(m, path); err != nil {
		return err
	}
	if err := s.room(p, path); err != nil {
		return err
	}
	return s.write(m, p, path)
}

// refuseSource keeps a save from replacing the data file that m's own weights lie in: the model file that names it would be broken. Files
// are the same when the system says so, whatever their names.
func (s *saver) refuseSource(m *graph.Model, path string) error {
	at, err := s.disk.lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	all, _, err := tensorsOf(m)
	if err != nil {
		return err
	}
	checked := map[*mapping]bool{}
	for _, t := range all {
		r, ok := t.Storage().(*region)
		if !ok || !r.external || r.m == nil || checked[r.m] {
			continue
		}
		checked[r.m] = true
		if r.m.info != nil && os.SameFile(r.m.info, at) {
			return &fs.PathError{Op: "save", Path: path, Err: errors.New("is a data file that the model's weights are read from; give the model another name")}
		}
	}
	return nil
}

// room refuses a save that the disk has no space for, before anything is written. The files that are replaced remain until the end, so
// they count for nothing.
func (s *saver) room(p *plan, path string) error {
	dir := filepath.Dir(path)
	free, known := s.disk.free(dir)
	need := s.total + s.total/20
	if s.opt.DataName != "" && p.size > 0 {
		switch _, err := s.disk.lstat(filepath.Join(dir, s.opt.DataName)); {
		case err == nil:
			need += p.size + p.size/20 // it may be taken over, by way of a second copy
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
	}
	if known && free < need {
		return fmt.Errorf("%s has %d bytes free, the save needs %d (model, data and 5 %%): make room, or save elsewhere", dir, free, need)
	}
	return nil
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

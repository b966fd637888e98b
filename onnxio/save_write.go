package onnxio

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
)

// write makes the data file and the model file under temporary names and then gives them theirs, the model last.
func (s *saver) write(m *graph.Model, p *plan, path string) error {
	var mode fs.FileMode
	info, err := s.disk.lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case info.Mode().IsRegular():
		mode = info.Mode().Perm()
	case info.Mode()&fs.ModeSymlink == 0:
		return &fs.PathError{Op: "save", Path: path, Err: errNotRegular}
	}
	if len(p.order) == 0 {
		return s.publish(m, p, path, mode, nil, target{})
	}
	data, err := s.writeData(p, path, mode)
	if err != nil {
		return err
	}
	defer data.abandon()
	dir, sum := filepath.Dir(path), *p.checksum
	long := ownName(path, sum)
	names := []string{ownName(path, sum[:shortHash]), long}
	if s.opt.DataName != "" {
		names = []string{s.opt.DataName}
	}
	var t target
	for _, name := range names { // the second one when two contents begin with the same hash
		if t, err = s.look(data, filepath.Join(dir, name)); err != nil {
			return err
		}
		if t.was == nil || t.same {
			return s.publish(m, p, path, mode, data, t)
		}
	}
	if s.opt.DataName == "" || !slices.Contains(s.locationsIn(path), s.opt.DataName) {
		return t.taken("another model may need it, so choose another name or remove it")
	}
	// The model that is replaced names the file, and its bytes must stay until then. So the new model first names a file of another
	// name, and then, when nothing needs the old bytes, a second copy that replaces them. It is whole at every moment.
	if err := s.nobodyElse(dir, t, path); err != nil {
		return err
	}
	interim, err := s.look(data, filepath.Join(dir, long))
	if err != nil {
		return err
	}
	if interim.was != nil && !interim.same {
		return interim.taken("it is not what its name says; remove it")
	}
	if err := s.publish(m, p, path, mode, data, interim); err != nil {
		return err
	}
	s.total += s.total
	again, err := s.writeData(p, path, mode)
	if err != nil {
		return err
	}
	defer again.abandon()
	t.replace = true
	return s.publish(m, p, path, mode, again, t)
}

// target is the place of the data file.
type target struct {
	path    string
	was     fs.FileInfo // what was there; nil: nothing
	same    bool        // with the same content
	replace bool        // its content is not needed
}

func (t *target) taken(do string) error {
	return &fs.PathError{Op: "save", Path: t.path, Err: errors.New("a data file of that name exists with other content; " + do)}
}

// look compares what has the name that the data file shall have.
func (s *saver) look(data *writing, path string) (target, error) {
	t := target{path: path}
	info, err := s.disk.lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil
	}
	if err != nil {
		return t, err
	}
	t.was = info
	if info.Mode()&fs.ModeSymlink == 0 {
		if !info.Mode().IsRegular() || info.Size() != data.kept.size {
			return t, nil
		}
	}
	t.same, err = s.sameContent(data.temp, path)
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil // a link to nothing
	}
	return t, err
}

func (s *saver) sameContent(a, b string) (bool, error) {
	var files [2]input
	var bufs [2][]byte
	for i, path := range []string{a, b} {
		f, err := s.disk.open(path)
		if err != nil {
			return false, err
		}
		defer f.Close()
		files[i], bufs[i] = f, make([]byte, copyChunk)
	}
	for at := int64(0); ; at += copyChunk {
		var n [2]int
		for i, f := range files {
			var err error
			if n[i], err = f.ReadAt(bufs[i], at); err != nil && err != io.EOF {
				return false, err
			}
		}
		if !bytes.Equal(bufs[0][:n[0]], bufs[1][:n[1]]) {
			return false, nil
		}
		if n[0] < copyChunk {
			return true, nil
		}
		if err := s.opt.Ctx.Err(); err != nil {
			return false, err
		}
	}
}

// nobodyElse makes sure that no model in dir but that at path, if it is given, names the file.
func (s *saver) nobodyElse(dir string, t target, path string) error {
	users, unread, err := references(s.disk, dir, filepath.Base(path))
	if err != nil {
		return err
	}
	if len(users[filepath.Base(t.path)]) > 0 {
		return t.taken(users[filepath.Base(t.path)][0] + " needs it, so choose another name")
	}
	if len(unread) > 0 {
		return t.taken(unread[0].Path + " cannot be read and may need it, so choose another name")
	}
	return nil
}

// publish writes the model, checks the two files and gives them their names.
func (s *saver) publish(m *graph.Model, p *plan, path string, mode fs.FileMode, data *writing, t target) (err error) {
	name := ""
	if data != nil {
		name = filepath.Base(t.path)
		*p.location = name
	}
	size, err := p.modelSize(m)
	if err != nil {
		return err
	}
	model, err := begin(s.disk, path, mode, size)
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
	if err := s.check(m, p, model, data); err != nil {
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
	var old []string
	for _, loc := range s.locationsIn(path) {
		if isOwnData(loc, path) && loc != name {
			old = append(old, loc)
		}
	}
	if data != nil {
		made, err2 := s.commitData(data, t)
		if made {
			defer func() {
				if err != nil {
					s.sweep(dir, []string{name})
				}
			}()
		}
		if err2 != nil {
			return err2
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
	s.sweep(dir, old)
	return nil
}

// commitData gives the data file its name, unless a file of that name has the same content; made says whether it may have made a file
// that was not there. The folder is locked.
func (s *saver) commitData(data *writing, t target) (made bool, err error) {
	now, err := s.disk.lstat(t.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	if err != nil {
		return true, data.commit(t.path)
	}
	if t.was == nil || !os.SameFile(now, t.was) || now.Size() != t.was.Size() || now.ModTime() != t.was.ModTime() {
		replace := t.replace
		if t, err = s.look(data, t.path); err != nil {
			return false, err
		}
		if !t.same && (!replace || t.was != nil) {
			return false, t.taken("it came while this save was running; save again")
		}
	}
	switch {
	case t.replace:
		if err := s.nobodyElse(filepath.Dir(t.path), t, ""); err != nil {
			return false, err
		}
	case !t.same:
		return false, t.taken("save again")
	case now.Mode().IsRegular():
		f, err := s.disk.open(t.path)
		if err != nil {
			return false, err
		}
		defer f.Close()
		if f.names() == 1 { // readers refuse a file with more
			return false, f.Sync() // whoever wrote it may not have
		}
	}
	return false, data.commit(t.path)
}

// shortHash is how much of the checksum is in the name of a data file, unless two files would have the same name.
const shortHash = 12

// ownName is the name of a data file that Save makes for the model at path.
func ownName(path, hash string) string { return dataStem(path) + hash + ".data" }

// dataStem is what the names of the data files of the model at path begin with.
func dataStem(path string) string {
	return cutName(strings.TrimSuffix(filepath.Base(path), ".onnx"), maxName-len("-.data")-40) + "-"
}

// ownHash is the hash in a name that ownName may have made; "": it did not.
func ownHash(name string) string {
	stem, ok := strings.CutSuffix(name, ".data")
	i := strings.LastIndexByte(stem, '-')
	if !ok || i < 0 || !isHex(stem[i+1:], shortHash) && !isHex(stem[i+1:], 40) {
		return ""
	}
	return stem[i+1:]
}

func isOwnData(name, path string) bool {
	hash := ownHash(name)
	return hash != "" && name == ownName(path, hash)
}

// writeData writes the data file and sets the checksum that the plan's places share.
func (s *saver) writeData(p *plan, path string, mode fs.FileMode) (_ *writing, err error) {
	if s.opt.DataName != "" {
		path = filepath.Join(filepath.Dir(path), s.opt.DataName)
	}
	w, err := begin(s.disk, path, mode, p.size)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			w.abandon()
		}
	}()
	sum := newSummer()
	defer sum.stop()
	out := &meter{w: w, s: s, sum: sum}
	at := int64(0)
	for _, t := range p.order {
		pl := p.places[t]
		if err := out.zeros(pl.offset - at); err != nil {
			return nil, err
		}
		n, err := copyStorage(out, t.Storage())
		if err == nil && n != pl.length {
			err = fmt.Errorf("a tensor of %d bytes gave %d", pl.length, n)
		}
		if err != nil {
			return nil, err
		}
		at = pl.offset + pl.length
	}
	*p.checksum = sum.hex()
	if err := w.seal(); err != nil {
		return nil, err
	}
	return w, nil
}

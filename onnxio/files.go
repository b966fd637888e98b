package onnxio

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// disk is what saving does to files. Tests put one in its place that fails.
type disk interface {
	// create makes a new file; it is an error if there is one.
	create(path string, mode fs.FileMode) (sink, error)
	rename(from, to string) error
	remove(path string) error
	syncDir(path string) error
	lock(dir string) (unlock func(), err error)
}

type sink interface {
	io.Writer
	Sync() error
	Close() error
}

type osDisk struct{}

func (osDisk) create(path string, mode fs.FileMode) (sink, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, err
	}
	if mode != 0 {
		if err := f.Chmod(mode); err != nil {
			return nil, errors.Join(err, f.Close(), os.Remove(path))
		}
	}
	return f, nil
}

func (osDisk) rename(from, to string) error { return os.Rename(from, to) }
func (osDisk) remove(path string) error     { return os.Remove(path) }
func (osDisk) syncDir(path string) error    { return syncDir(path) }
func (osDisk) lock(dir string) (func(), error) {
	return lockDir(dir)
}

const tempMark = ".onnx-rewrite-"

// tempName is a name in the folder of path that no other process uses and that says what it is the beginning of.
func tempName(path string) string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+tempMark+hex.EncodeToString(b[:]))
}

// Leftovers lists the unfinished files that a save which was killed left in a folder. Nothing refers to them. One may belong to a save
// that is still running.
func Leftovers(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var list []string
	for _, e := range entries {
		base, id, ok := strings.Cut(e.Name(), tempMark)
		if ok && strings.HasPrefix(base, ".") && len(id) == 12 && e.Type().IsRegular() {
			list = append(list, filepath.Join(dir, e.Name()))
		}
	}
	return list, nil
}

// writing is a file under a temporary name.
type writing struct {
	d    disk
	temp string
	sink
	closed, done bool
}

func begin(d disk, target string, mode fs.FileMode) (*writing, error) {
	w := &writing{d: d, temp: tempName(target)}
	var err error
	w.sink, err = d.create(w.temp, mode)
	if err != nil {
		return nil, err
	}
	return w, nil
}

// seal makes the content durable.
func (w *writing) seal() error {
	if err := w.sink.Sync(); err != nil {
		return err
	}
	w.closed = true
	return w.sink.Close()
}

// commit gives the file its name.
func (w *writing) commit(target string) error {
	if err := w.d.rename(w.temp, target); err != nil {
		return err
	}
	w.done = true
	return nil
}

// abandon removes the file unless it was committed.
func (w *writing) abandon() {
	if w == nil || w.done {
		return
	}
	if !w.closed {
		_ = w.sink.Close()
	}
	_ = w.d.remove(w.temp)
}

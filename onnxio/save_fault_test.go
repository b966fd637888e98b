package onnxio

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// faulty is a disk one of whose calls fails.
type faulty struct {
	osDisk
	kind   fault
	failAt int // number of the call
	calls  int
	what   string // the call that failed
}

// fault is a way to fail.
type fault string

const (
	refuses  fault = "refuses"  // nothing is done, and an error returned
	lies     fault = "lies"     // it is done, and an error returned
	noSpace  fault = "no space" // a write does half and says why
	short    fault = "short"    // a write does half and says how much, but not why
	corrupts fault = "corrupts" // a write puts down another byte than it got, and says nothing
)

var errInjected = errors.New("injected")

// call runs do, unless this call is the one that fails.
func (d *faulty) call(what string, do func() error) error {
	if d.calls++; d.calls != d.failAt {
		return do()
	}
	d.what = what
	if d.kind == lies {
		_ = do()
	}
	if d.kind == noSpace {
		return &fs.PathError{Op: what, Path: "x", Err: syscall.ENOSPC}
	}
	return errInjected
}

// called is call for what returns a value.
func called[T any](d *faulty, what string, do func() (T, error)) (v T, err error) {
	err = d.call(what, func() error { v, err = do(); return err })
	return v, err
}

func (d *faulty) create(path string) (sink, error) {
	f, err := called(d, "create", func() (sink, error) { return d.osDisk.create(path) })
	if err != nil {
		if f != nil { // the disk lied: nobody will close or remove the file
			f.Close()
			f.release()
			os.Remove(path)
		}
		return nil, err
	}
	return &faultySink{f, d}, nil
}

func (d *faulty) open(path string) (input, error) {
	f, err := called(d, "open", func() (input, error) { return d.osDisk.open(path) })
	if err != nil {
		if f != nil {
			f.Close()
		}
		return nil, err
	}
	return &faultyInput{f, d}, nil
}

func (d *faulty) lstat(path string) (fs.FileInfo, error) {
	return called(d, "lstat", func() (fs.FileInfo, error) { return d.osDisk.lstat(path) })
}

func (d *faulty) list(dir string) ([]fs.DirEntry, error) {
	return called(d, "list", func() ([]fs.DirEntry, error) { return d.osDisk.list(dir) })
}

func (d *faulty) structure(path string, l Limits) (*graph.Model, error) {
	return called(d, "structure", func() (*graph.Model, error) { return d.osDisk.structure(path, l) })
}

func (d *faulty) rename(from, to string) error {
	return d.call("rename", func() error { return d.osDisk.rename(from, to) })
}

func (d *faulty) remove(path string) error {
	return d.call("remove", func() error { return d.osDisk.remove(path) })
}

func (d *faulty) syncDir(path string) error {
	return d.call("syncDir", func() error { return nil })
}

func (d *faulty) lock(dir string) (func(), error) {
	unlock, err := called(d, "lock", func() (func(), error) { return d.osDisk.lock(dir) })
	if err != nil && unlock != nil {
		unlock()
	}
	return unlock, err
}

// free fails by not knowing.
func (d *faulty) free(dir string) (n int64, known bool) {
	err := d.call("free", func() error { n, known = d.osDisk.free(dir); return nil })
	return n, known && err == nil
}

type faultySink struct {
	sink
	d *faulty
}

func (s *faultySink) Write(b []byte) (n int, err error) {
	err = s.d.call("write", func() error { n, err = s.sink.Write(b); return err })
	if err == nil || s.d.kind == refuses || s.d.kind == lies {
		return n, err
	}
	switch s.d.kind {
	case corrupts:
		b = append([]byte(nil), b...)
		b[len(b)/2] ^= 1
		return s.sink.Write(b)
	case short:
		return s.sink.Write(b[:len(b)/2])
	}
	n, _ = s.sink.Write(b[:len(b)/2])
	return n, err
}

func (s *faultySink) Chmod(m fs.FileMode) error {
	return s.d.call("chmod", func() error { return s.sink.Chmod(m) })
}

// Sync does nothing when it does not fail: no power is lost here, and the device is slow.
func (s *faultySink) Sync() error { return s.d.call("sync", func() error { return nil }) }

func (s *faultySink) Close() error {
	err := s.d.call("close", s.sink.Close)
	_ = s.sink.Close() // the system closes in any case
	return err
}

type faultyInput struct {
	input
	d *faulty
}

func (f *faultyInput) ReadAt(b []byte, at int64) (n int, err error) {
	err = f.d.call("read", func() error { n, err = f.input.ReadAt(b, at); return err })
	return n, err
}

func (f *faultyInput) Stat() (fs.FileInfo, error) {
	return called(f.d, "stat", f.input.Stat)
}

func (f *faultyInput) Sync() error { return f.d.call("sync", func() error { return nil }) }

func (f *faultyInput) forget(int64, int64) {}

// faultCase is a save whose calls fail one after the other.
type faultCase struct {
	name   string
	before SaveOptions
	opt    SaveOptions
	also   string // another model file of the same content as the one that is replaced
}

var faultCases = []faultCase{
	{name: "new data file", before: SaveOptions{External: ExternalAlways}},
	{name: "same data file", before: SaveOptions{External: ExternalAlways}, opt: SaveOptions{External: ExternalAlways}, also: "other.onnx"},
	{name: "fixed name taken over", before: SaveOptions{External: ExternalAlways, DataName: "w.bin"}, opt: SaveOptions{DataName: "w.bin"}},
	{name: "into the model", before: SaveOptions{External: ExternalAlways}, opt: SaveOptions{External: ExternalNever}},
	{name: "out of the model", opt: SaveOptions{External: ExternalAlways}},
}

// Whichever call fails in whatever way, the path holds the old or the new model, whole, no unfinished file is left, and what else is left
// is known as garbage.
func TestSaveFaults(t *testing.T) {
	all := map[string]int{}
	for _, c := range faultCases {
		from := t.TempDir()
		require.NoError(t, Save(small(1), filepath.Join(from, "m.onnx"), c.before))
		if c.also != "" {
			require.NoError(t, os.WriteFile(filepath.Join(from, c.also), readFile(t, filepath.Join(from, "m.onnx")), 0o666))
		}
		for failAt := 1; ; failAt++ {
			d := &faulty{kind: refuses, failAt: failAt}
			faultySave(t, c, from, d)
			if d.what == "" {
				require.Greater(t, failAt, 20)
				break
			}
			all[d.what]++
			faultySave(t, c, from, &faulty{kind: lies, failAt: failAt})
			if d.what == "write" {
				for _, kind := range []fault{noSpace, short, corrupts} {
					faultySave(t, c, from, &faulty{kind: kind, failAt: failAt})
				}
			}
		}
	}
	t.Log(all)
	for _, what := range []string{"create", "chmod", "write", "sync", "close", "open", "stat", "read", "structure", "lstat", "list", "lock", "rename", "syncDir", "remove", "free"} {
		require.Positive(t, all[what], what)
	}
}

func faultySave(t *testing.T, c faultCase, from string, d *faulty) {
	t.Helper()
	dir := t.TempDir()
	copyDir(t, from, dir)
	path := filepath.Join(dir, "m.onnx")
	m := load(t, path)
	if c.also == "" {
		m.Graph.Find("w1").Const = tensor.Zeros(tensor.Float32, 32, 32)
	}
	m.Producer = "edited"
	oldValues, newValues := values(small(1)), values(m)
	err := (&saver{disk: d, opt: c.opt}).save(m, path)
	told := fmt.Sprintf("%s: call %d, %s, %s: %v", c.name, d.failAt, d.what, d.kind, err)

	got := load(t, path)
	switch {
	case err == nil:
		require.Equal(t, "edited", got.Producer, told)
		require.Contains(t, []string{"", "free", "remove", "list", "structure"}, d.what, told)
	case errors.Is(err, errInjected), errors.Is(err, syscall.ENOSPC), errors.Is(err, io.ErrShortWrite), errors.Is(err, errReadBack):
	case d.what == "structure" && strings.Contains(err.Error(), "exists with other content"): // nobody can tell who needs it
	default:
		require.NoError(t, err, told)
	}
	if got.Producer == "edited" {
		require.Equal(t, newValues, values(got), told)
	} else {
		require.Equal(t, oldValues, values(got), told)
	}
	if c.also != "" {
		require.Equal(t, oldValues, values(load(t, filepath.Join(dir, c.also))), told)
	}
	left, e := Leftovers(dir)
	require.NoError(t, e)
	if d.what != "remove" {
		require.Empty(t, left, told)
	}
	garbage, e := GC(dir, GCOptions{})
	require.NoError(t, e)
	if len(garbage) > 0 {
		require.Contains(t, []string{"remove", "list", "structure", "rename", "syncDir"}, d.what, told)
	}
	files := []string{"m.onnx"}
	if c.also != "" {
		files = append(files, c.also)
	}
	require.ElementsMatch(t, append(files, Locations(got)...), without(names(t, dir), "w.bin", got), told)
	require.Equal(t, values(got), values(load(t, path)), told)
}

// without leaves a name out unless the model needs that file: a name that the caller chose is never garbage to us.
func without(list []string, name string, m *graph.Model) []string {
	var rest []string
	for _, s := range list {
		if s != name || len(Locations(m)) > 0 && Locations(m)[0] == name {
			rest = append(rest, s)
		}
	}
	return rest
}

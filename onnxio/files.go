package onnxio

import (
	"crypto/rand"
	"encoding/hex"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
)

// disk is all that saving does to files. Tests put one in its place that fails, or that notes what was done.
type disk interface {
	// create makes a new file; it is an error if there is one. The file counts as in use until release.
	create(path string) (sink, error)
	open(path string) (input, error)
	lstat(path string) (fs.FileInfo, error)
	list(dir string) ([]fs.DirEntry, error)
	// structure reads a model without the values in data files.
	structure(path string, l Limits) (*graph.Model, error)
	rename(from, to string) error
	remove(path string) error
	syncDir(path string) error
	lock(dir string) (unlock func(), err error)
	// free is the number of bytes that may still be written in a folder, where the system knows.
	free(dir string) (n int64, known bool)
}

// sink is a file that is being written.
type sink interface {
	io.Writer
	Chmod(fs.FileMode) error
	Sync() error
	Close() error
	release() // after Close: the file is no longer in use
}

// input is a file that is read back.
type input interface {
	io.ReaderAt
	Stat() (fs.FileInfo, error)
	Sync() error
	Close() error
	names() uint64               // how many the file has
	forget(offset, length int64) // the next read of the range goes to the device, where the system can
}

type osDisk struct{}

func (osDisk) create(path string) (sink, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, err
	}
	return &osFile{File: f, mark: markInUse(path), eager: true}, nil
}

func (osDisk) open(path string) (input, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|openNonblock, 0)
	if err != nil {
		return nil, err
	}
	return &osFile{File: f}, nil
}

func (osDisk) structure(path string, l Limits) (*graph.Model, error) {
	return Load(path, LoadOptions{External: ExternalSkip, Lenient: true, Limits: l})
}

func (osDisk) lstat(path string) (fs.FileInfo, error) { return os.Lstat(path) }
func (osDisk) list(dir string) ([]fs.DirEntry, error) { return os.ReadDir(dir) }
func (osDisk) rename(from, to string) error           { return os.Rename(from, to) }
func (osDisk) remove(path string) error               { return os.Remove(path) }
func (osDisk) syncDir(path string) error              { return syncDir(path) }
func (osDisk) lock(dir string) (func(), error)        { return lockDir(dir) }
func (osDisk) free(dir string) (n int64, known bool)  { return freeSpace(dir) }

// noLimits is for a file that this process wrote.
func noLimits() Limits {
	var l Limits
	for _, r := range l.rows() {
		r.set(math.MaxInt64)
	}
	return l
}

// keepCached is how much of a file that is written stays in the system's cache. More would push out what others use, and costs more than
// it saves: memory that is written the first time is dear, memory that is used again is not.
const keepCached = 1 << 30

// osFile is a file of the system.
type osFile struct {
	*os.File
	mark  io.Closer // says that it is in use; nil: nothing does
	eager bool      // what is written goes to the device at once, so that little is left for Sync
	n     int64     // written
	sent  int64     // of it, to the device
	gone  int64     // of it, out of the cache
}

// Write implements io.Writer.
func (f *osFile) Write(b []byte) (int, error) {
	n, err := f.File.Write(b)
	f.n += int64(n)
	if f.eager && f.n-f.sent >= 8<<20 {
		startWriting(f.File, f.sent, f.n-f.sent)
		f.sent = f.n
		for ; f.sent-f.gone > keepCached; f.gone += 8 << 20 {
			passOn(f.File, f.gone, 8<<20)
		}
	}
	return n, err
}

func (f *osFile) release() {
	if f.mark != nil {
		_ = f.mark.Close()
	}
}

func (f *osFile) names() uint64 { return linkCount(f.File) }

func (f *osFile) forget(offset, length int64) { dropCached(f.File, offset, length) }

const (
	tempMark = ".onnx-rewrite-"
	maxName  = 255 // bytes of a file name, on most systems
)

// tempName is a name in the folder of path that no other process uses and that says what it is the beginning of.
func tempName(path string) string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails
	return filepath.Join(filepath.Dir(path), "."+cutName(filepath.Base(path), maxName-1-len(tempMark)-2*len(b))+tempMark+hex.EncodeToString(b[:]))
}

// isTempName reports whether tempName made a name.
func isTempName(name string) bool {
	i := strings.LastIndex(name, tempMark)
	return i > 0 && name[0] == '.' && isHex(name[i+len(tempMark):], 12)
}

func isHex(s string, n int) bool { return len(s) == n && strings.Trim(s, "0123456789abcdef") == "" }

// cutName shortens a name to n bytes, between two characters.
func cutName(name string, n int) string {
	if len(name) <= n {
		return name
	}
	for n > 0 && !utf8.RuneStart(name[n]) {
		n--
	}
	return name[:n]
}

// writing is a file under a temporary name.
type writing struct {
	d      disk
	temp   string
	out    sink
	kept   sampler
	closed bool
	done   bool
}

// begin makes a file of the given size that will get target's name. The folder is locked meanwhile, so that whoever collects garbage sees the file either
// not at all or in use.
func begin(d disk, target string, mode fs.FileMode, size int64) (*writing, error) {
	w := &writing{d: d, temp: tempName(target), kept: newSampler(size)}
	unlock, err := d.lock(filepath.Dir(target))
	if err != nil {
		return nil, err
	}
	w.out, err = d.create(w.temp)
	unlock()
	if err != nil {
		return nil, err
	}
	if mode != 0 {
		if err := w.out.Chmod(mode); err != nil {
			w.abandon()
			return nil, err
		}
	}
	return w, nil
}

// Write implements io.Writer.
func (w *writing) Write(b []byte) (int, error) {
	n, err := w.out.Write(b)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	w.kept.add(b[:max(0, n)])
	return n, err
}

// seal makes the content durable.
func (w *writing) seal() error {
	if err := w.out.Sync(); err != nil {
		return err
	}
	w.closed = true
	return w.out.Close()
}

// commit gives the file its name.
func (w *writing) commit(target string) error {
	if err := w.d.rename(w.temp, target); err != nil {
		return err
	}
	w.done = true
	w.out.release()
	return nil
}

// abandon removes the file unless it was committed.
func (w *writing) abandon() {
	if w == nil || w.done {
		return
	}
	if !w.closed {
		_ = w.out.Close()
	}
	_ = w.d.remove(w.temp)
	w.out.release()
	w.done = true
}

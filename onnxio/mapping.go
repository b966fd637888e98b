package onnxio

import (
	"errors"
	"fmt"
	"math"
	"os"
	"sync"
	"sync/atomic"

	"github.com/edsrzf/mmap-go"
)

// mapping is a file mapped read-only, whole. Views into b are valid until close.
type mapping struct {
	b    []byte
	mm   mmap.MMap
	info os.FileInfo // of the file; nil for an empty one

	once   sync.Once
	closed atomic.Bool
	err    error
}

// mapFile maps f, a regular file of the given size. f may be closed afterwards.
func mapFile(f *os.File, size int64) (*mapping, error) {
	if size == 0 {
		return &mapping{}, nil
	}
	if size < 0 || size > math.MaxInt {
		return nil, fmt.Errorf("%s: %d bytes do not fit this machine's address space", f.Name(), size)
	}
	mm, err := mmap.Map(f, mmap.RDONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("map %s: %w", f.Name(), err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, mm.Unmap())
	}
	return &mapping{b: mm, mm: mm, info: info}, nil
}

func (m *mapping) close() error {
	m.once.Do(func() {
		m.closed.Store(true)
		if m.mm != nil {
			m.err = m.mm.Unmap()
		}
	})
	return m.err
}

// openMapped opens and maps the regular file at path.
func openMapped(path string) (*mapping, os.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|openNonblock, 0)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, &os.PathError{Op: "open", Path: path, Err: errNotRegular}
	}
	m, err := mapFile(f, info.Size())
	return m, info, err
}

var errNotRegular = errors.New("not a regular file")

// region is tensor storage inside a mapping. It keeps the mapping alive only through the model that owns it.
type region struct {
	b []byte
	m *mapping

	external bool // of a data file, not of the model file
}

// Bytes implements tensor.Storage. It panics when the model was closed, instead of reading memory that is gone.
func (r *region) Bytes() []byte {
	if r.m != nil && r.m.closed.Load() {
		panic("onnxio: use of a tensor whose model is closed")
	}
	return r.b
}

// Len implements tensor.Storage.
func (r *region) Len() int64 { return int64(len(r.b)) }

// External reports whether the tensor lies in a data file, which its external_data names.
func (r *region) External() bool { return r.external }

// soon lets the system begin to read part, and does not wait for it.
func (r *region) soon(part []byte) {
	if r.m != nil && r.m.mm != nil {
		readSoon(part)
	}
}

// want tells the system that part is read next, all of it: cheaper than page by page.
func (r *region) want(part []byte) {
	if r.m != nil && r.m.mm != nil {
		wantPages(part)
	}
}

// drop tells the system that the pages under part are not needed for now; they are read again at the next use. It bounds the resident
// size of a process that streams through a large model.
func (r *region) drop(part []byte) {
	if r.m != nil && r.m.mm != nil {
		dropPages(part)
	}
}

// Release gives back the pages of the tensor, whose reader has a copy in another form. They are read again at the next use.
func (r *region) Release() {
	if r.m == nil || !r.m.closed.Load() {
		r.drop(r.b)
	}
}

package onnxio

import (
	"crypto/sha1"
	"encoding/hex"
	"hash"
	"io"
)

// summer computes the checksum of the data file, in a goroutine of its own that may lag some pieces behind the writer.
type summer struct {
	hash hash.Hash
	work chan piece
	bufs chan []byte // for copies of pieces that do not last
	done chan struct{}
	over bool
}

// piece is a part of the file. When it has been hashed, then is called.
type piece struct {
	b    []byte
	then func()
}

// sumLag is how many pieces the checksum may be behind.
const sumLag = 4

func newSummer() *summer {
	s := &summer{hash: sha1.New(), work: make(chan piece, sumLag), bufs: make(chan []byte, sumLag+2), done: make(chan struct{})}
	go func() {
		defer close(s.done)
		for p := range s.work {
			s.hash.Write(p.b)
			p.then()
		}
	}()
	return s
}

// add hashes b, which does not change until then is called.
func (s *summer) add(b []byte, then func()) { s.work <- piece{b, then} }

// copy hashes what b is now.
func (s *summer) copy(b []byte) {
	var buf []byte
	select {
	case buf = <-s.bufs:
	default:
	}
	buf = append(buf[:0], b...)
	s.add(buf, func() {
		select {
		case s.bufs <- buf:
		default:
		}
	})
}

// stop ends the goroutine when it has hashed all.
func (s *summer) stop() {
	if !s.over {
		s.over = true
		close(s.work)
	}
	<-s.done
}

func (s *summer) hex() string {
	s.stop()
	return hex.EncodeToString(s.hash.Sum(nil))
}

// meter counts and hashes what is written, and stops when the save is cancelled.
type meter struct {
	w   io.Writer
	s   *saver
	sum *summer // nil: no checksum is needed
}

// Write implements io.Writer.
func (m *meter) Write(b []byte) (int, error) {
	n, err := m.write(b)
	if m.sum != nil {
		m.sum.copy(b[:n])
	}
	return n, err
}

// writeLasting writes b, which does not change until then is called.
func (m *meter) writeLasting(b []byte, then func()) (int, error) {
	n, err := m.write(b)
	if m.sum == nil || err != nil {
		then()
		return n, err
	}
	m.sum.add(b, then)
	return n, nil
}

// writeSize fits the processor's cache.
const writeSize = 256 << 10

func (m *meter) write(b []byte) (n int, err error) {
	for len(b) > 0 {
		if err := m.s.opt.Ctx.Err(); err != nil {
			return n, err
		}
		c, err := m.w.Write(b[:min(len(b), writeSize)])
		n += c
		m.s.done += int64(c)
		if m.s.opt.Progress != nil {
			m.s.opt.Progress(m.s.done, m.s.total)
		}
		if err != nil {
			return n, err
		}
		b = b[c:]
	}
	return n, nil
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

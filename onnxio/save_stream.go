package onnxio

import (
	"crypto/sha1"
	"encoding/hex"
	"hash"
	"io"
)

// summer computes the checksum of the data file. Large pieces are hashed by a goroutine of its own while they are written.
type summer struct {
	hash hash.Hash
	work chan []byte
	done chan struct{}
}

func newSummer() *summer {
	s := &summer{hash: sha1.New(), work: make(chan []byte), done: make(chan struct{})}
	go func() {
		for b := range s.work {
			s.hash.Write(b)
			s.done <- struct{}{}
		}
	}()
	return s
}

// begin hashes b until end; b must not change meanwhile.
func (s *summer) begin(b []byte) (end func()) {
	if len(b) < 64<<10 {
		s.hash.Write(b)
		return func() {}
	}
	s.work <- b
	return func() { <-s.done }
}

func (s *summer) stop()       { close(s.work) }
func (s *summer) hex() string { return hex.EncodeToString(s.hash.Sum(nil)) }

// meter counts and hashes what is written, and stops when the save is cancelled.
type meter struct {
	w   io.Writer
	s   *saver
	sum *summer // nil: no checksum is needed
}

// Write implements io.Writer.
func (m *meter) Write(b []byte) (int, error) {
	if err := m.s.opt.Ctx.Err(); err != nil {
		return 0, err
	}
	if m.sum != nil {
		defer m.sum.begin(b)()
	}
	n, err := m.w.Write(b)
	m.s.done += int64(n)
	if m.s.opt.Progress != nil {
		m.s.opt.Progress(m.s.done, m.s.total)
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

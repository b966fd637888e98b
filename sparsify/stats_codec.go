package sparsify

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"os"
	"path/filepath"
)

// The file format of Stats, version 1. Everything is little-endian; the same statistics always give the same bytes.
//
//	magic      8 bytes "ONXRSTAT"
//	version    uint32  1
//	settings   string model, string data, string numerics, int64 leaf samples, int64 leaves
//	taps       uint32 count, then by ascending name: string name, uint32 width, float32 fire, uint8 flags, uint8 deviation
//	           flags: 1 Gram, 2 co-firing, 4 magnitude histogram
//	blocks     uint32 count, then by ascending first leaf: uint8 level, uint64 index, and per tap
//	           int64 rows, float64 mean[width], float64 m2[width], float32 absmax[width], int64 fired[width],
//	           uint32 cofire[width(width+1)/2] (upper triangle, row by row)       if co-firing and rows is not 0
//	           float64 gram[width(width+1)/2] (the same order)                     if Gram and rows is not 0
//	           histogram of MagnitudeBins bins                                     if magnitude
//	           histogram of DeviationBins bins                                     if deviation is not 0
//	checksum   SHA-256 of all bytes before it
//
// A string is uint32 length and bytes. A histogram is uint32 count of non-empty bins, then ascending uint32 bin, int64 count each.
const (
	statsMagic   = "ONXRSTAT"
	statsVersion = 1
	maxString    = 1 << 16
	maxTaps      = 1 << 16
)

// ErrFormat is wrapped by every error about the bytes of a statistics file.
var ErrFormat = errors.New("not a valid statistics file")

// Save writes the statistics. The bytes depend on settings and leaves only.
func (s *Stats) Save(w io.Writer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	sum := sha256.New()
	bw := bufio.NewWriterSize(w, 1<<16)
	e := &statsWriter{w: io.MultiWriter(bw, sum)}
	e.bytes([]byte(statsMagic))
	e.u32(statsVersion)
	for _, v := range []string{s.set.Model, s.set.Data, s.set.Numerics} {
		e.str(v)
	}
	e.u64(uint64(s.set.LeafSamples))
	e.u64(uint64(s.set.Leaves))
	e.u32(uint32(len(s.set.Taps)))
	for _, t := range s.set.Taps {
		e.str(t.Name)
		e.u32(uint32(t.Width))
		e.u32(math.Float32bits(t.Fire))
		e.bytes([]byte{t.flags(), byte(t.Deviation)})
	}
	ids := s.blocks.IDs()
	e.u32(uint32(len(ids)))
	for _, id := range ids {
		e.bytes([]byte{id.Level})
		e.u64(id.Index)
		taps, _ := s.blocks.Get(id)
		for _, t := range taps {
			t.encode(e)
		}
	}
	if e.err != nil {
		return e.err
	}
	if _, err := bw.Write(sum.Sum(nil)); err != nil {
		return err
	}
	return bw.Flush()
}

func (t TapSpec) flags() (f byte) {
	for i, on := range []bool{t.Gram, t.CoFire, t.Magnitude} {
		if on {
			f |= 1 << i
		}
	}
	return f
}

func (t *tapAcc) encode(e *statsWriter) {
	e.u64(uint64(t.rows))
	e.f64s(t.mean)
	e.f64s(t.m2)
	for _, v := range t.absmax {
		e.u32(math.Float32bits(v))
	}
	for _, v := range t.fired {
		e.u64(uint64(v))
	}
	for _, v := range t.cofire {
		e.u32(v)
	}
	if n := t.spec.Width; t.gram != nil {
		for i := range n {
			e.f64s(t.gram[i*n+i : (i+1)*n])
		}
	}
	for _, h := range [][]int64{t.mag, t.dev} {
		if h == nil {
			continue
		}
		var full uint32
		for _, c := range h {
			if c != 0 {
				full++
			}
		}
		e.u32(full)
		for b, c := range h {
			if c != 0 {
				e.u32(uint32(b))
				e.u64(uint64(c))
			}
		}
	}
}

// Digest returns the SHA-256 of what Save writes.
func (s *Stats) Digest() (sum [sha256.Size]byte, err error) {
	h := sha256.New()
	err = s.Save(h)
	h.Sum(sum[:0])
	return sum, err
}

// SaveFile writes the statistics to a temporary file beside path, syncs and renames it.
func (s *Stats) SaveFile(path string) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".stats-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if err = s.Save(f); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// LoadStats reads what Save wrote. It never allocates much more than the bytes it has read, and every error about them wraps ErrFormat and
// tells the offset. Bytes after the checksum are an error.
func LoadStats(r io.Reader) (*Stats, error) {
	d := &statsReader{r: bufio.NewReaderSize(r, 1<<16), sum: sha256.New()}
	s, err := d.stats()
	if err != nil {
		return nil, fmt.Errorf("%w: offset %d: %w", ErrFormat, d.off, err)
	}
	return s, nil
}

// LoadStatsFile reads a statistics file.
func LoadStatsFile(path string) (*Stats, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s, err := LoadStats(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

type statsWriter struct {
	w   io.Writer
	err error
	buf [1 << 12]byte
}

func (e *statsWriter) bytes(b []byte) {
	if e.err == nil {
		_, e.err = e.w.Write(b)
	}
}

func (e *statsWriter) u32(v uint32) { e.bytes(binary.LittleEndian.AppendUint32(e.buf[:0], v)) }
func (e *statsWriter) u64(v uint64) { e.bytes(binary.LittleEndian.AppendUint64(e.buf[:0], v)) }

func (e *statsWriter) str(s string) {
	if len(s) > maxString && e.err == nil {
		e.err = fmt.Errorf("string of %d bytes is too long", len(s))
	}
	e.u32(uint32(len(s)))
	e.bytes([]byte(s))
}

func (e *statsWriter) f64s(x []float64) {
	for len(x) > 0 {
		n := min(len(x), len(e.buf)/8)
		b := e.buf[:0]
		for _, v := range x[:n] {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
		}
		e.bytes(b)
		x = x[n:]
	}
}

type statsReader struct {
	r   io.Reader
	sum hash.Hash
	off int64
	buf [1 << 13]byte
}

func (d *statsReader) bytes(n int) ([]byte, error) {
	b := d.buf[:n]
	k, err := io.ReadFull(d.r, b)
	d.off += int64(k)
	if err != nil {
		return nil, fmt.Errorf("%d bytes are missing: %w", n-k, io.ErrUnexpectedEOF)
	}
	d.sum.Write(b)
	return b, nil
}

func (d *statsReader) u32() (uint32, error) {
	b, err := d.bytes(4)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint32(b), nil
}

func (d *statsReader) i64(what string, limit int64) (int64, error) {
	b, err := d.bytes(8)
	if err != nil {
		return 0, err
	}
	v := binary.LittleEndian.Uint64(b)
	if v > uint64(limit) {
		return 0, fmt.Errorf("%s %d is above %d", what, v, limit)
	}
	return int64(v), nil
}

func (d *statsReader) count(what string, limit int) (int, error) {
	v, err := d.u32()
	if err == nil && int64(v) > int64(limit) {
		err = fmt.Errorf("%s %d is above %d", what, v, limit)
	}
	return int(v), err
}

func (d *statsReader) str() (string, error) {
	n, err := d.count("string length", maxString)
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	for n > 0 {
		b, err := d.bytes(min(n, len(d.buf)))
		if err != nil {
			return "", err
		}
		out.Write(b)
		n -= len(b)
	}
	return out.String(), nil
}

// slice reads n elements of size bytes each; memory grows only as bytes arrive.
func slice[T any](d *statsReader, n, size int, conv func([]byte) (T, error)) ([]T, error) {
	out := make([]T, 0, min(n, 1<<12))
	for len(out) < n {
		k := min(n-len(out), len(d.buf)/size)
		b, err := d.bytes(k * size)
		if err != nil {
			return nil, err
		}
		for i := range k {
			v, err := conv(b[i*size:])
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
	}
	return out, nil
}

func finite64(b []byte) (float64, error) {
	v := math.Float64frombits(binary.LittleEndian.Uint64(b))
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("value %v is not finite", v)
	}
	return v, nil
}

func positive64(b []byte) (float64, error) {
	v, err := finite64(b)
	if err == nil && v < 0 {
		err = fmt.Errorf("value %v is negative", v)
	}
	return v, err
}

func positive32(b []byte) (float32, error) {
	v := math.Float32frombits(binary.LittleEndian.Uint32(b))
	if !(v >= 0) || math.IsInf(float64(v), 0) {
		return 0, fmt.Errorf("value %v is not a finite magnitude", v)
	}
	return v, nil
}

func (d *statsReader) stats() (*Stats, error) {
	b, err := d.bytes(len(statsMagic))
	if err != nil {
		return nil, err
	}
	if string(b) != statsMagic {
		return nil, fmt.Errorf("starts with %q, not %q", b, statsMagic)
	}
	if v, err := d.u32(); err != nil || v != statsVersion {
		return nil, errors.Join(err, fmt.Errorf("version %d, want %d", v, statsVersion))
	}
	set, err := d.settings()
	if err != nil {
		return nil, err
	}
	s, err := NewStats(set)
	if err != nil {
		return nil, err
	}
	for i, t := range s.set.Taps {
		if t != set.Taps[i] {
			return nil, fmt.Errorf("taps are not in ascending order")
		}
	}
	n, err := d.u32()
	if err != nil {
		return nil, err
	}
	var next uint64
	for range n {
		if next, err = d.block(s, next); err != nil {
			return nil, err
		}
	}
	want := d.sum.Sum(nil)
	got, err := d.bytes(sha256.Size)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(got, want) {
		return nil, errors.New("checksum does not match")
	}
	if k, err := d.r.Read(d.buf[:1]); k != 0 || err != io.EOF {
		return nil, errors.New("bytes follow the checksum")
	}
	return s, nil
}

func (d *statsReader) settings() (set Settings, err error) {
	for _, p := range []*string{&set.Model, &set.Data, &set.Numerics} {
		if *p, err = d.str(); err != nil {
			return set, err
		}
	}
	if set.LeafSamples, err = d.i64("leaf samples", math.MaxInt64); err != nil {
		return set, err
	}
	if set.Leaves, err = d.i64("leaves", maxLeaf); err != nil {
		return set, err
	}
	n, err := d.count("tap count", maxTaps)
	if err != nil {
		return set, err
	}
	for range n {
		t, err := d.tapSpec()
		if err != nil {
			return set, err
		}
		set.Taps = append(set.Taps, t)
	}
	return set, nil
}

func (d *statsReader) tapSpec() (t TapSpec, err error) {
	if t.Name, err = d.str(); err != nil {
		return t, err
	}
	if t.Width, err = d.count("width", maxWidth); err != nil {
		return t, err
	}
	fire, err := d.u32()
	if err != nil {
		return t, err
	}
	t.Fire = math.Float32frombits(fire)
	if fire == 1<<31 {
		return t, errors.New("fire threshold is negative zero")
	}
	b, err := d.bytes(2)
	if err != nil {
		return t, err
	}
	t.Gram, t.CoFire, t.Magnitude, t.Deviation = b[0]&1 != 0, b[0]&2 != 0, b[0]&4 != 0, Deviation(b[1])
	if b[0] > 7 {
		return t, fmt.Errorf("tap %q: flags %#x", t.Name, b[0])
	}
	return t, nil
}

// block reads one block whose first leaf is at least from, and returns the leaf after it.
func (d *statsReader) block(s *Stats, from uint64) (uint64, error) {
	b, err := d.bytes(9)
	if err != nil {
		return 0, err
	}
	id := BlockID{b[0], binary.LittleEndian.Uint64(b[1:])}
	if !id.valid() || id.First() < from {
		return 0, fmt.Errorf("block level %d index %d is out of range or out of order", id.Level, id.Index)
	}
	if s.set.Leaves > 0 && id.End() > uint64(s.set.Leaves) {
		return 0, fmt.Errorf("block %v is beyond the %d leaves", id, s.set.Leaves)
	}
	if _, ok := s.blocks.Get(BlockID{id.Level, id.Index ^ 1}); ok && id.Index&1 == 1 {
		return 0, fmt.Errorf("block %v should have been joined with its sibling", id)
	}
	taps := make([]*tapAcc, len(s.set.Taps))
	for i, spec := range s.set.Taps {
		if taps[i], err = d.tap(spec); err != nil {
			return 0, fmt.Errorf("block %v, tap %q: %w", id, spec.Name, err)
		}
	}
	return id.End(), s.blocks.Add(id, taps)
}

func (d *statsReader) tap(spec TapSpec) (t *tapAcc, err error) {
	n := spec.Width
	t = &tapAcc{spec: spec}
	if t.rows, err = d.i64("rows", maxRows); err != nil {
		return nil, err
	}
	if spec.CoFire && t.rows > math.MaxUint32 {
		return nil, fmt.Errorf("%d rows are too many for co-firing counts", t.rows)
	}
	if t.mean, err = slice(d, n, 8, finite64); err != nil {
		return nil, err
	}
	if t.m2, err = slice(d, n, 8, positive64); err != nil {
		return nil, err
	}
	if t.absmax, err = slice(d, n, 4, positive32); err != nil {
		return nil, err
	}
	t.fired, err = slice(d, n, 8, func(b []byte) (int64, error) {
		v := binary.LittleEndian.Uint64(b)
		if v > uint64(t.rows) {
			return 0, fmt.Errorf("fired on %d of %d rows", v, t.rows)
		}
		return int64(v), nil
	})
	if err != nil {
		return nil, err
	}
	if spec.CoFire && t.rows > 0 {
		t.cofire, err = slice(d, triangle(n), 4, func(b []byte) (uint32, error) {
			v := binary.LittleEndian.Uint32(b)
			if int64(v) > t.rows {
				return 0, fmt.Errorf("fired together on %d of %d rows", v, t.rows)
			}
			return v, nil
		})
		if err != nil {
			return nil, err
		}
	}
	if spec.Gram && t.rows > 0 {
		packed, err := slice(d, triangle(n), 8, finite64)
		if err != nil {
			return nil, err
		}
		t.gram = make([]float64, n*n)
		for i := range n {
			copy(t.gram[i*n+i:(i+1)*n], packed[i*n-triangle(i)+i:])
		}
	}
	if spec.Magnitude {
		if t.mag, err = d.histogram(MagnitudeBins, t.rows*int64(n)); err != nil {
			return nil, err
		}
	}
	if spec.Deviation != DeviationNone {
		if t.dev, err = d.histogram(DeviationBins, t.rows*int64(n)); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// histogram reads counts that sum to at most total.
func (d *statsReader) histogram(bins int, total int64) ([]int64, error) {
	full, err := d.count("non-empty bins", bins)
	if err != nil {
		return nil, err
	}
	out := make([]int64, bins)
	last := -1
	for range full {
		b, err := d.count("bin", bins-1)
		if err != nil {
			return nil, err
		}
		c, err := d.i64("bin count", total)
		if err != nil {
			return nil, err
		}
		if b <= last || c == 0 {
			return nil, fmt.Errorf("bin %d is empty or out of order", b)
		}
		out[b], last, total = c, b, total-c
	}
	return out, nil
}

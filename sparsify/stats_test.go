package sparsify

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func testSettings() Settings {
	return Settings{
		Model: "m1", Data: "d1", Numerics: "avx2", LeafSamples: 64, Leaves: 13,
		Taps: []TapSpec{
			{Name: "layer1/h", Width: 7, Gram: true, CoFire: true, Magnitude: true, Deviation: DeviationAbs},
			{Name: "layer0/h", Width: 5, Fire: 0.5, Deviation: DeviationSigned},
			{Name: "x", Width: 3},
		},
	}
}

// leafRows makes the rows of a leaf; leaves differ in length, some reach over a chunk, one is empty.
func leafRows(leaf int, width int) Matrix {
	r := rand.New(rand.NewPCG(uint64(leaf), uint64(width)))
	m := randomMatrix(r, []int{300, 1, 0, 64, 257}[leaf%5], width)
	for i := range m.Data {
		if r.IntN(3) == 0 {
			m.Data[i] = 0
		}
	}
	return m
}

func newStats(t testing.TB) *Stats {
	t.Helper()
	s, err := NewStats(testSettings())
	require.NoError(t, err)
	return s
}

func observeLeaf(t testing.TB, s *Stats, leaf int) {
	t.Helper()
	rows := map[string]Matrix{}
	for _, tap := range s.Settings().Taps {
		rows[tap.Name] = leafRows(leaf, tap.Width)
	}
	require.NoError(t, s.Observe(int64(leaf), rows))
}

func saved(t testing.TB, s *Stats) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, s.Save(&b))
	return b.Bytes()
}

func TestStatsSameBytesInAnyOrder(t *testing.T) {
	one := newStats(t)
	for l := range 13 {
		observeLeaf(t, one, l)
	}
	want := saved(t, one)
	r := rand.New(rand.NewPCG(5, 5))
	for workers := 1; workers <= 4; workers++ {
		parts := make([]*Stats, workers)
		for i := range parts {
			parts[i] = newStats(t)
		}
		for _, l := range r.Perm(13) {
			observeLeaf(t, parts[r.IntN(workers)], l)
		}
		total := newStats(t)
		for _, i := range r.Perm(workers) {
			if r.IntN(2) == 0 { // through the file format
				p, err := LoadStats(bytes.NewReader(saved(t, parts[i])))
				require.NoError(t, err)
				parts[i] = p
			}
			require.NoError(t, total.Merge(parts[i]))
			require.NoError(t, total.Merge(parts[i]), "a second delivery changes nothing")
		}
		require.Equal(t, want, saved(t, total))
	}
	sum, err := one.Digest()
	require.NoError(t, err)
	require.Equal(t, sha256.Sum256(want), sum)
}

func TestStatsConcurrentLeaves(t *testing.T) {
	one, many := newStats(t), newStats(t)
	var wg sync.WaitGroup
	for l := range 13 {
		observeLeaf(t, one, l)
		wg.Go(func() { observeLeaf(t, many, l) })
	}
	wg.Wait()
	require.Equal(t, saved(t, one), saved(t, many))
	require.EqualValues(t, 13, many.Leaves())
}

func TestStatsBatchingDoesNotMatter(t *testing.T) {
	whole, cut := newStats(t), newStats(t)
	x := leafRows(0, 7)
	require.NoError(t, whole.Observe(0, map[string]Matrix{"layer1/h": x}))
	l, err := cut.NewLeaf(0)
	require.NoError(t, err)
	for _, p := range [][2]int{{0, 1}, {1, 200}, {200, 200}, {200, 300}} {
		require.NoError(t, l.Observe("layer1/h", x.Slice(p[0], p[1])))
	}
	require.NoError(t, cut.Add(l))
	require.ErrorContains(t, cut.Add(l), "closed")
	require.ErrorContains(t, l.Observe("x", NewMatrix(1, 3)), "closed")
	require.Equal(t, saved(t, whole), saved(t, cut))
}

func TestStatsValuesAgainstPlainLoops(t *testing.T) {
	s := newStats(t)
	var rows [][]float32
	for l := range 13 {
		observeLeaf(t, s, l)
		m := leafRows(l, 7)
		for i := range m.Rows {
			rows = append(rows, m.Row(i))
		}
	}
	tap, err := s.Tap("layer1/h")
	require.NoError(t, err)
	require.EqualValues(t, len(rows), tap.Rows())
	n := float64(len(rows))
	mean, variance, square, fire, top := tap.Mean(), tap.Variance(), tap.MeanSquare(), tap.FireRate(), tap.AbsMax()
	g := tap.Moments()
	for j := range 7 {
		var sum, sq float64
		var hit int
		var most float32
		for _, r := range rows {
			sum += float64(r[j])
			sq += float64(r[j]) * float64(r[j])
			if r[j] != 0 {
				hit++
			}
			most = max(most, float32(math.Abs(float64(r[j]))))
		}
		require.InDelta(t, sum/n, mean[j], 1e-12)
		require.InDelta(t, sq/n-sum/n*sum/n, variance[j], 1e-12)
		require.InDelta(t, sq/n, square[j], 1e-12)
		require.Equal(t, float64(hit)/n, fire[j])
		require.Equal(t, most, top[j])
		require.InDelta(t, sum/n, g.MeanX()[j], 1e-12)
		for k := range 7 {
			var co uint32
			var prod float64
			for _, r := range rows {
				prod += float64(r[j]) * float64(r[k])
				if r[j] != 0 && r[k] != 0 {
					co++
				}
			}
			got, ok := tap.CoFireCount(j, k)
			require.True(t, ok)
			require.Equal(t, co, got)
			require.InDelta(t, prod, g.XX().At(j, k), 1e-3)
		}
	}
	_, ok := tap.CoFireCount(0, 7)
	require.False(t, ok)
}

func TestStatsQuantiles(t *testing.T) {
	s, err := NewStats(Settings{Taps: []TapSpec{{Name: "h", Width: 400, Magnitude: true, Deviation: DeviationAbs}}})
	require.NoError(t, err)
	x := randomMatrix(rand.New(rand.NewPCG(8, 8)), 500, 400)
	require.NoError(t, s.Observe(0, map[string]Matrix{"h": x}))
	tap, err := s.Tap("h")
	require.NoError(t, err)
	abs := AbsScores(x)
	for _, keep := range []float64{0.5, 0.25, 0.08, 0.01} {
		want, err := PooledThreshold(append([]float32(nil), abs.Data...), keep)
		require.NoError(t, err)
		got, ok := tap.Threshold(keep)
		require.True(t, ok)
		require.InEpsilon(t, want, got, 2e-3)
		z, err := PooledMultiplier(abs, keep)
		require.NoError(t, err)
		gotZ, ok := tap.Multiplier(keep)
		require.True(t, ok)
		require.InDelta(t, z, gotZ, 2e-3)
	}
}

// With ReLU most values are zero: asking for more than fire must not let zeros through.
func TestStatsThresholdKeepsNoZeros(t *testing.T) {
	s, err := NewStats(Settings{Taps: []TapSpec{{Name: "h", Width: 4, Magnitude: true}}})
	require.NoError(t, err)
	require.NoError(t, s.Observe(0, map[string]Matrix{"h": {1, 4, []float32{0, 0, 0, 2}}}))
	tap, err := s.Tap("h")
	require.NoError(t, err)
	got, ok := tap.Threshold(0.5)
	require.True(t, ok)
	require.Positive(t, got)
	require.Less(t, got, 1e-6)
}

func TestStatsRefusals(t *testing.T) {
	s := newStats(t)
	require.ErrorIs(t, s.Check("m2"), ErrMismatch)
	require.NoError(t, s.Check("m1"))
	for want, change := range map[string]func(*Settings){
		`model "m2", not "m1"`: func(s *Settings) { s.Model = "m2" },
		`data "d2"`:            func(s *Settings) { s.Data = "d2" },
		`kernel level "avx512`: func(s *Settings) { s.Numerics = "avx512" },
		"leaves of 65 samples": func(s *Settings) { s.LeafSamples = 65 },
		"2 taps, not 3":        func(s *Settings) { s.Taps = s.Taps[:2] },
		"Fire:0.5":             func(s *Settings) { s.Taps[2].Fire = 0.5 },
	} {
		set := testSettings()
		change(&set)
		other, err := NewStats(set)
		require.NoError(t, err)
		err = s.Merge(other)
		require.ErrorIs(t, err, ErrMismatch)
		require.ErrorContains(t, err, want)
	}
	require.ErrorContains(t, s.Observe(0, map[string]Matrix{"y": {}}), `no tap "y"`)
	require.ErrorContains(t, s.Observe(0, map[string]Matrix{"x": NewMatrix(1, 4)}), `leaf 0, tap "x": rows have width 4, want 3`)
	require.ErrorContains(t, s.Observe(0, map[string]Matrix{"x": {1, 3, []float32{0, float32(math.NaN()), 0}}}), "row 0, neuron 1 is NaN")
	require.ErrorContains(t, s.Observe(13, nil), "leaf 13 is outside")
	require.ErrorContains(t, s.Observe(-1, nil), "leaf -1 is outside")
	observeLeaf(t, s, 0)
	require.ErrorContains(t, s.Observe(0, map[string]Matrix{"x": NewMatrix(1, 3)}), "arrived twice")
	_, err := NewStats(Settings{Taps: []TapSpec{{Name: "a", Width: 0}, {Name: "b", Width: 1}, {Name: "b", Width: 1, Fire: -1}}})
	require.ErrorContains(t, err, `tap "a": width 0`)
	require.ErrorContains(t, err, `tap "b": fire threshold -1`)
}

func TestStatsFile(t *testing.T) {
	s := newStats(t)
	observeLeaf(t, s, 4)
	path := filepath.Join(t.TempDir(), "s.stats")
	require.NoError(t, s.SaveFile(path))
	got, err := LoadStatsFile(path)
	require.NoError(t, err)
	require.Equal(t, saved(t, s), saved(t, got))
	require.Equal(t, s.Settings(), got.Settings())
	left, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, left, 1)
	_, err = LoadStatsFile(path + "x")
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestLoadStatsRefusesBadBytes(t *testing.T) {
	s := newStats(t)
	for _, l := range []int{0, 1, 4} {
		observeLeaf(t, s, l)
	}
	good := saved(t, s)
	load := func(b []byte) error {
		_, err := LoadStats(bytes.NewReader(b))
		return err
	}
	require.NoError(t, load(good))
	for n := 0; n < len(good); n += 1 + n/7 {
		err := load(good[:n])
		require.ErrorIs(t, err, ErrFormat)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	}
	for i := 0; i < len(good); i += 1 + i/11 {
		bad := bytes.Clone(good)
		bad[i] ^= 0x40
		require.ErrorIs(t, load(bad), ErrFormat, "byte %d", i)
	}
	require.ErrorContains(t, load(append(bytes.Clone(good), 0)), "bytes follow")
	require.ErrorContains(t, load([]byte("something else")), `offset 8: starts with "somethin"`)
}

// A header that promises much and then ends must cost little memory.
func TestLoadStatsHugeCounts(t *testing.T) {
	var b bytes.Buffer
	b.WriteString(statsMagic)
	le := func(v any) { require.NoError(t, binary.Write(&b, binary.LittleEndian, v)) }
	le(uint32(1))
	le([3]uint32{})
	le([2]int64{1, 0})
	le(uint32(1))
	le(uint32(1))
	b.WriteString("h")
	le(uint32(1 << 16))
	le(float32(0))
	le([2]byte{7, 2})
	le(uint32(1))
	le(uint8(0))
	le(uint64(0))
	le(int64(5))
	grew := testing.AllocsPerRun(1, func() {
		_, err := LoadStats(bytes.NewReader(b.Bytes()))
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	})
	require.Less(t, grew, 100.0)
	_, err := LoadStats(strings.NewReader(b.String()[:12] + "\xff\xff\xff\xff"))
	require.ErrorContains(t, err, "string length 4294967295 is above")
}

func FuzzLoadStats(f *testing.F) {
	s, err := NewStats(Settings{Model: "m", Taps: []TapSpec{{Name: "h", Width: 3, Gram: true, CoFire: true, Magnitude: true, Deviation: DeviationAbs}}})
	require.NoError(f, err)
	for l := range 3 {
		require.NoError(f, s.Observe(int64(l), map[string]Matrix{"h": leafRows(3, 3)}))
	}
	f.Add(saved(f, s), false)
	f.Add(saved(f, newStats(f)), true)
	f.Fuzz(func(t *testing.T, b []byte, seal bool) {
		if seal && len(b) > sha256.Size { // let the fuzzer past the checksum
			body := b[:len(b)-sha256.Size]
			sum := sha256.Sum256(body)
			b = append(bytes.Clone(body), sum[:]...)
		}
		s, err := LoadStats(bytes.NewReader(b))
		if err != nil {
			require.ErrorIs(t, err, ErrFormat)
			return
		}
		require.Equal(t, b, saved(t, s))
		for _, tap := range s.Settings().Taps {
			if tap.Width > 1000 {
				continue
			}
			_, err := s.Tap(tap.Name)
			require.NoError(t, err)
		}
	})
}

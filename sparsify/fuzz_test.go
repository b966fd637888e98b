package sparsify

import (
	"bytes"
	"crypto/sha256"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzMerge reads two statistics files, whose checksums are made right, and merges them both ways: the result is the same bytes, merging
// again changes nothing, and a refusal leaves the receiver readable.
func FuzzMerge(f *testing.F) {
	set := Settings{Model: "m", Taps: []TapSpec{{Name: "h", Width: 3, Gram: true, CoFire: true, Magnitude: true, Deviation: DeviationAbs}}}
	var seeds [][]byte
	for n := range 3 {
		s, err := NewStats(set)
		require.NoError(f, err)
		for l := range n {
			require.NoError(f, s.Observe(int64(2*l+n), map[string]Matrix{"h": leafRows(3, 3)}))
		}
		seeds = append(seeds, saved(f, s))
	}
	for _, a := range seeds {
		for _, b := range seeds {
			f.Add(a, b)
		}
	}
	read := func(b []byte) *Stats {
		if len(b) <= sha256.Size || len(b) > 1<<16 {
			return nil
		}
		sum := sha256.Sum256(b[:len(b)-sha256.Size])
		s, err := LoadStats(bytes.NewReader(append(bytes.Clone(b[:len(b)-sha256.Size]), sum[:]...)))
		if err != nil {
			return nil
		}
		return s
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		x, y := read(a), read(b)
		if x == nil || y == nil {
			return
		}
		u, v := read(a), read(b)
		yBefore := saved(t, y)
		err := x.Merge(y)
		require.Equal(t, yBefore, saved(t, y), "the other one is left as it was")
		back := v.Merge(u)
		require.Equal(t, err == nil, back == nil, "%v, %v", err, back)
		if err != nil {
			return
		}
		once := saved(t, x)
		require.Equal(t, once, saved(t, v), "the order of merging does not count")
		require.NoError(t, x.Merge(y))
		require.Equal(t, once, saved(t, x), "merging twice changes nothing")
		again, err := LoadStats(bytes.NewReader(once))
		require.NoError(t, err)
		require.Equal(t, x.Leaves(), again.Leaves())
	})
}

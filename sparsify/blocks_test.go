package sparsify

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// tree shows in which order leaves were joined.
func treeBlocks() *Blocks[string] {
	return &Blocks[string]{
		Join: func(l, r string) (string, error) { return "(" + l + r + ")", nil },
		Same: func(a, b string) bool { return a == b },
	}
}

func fold(t *testing.T, b *Blocks[string]) string {
	t.Helper()
	s, err := b.Fold("")
	require.NoError(t, err)
	return s
}

func TestBlocksJoinInOneOrder(t *testing.T) {
	const want = "((((((ab)(cd))((ef)(gh))))(ij))k)"
	r := rand.New(rand.NewPCG(1, 1))
	for range 50 {
		b := treeBlocks()
		for _, i := range r.Perm(11) {
			require.NoError(t, b.Add(BlockID{0, uint64(i)}, string(rune('a'+i))))
		}
		require.Equal(t, want, fold(t, b))
		require.Equal(t, []BlockID{{3, 0}, {1, 4}, {0, 10}}, b.IDs())
		require.EqualValues(t, 11, b.Leaves())
	}
}

func TestBlocksWithHoles(t *testing.T) {
	b := treeBlocks()
	for _, i := range []uint64{6, 1, 2} {
		require.NoError(t, b.Add(BlockID{0, i}, fmt.Sprint(i)))
	}
	require.Equal(t, "(((1)2)6)", fold(t, b))
	require.NoError(t, b.Add(BlockID{0, 3}, "3"))
	require.Equal(t, "(((1)(23))6)", fold(t, b))
	require.NoError(t, b.Add(BlockID{0, 0}, "0"))
	require.Equal(t, "((((01)(23)))6)", fold(t, b))
}

func TestBlocksRepeatedDelivery(t *testing.T) {
	b := treeBlocks()
	require.NoError(t, b.Add(BlockID{0, 0}, "a"))
	require.NoError(t, b.Add(BlockID{0, 0}, "a"))
	require.ErrorContains(t, b.Add(BlockID{0, 0}, "x"), "leaves 0..0 arrived twice")
	require.NoError(t, b.Add(BlockID{0, 1}, "b"))
	require.NoError(t, b.Add(BlockID{0, 1}, "b"), "already joined")
	require.NoError(t, b.Add(BlockID{2, 0}, "ABCD"), "a larger block replaces its parts")
	require.NoError(t, b.Add(BlockID{1, 1}, "cd"))
	require.Equal(t, "(ABCD)", fold(t, b))
	require.ErrorContains(t, b.Add(BlockID{0, 1 << 41}, ""), "out of range")
	require.ErrorContains(t, b.Add(BlockID{63, 0}, ""), "out of range")
}

package kernel_test

import (
	"strings"
	"testing"

	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
	"github.com/stretchr/testify/require"
)

func TestSetLevel(t *testing.T) {
	best := kernel.ActiveLevel()
	levels := kernel.Levels()
	require.Equal(t, best, levels[len(levels)-1], "tests start at the best level")
	require.Equal(t, kernel.Portable, levels[0])

	restore := kernel.SetLevel(kernel.Portable)
	require.Equal(t, kernel.Portable, kernel.ActiveLevel())
	inner := kernel.SetLevel(kernel.AVX512 + 5)
	require.Equal(t, best, kernel.ActiveLevel(), "clamped to what there is")
	inner()
	require.Equal(t, kernel.Portable, kernel.ActiveLevel())
	restore()
	require.Equal(t, best, kernel.ActiveLevel())

	defer kernel.SetLevel(-1)()
	require.Equal(t, kernel.Portable, kernel.ActiveLevel())
}

func TestDescribe(t *testing.T) {
	require.True(t, strings.HasSuffix(kernel.Describe(), kernel.ActiveLevel().String()), kernel.Describe())
	t.Log(kernel.Describe())
}

func TestNewFloats(t *testing.T) {
	for _, n := range []int{0, 1, 15, 16, 1000, 1 << 20} {
		x := kernel.NewFloats(n)
		require.Len(t, x, n)
		require.Equal(t, n, cap(x))
		for _, v := range x {
			if v != 0 {
				t.Fatal("not zero")
			}
		}
	}
}

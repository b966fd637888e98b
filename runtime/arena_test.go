package runtime

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

func TestBuckets(t *testing.T) {
	last := 0
	for n := 1; n < 1<<20; n += 1 + n/97 {
		i, size := bucketOf(n)
		require.GreaterOrEqual(t, size, n)
		require.LessOrEqual(t, size, max(smallestBuffer, n+n/4+1))
		require.GreaterOrEqual(t, i, last)
		last = i
		again, same := bucketOf(size)
		require.Equal(t, [2]int{i, size}, [2]int{again, same}, "a buffer goes back where it came from")
	}
}

func TestDynamicPoolReuses(t *testing.T) {
	var d dynamicPool
	a := d.get(1000)
	require.Len(t, a, 1000)
	d.put(a)
	b := d.get(1001)
	require.Same(t, &a[0], &b[0])
	c := d.get(1001)
	require.NotSame(t, &b[0], &c[0])
}

// TestCheckPoisonsDeadMemory: in check mode the arena holds only NaN after a run, so a step that reads what is dead cannot go unseen.
func TestCheckPoisonsDeadMemory(t *testing.T) {
	const text = `<ir_version: 8, opset_import: ["" : 17]> g (float[N,8] x) => (float[N,8] y) { a = Exp (x)  b = Neg (x)  c = Add (a, b)  y = Abs (c) }`
	m, err := graph.ParseModel(text, graph.ParseOptions{})
	require.NoError(t, err)
	s, err := Compile(m, Options{Threads: 1, Check: true})
	require.NoError(t, err)
	defer s.Close()
	_, err = s.Run(context.Background(), Feeds{"x": tensor.Of([]float32{1, 2, 3, 4, 5, 6, 7, 8}, 1, 8)})
	require.NoError(t, err)
	arena := s.prog.states.free[0].arena
	require.Len(t, arena, 2*64-32)
	for k, c := range s.prog.plan.Classes {
		b := s.prog.states.free[0].bound
		for _, x := range arena[b.Offsets[k]:][:b.Sizes[k]] {
			require.Equal(t, byte(0xff), x, "class %d: %v", k, c.Values)
		}
	}
}

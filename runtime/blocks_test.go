package runtime_test

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph/block"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
	"github.com/onnx-rewrite/onnx-rewrite/runtime"
	"github.com/onnx-rewrite/onnx-rewrite/testmodels"
)

// blockTolerance is the largest difference between a fused kernel and the body, as a part of the largest value.
const blockTolerance = 1e-5

// TestFusedBlocksEqualTheirBodies: for every variant the kernel gives what the body in the file gives, node by node.
func TestFusedBlocksEqualTheirBodies(t *testing.T) {
	for _, v := range testmodels.BlockVariants() {
		for _, opset := range []int64{11, 17, 18} {
			t.Run(fmt.Sprintf("%s/%d", v.Name(), opset), func(t *testing.T) {
				m, err := testmodels.BlockCall(v, opset)
				require.NoError(t, err)
				fused, err := runtime.Compile(m, runtime.Options{Threads: 1})
				require.NoError(t, err)
				defer fused.Close()
				require.Equal(t, "fused", fused.Blocks()[0].String())
				body, err := runtime.Compile(m, runtime.Options{Threads: 1, UseBodies: true})
				require.NoError(t, err)
				defer body.Close()
				require.Contains(t, body.Blocks()[0].String(), "body")
				for _, rows := range [][2]int64{{1, 1}, {2, 5}, {1, 40}, {0, 4}, {3, 0}} {
					if rows[0]*rows[1] == 0 && v.Family == block.MoEFFN && opset < 14 {
						continue // Reshape cannot say zero before allowzero
					}
					rnd := testmodels.Uniform(7)
					in := runtime.Feeds{"x": rnd.Tensor(rows[0], rows[1], 8)}
					a, err := fused.Run(context.Background(), in)
					require.NoError(t, err)
					b, err := body.Run(context.Background(), in)
					require.NoError(t, err)
					requireClose(t, b["y"], a["y"], blockTolerance)
				}
			})
		}
	}
}

func requireClose(t *testing.T, want, got *tensor.Tensor, tolerance float64) {
	t.Helper()
	require.Equal(t, want.Shape, got.Shape)
	a, b := tensor.Data[float32](want), tensor.Data[float32](got)
	diff, scale := 0.0, 0.0
	for i := range a {
		diff = max(diff, math.Abs(float64(a[i])-float64(b[i])))
		scale = max(scale, math.Abs(float64(a[i])))
	}
	require.LessOrEqual(t, diff, tolerance*scale)
}

// TestEditedBodiesAreRunAsTheyStand: a body that another tool changed is right, not fast.
func TestEditedBodiesAreRunAsTheyStand(t *testing.T) {
	m, err := testmodels.BlockCall(block.Variant{Family: block.TopKFFN, Act: block.Relu, On: block.OnHidden, Keep: block.KeepExact}, 17)
	require.NoError(t, err)
	for n := range m.Functions[0].Body.Nodes() {
		if n.Is("Relu") {
			n.ID.Op = "Neg"
		}
	}
	s, err := runtime.Compile(m, runtime.Options{})
	require.NoError(t, err)
	defer s.Close()
	require.False(t, s.Blocks()[0].Fused)
	require.Contains(t, s.Blocks()[0].Why, "edited")
	plain, err := runtime.Compile(m, runtime.Options{UseBodies: true})
	require.NoError(t, err)
	defer plain.Close()
	rnd := testmodels.Uniform(7)
	in := runtime.Feeds{"x": rnd.Tensor(2, 3, 8)}
	a, err := s.Run(context.Background(), in)
	require.NoError(t, err)
	b, err := plain.Run(context.Background(), in)
	require.NoError(t, err)
	require.Equal(t, tensor.Data[float32](b["y"]), tensor.Data[float32](a["y"]))
}

// TestBlocksGiveWhatONNXRuntimeGives compares with outputs of ONNX Runtime 1.32.0 for the same models at opset 18, saved by variant name,
// so that kernels and bodies do not only agree with each other.
func TestBlocksGiveWhatONNXRuntimeGives(t *testing.T) {
	saved, err := onnxio.ReadNPZ("testdata/blocks_onnxruntime.npz")
	require.NoError(t, err)
	for _, v := range testmodels.BlockVariants() {
		want := saved[v.Name()]
		require.NotNil(t, want, "no output is saved for %s", v.Name())
		m, err := testmodels.BlockCall(v, 18)
		require.NoError(t, err)
		s, err := runtime.Compile(m, runtime.Options{Threads: 1})
		require.NoError(t, err)
		rnd := testmodels.Uniform(7)
		got, err := s.Run(context.Background(), runtime.Feeds{"x": rnd.Tensor(2, 5, 8)})
		s.Close()
		require.NoError(t, err)
		requireClose(t, want, got["y"], blockTolerance)
	}
}

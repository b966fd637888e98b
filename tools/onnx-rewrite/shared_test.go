package main

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/testmodels"
)

// TestReferencePerplexities: the published figure of each trained language model.
func TestReferencePerplexities(t *testing.T) {
	root := testmodels.Shared(t, "models", "trained")
	for name, nats := range map[string]float64{"charlm_demo": 1.668841, "charlm_relu": 1.62287} {
		var p struct {
			Nats   float64
			Tokens int
		}
		doJSON(t, exitFine, &p, "eval", filepath.Join(root, name, "model.onnx"), "--task", "lm", "--ids", filepath.Join(root, name, "val_ids.npy"))
		require.InDelta(t, nats, p.Nats, 1e-4, name)
		require.Contains(t, []int{64 * 128, 256 * 128}, p.Tokens)
	}
}

// TestStepsEqualTheWholeWindow: a decoder with a cache gives the same nats token by token as at once, and as the model without a cache.
func TestStepsEqualTheWholeWindow(t *testing.T) {
	dir := testmodels.Shared(t, "models", "trained", "charlm_swiglu")
	nats := func(args ...string) float64 {
		var p struct{ Nats float64 }
		doJSON(t, exitFine, &p, append(args, "--ids", filepath.Join(dir, "val_ids.npy"), "--limit", "4")...)
		return p.Nats
	}
	whole := nats("eval", filepath.Join(dir, "model.onnx"))
	require.InDelta(t, whole, nats("eval", filepath.Join(dir, "decode.onnx")), 1e-5)
	require.InDelta(t, whole, nats("eval", filepath.Join(dir, "decode.onnx"), "--steps"), 1e-5)
	require.Contains(t, do(t, exitUsage, "eval", filepath.Join(dir, "model.onnx"), "--ids", filepath.Join(dir, "val_ids.npy"), "--steps").err, "cache")
}

func TestMNISTAccuracy(t *testing.T) {
	model := testmodels.Shared(t, "models", "trained", "mnist_mlp", "final.onnx")
	data := testmodels.Shared(t, "data", "mnist")
	var r accuracy
	doJSON(t, exitFine, &r, "eval", model, "--task", "classify", "--images", filepath.Join(data, "t10k-images-idx3-ubyte.gz"),
		"--labels", filepath.Join(data, "t10k-labels-idx1-ubyte.gz"), "--scale", "0.00392156862745098")
	require.Equal(t, 10000, r.Count)
	require.InDelta(t, 0.978, r.Accuracy, 2e-4)
}

func TestRecordedDataOfReferenceModels(t *testing.T) {
	root := testmodels.Shared(t, "models")
	do(t, exitFine, "run", filepath.Join(root, "mnist_cnn", "model.onnx"), "--data", filepath.Join(root, "mnist_cnn"))
	do(t, exitFine, "run", filepath.Join(root, "trained", "charlm_swiglu", "decode.onnx"), "--data", filepath.Join(root, "trained", "charlm_swiglu"))
	r := do(t, exitFine, "conformance", testmodels.Shared(t, "conformance", "simple.tar.gz"))
	require.Contains(t, r.out, " passed, 0 failed, ")
}

package calib

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sort"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime"
	"github.com/onnx-rewrite/onnx-rewrite/sparsify"
)

// CollectOptions steers Data.Collect.
type CollectOptions struct {
	Run      runtime.Options
	Numerics string // kernel level that the model runs on; statistics of different ones do not merge
	// Shard of Shards: the part of the leaves that this process takes. Shards 0 is one process that takes all.
	Shard, Shards int
	Progress      func(done, total int)
}

// Collect runs the data through m and gathers statistics at the taps, which name values of the main graph. A batch of the data is a leaf:
// leaves depend on the data and its options only, so shards in any number and order merge to the same bytes.
func (d *Data) Collect(ctx context.Context, m *graph.Model, taps []sparsify.TapSpec, opt CollectOptions) (*sparsify.Stats, error) {
	shards := max(1, opt.Shards)
	if opt.Shard < 0 || opt.Shard >= shards {
		return nil, fmt.Errorf("shard %d of %d does not exist", opt.Shard, shards)
	}
	n := d.Batches()
	if n == 0 {
		return nil, fmt.Errorf("%s holds no sample", d.name)
	}
	modelHash, err := ModelHash(m)
	if err != nil {
		return nil, err
	}
	stats, err := sparsify.NewStats(sparsify.Settings{Model: modelHash, Data: d.Hash(), Numerics: opt.Numerics,
		LeafSamples: int64((d.samples + n - 1) / n), Leaves: int64(n), Taps: taps})
	if err != nil {
		return nil, err
	}
	run := opt.Run
	run.Taps, run.Outputs = nil, nil
	for _, t := range taps {
		run.Outputs = append(run.Outputs, t.Name)
	}
	s, err := runtime.Compile(m, run)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	lo, hi := n*opt.Shard/shards, n*(opt.Shard+1)/shards
	for i := lo; i < hi; i++ {
		rows, err := d.tapRows(ctx, s, i, taps)
		if err != nil {
			return nil, fmt.Errorf("calibration batch %d of %d: %w", i+1, n, err)
		}
		if err := stats.Observe(int64(i), rows); err != nil {
			return nil, err
		}
		if opt.Progress != nil {
			opt.Progress(i-lo+1, hi-lo)
		}
	}
	return stats, nil
}

// tapRows runs batch i and views the taps as rows of their last axis.
func (d *Data) tapRows(ctx context.Context, s *runtime.Session, i int, taps []sparsify.TapSpec) (map[string]sparsify.Matrix, error) {
	feeds := runtime.Feeds{}
	for _, v := range s.Inputs() {
		if t := d.batches[i][v.Name]; t != nil {
			feeds[v.Name] = t
		}
	}
	out, err := s.Run(ctx, feeds)
	if err != nil {
		return nil, err
	}
	rows := map[string]sparsify.Matrix{}
	for _, tap := range taps {
		t := dropPadding(out[tap.Name], d.batches[i][maskInput])
		if t == nil || t.Elem != tensor.Float32 || len(t.Shape) == 0 || t.Shape[len(t.Shape)-1] != int64(tap.Width) {
			return nil, fmt.Errorf("value %q is not float[..., %d]", tap.Name, tap.Width)
		}
		x, err := sparsify.MatrixOf(t.Len()/max(1, tap.Width), tap.Width, tensor.Data[float32](t))
		if err != nil {
			return nil, err
		}
		rows[tap.Name] = x
	}
	return rows, nil
}

// ModelHash identifies a model by its structure and weights, wherever and however it is stored.
func ModelHash(m *graph.Model) (string, error) {
	h := sha256.New()
	if err := m.Print(h, graph.PrintOptions{}); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Hash identifies the data: every input of every batch.
func (d *Data) Hash() string {
	h := sha256.New()
	for i, feeds := range d.batches {
		names := make([]string, 0, len(feeds))
		for name := range feeds {
			names = append(names, name)
		}
		sort.Strings(names)
		for _, name := range names {
			sum := feeds[name].Hash()
			fmt.Fprintf(h, "%d %q %x\n", i, name, sum)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

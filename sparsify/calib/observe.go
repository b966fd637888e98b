package calib

import (
	"context"
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime"
)

// Observer is passes.Env.Observe over this data: it compiles only what the taps need and runs every batch through it, in order. Rows of
// padding tokens (attention_mask 0) are left out where a tap has a row for each token.
func (d *Data) Observer(opt runtime.Options) func(ctx context.Context, m *graph.Model, taps []*graph.Value, visit func([]*tensor.Tensor) error) error {
	return func(ctx context.Context, m *graph.Model, taps []*graph.Value, visit func([]*tensor.Tensor) error) error {
		run := opt
		run.Taps, run.Outputs = nil, nil
		for _, v := range taps {
			run.Outputs = append(run.Outputs, v.Name)
		}
		s, err := runtime.Compile(m, run)
		if err != nil {
			return err
		}
		defer s.Close()
		wanted := map[string]bool{}
		for _, v := range s.Inputs() {
			wanted[v.Name] = true
		}
		for i := range d.batches {
			feeds := runtime.Feeds{}
			for name, t := range d.batches[i] {
				if wanted[name] {
					feeds[name] = t
				}
			}
			out, err := s.Run(ctx, feeds)
			if err != nil {
				return fmt.Errorf("calibration batch %d of %d: %w", i+1, len(d.batches), err)
			}
			vals := make([]*tensor.Tensor, len(taps))
			for k, v := range taps {
				vals[k] = dropPadding(out[v.Name], d.batches[i][maskInput])
			}
			if err := visit(vals); err != nil {
				return err
			}
		}
		return nil
	}
}

// dropPadding keeps the rows of t whose token the mask [batch, seq] has; t as it is when it has no row for each token, or none is masked.
func dropPadding(t, mask *tensor.Tensor) *tensor.Tensor {
	if t == nil || mask == nil || len(t.Shape) < 2 || t.Elem != tensor.Float32 {
		return t
	}
	width := int(t.Shape[len(t.Shape)-1])
	live, err := mask.Float64s()
	if err != nil || width == 0 || t.Len()/width != len(live) {
		return t
	}
	data := tensor.Data[float32](t)
	kept := make([]float32, 0, len(data))
	for i, v := range live {
		if v != 0 {
			kept = append(kept, data[i*width:(i+1)*width]...)
		}
	}
	if len(kept) == len(data) {
		return t
	}
	return tensor.Of(kept, int64(len(kept)/width), int64(width))
}

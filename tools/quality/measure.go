package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"time"

	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
	"github.com/onnx-rewrite/onnx-rewrite/passes"
	"github.com/onnx-rewrite/onnx-rewrite/runtime"
	"github.com/onnx-rewrite/onnx-rewrite/sparsify/calib"
)

// result is a measured row.
type result struct {
	Model     string    `json:"model"`
	Method    string    `json:"method"`
	Setting   string    `json:"setting"`
	Note      string    `json:"note,omitempty"`
	Reference reference `json:"reference"`
	calib.Perplexity
	Dense float64 `json:"dense_perplexity,omitempty"`
	// Weights and FLOPs of the rewritten blocks; FLOPs are of one token.
	WeightsBefore int64    `json:"weights_before,omitempty"`
	WeightsAfter  int64    `json:"weights_after,omitempty"`
	FLOPsBefore   int64    `json:"flops_before,omitempty"`
	FLOPsAfter    int64    `json:"flops_after,omitempty"`
	RewriteTime   float64  `json:"rewrite_seconds,omitempty"`
	ORT           *float64 `json:"onnxruntime_nats,omitempty"`
	Checker       string   `json:"checker,omitempty"`
	OK            bool     `json:"ok"`
	Problems      []string `json:"problems,omitempty"`

	file, ids   string
	same, shown bool
}

// measure rewrites, saves to dir, loads what was saved, and evaluates that.
func measure(ctx context.Context, o options, c testCase, ref reference, dir string) (r *result, err error) {
	folder := filepath.Join(o.trained, c.Model)
	r = &result{Model: c.Model, Method: c.Method, Setting: c.Setting, Note: c.Note, Reference: ref, same: c.same, shown: c.shown,
		file: filepath.Join(folder, "model.onnx"), ids: filepath.Join(folder, "val_ids.npy")}
	if len(c.passes) > 0 {
		if err := rewrite(ctx, c, folder, dir, r); err != nil {
			return nil, err
		}
	}
	m, err := onnxio.Load(r.file, onnxio.LoadOptions{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	s, err := runtime.Compile(m, runtime.Options{Threads: o.threads})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	for _, b := range s.Blocks() {
		if !b.Fused {
			r.Problems = append(r.Problems, fmt.Sprintf("block %s runs its body: %s", b.Node, b.Why))
		}
	}
	ids, err := onnxio.ReadNPY(r.ids)
	if err != nil {
		return nil, err
	}
	windows, err := calib.Windows(ids, 0, 0)
	if err != nil {
		return nil, err
	}
	r.Perplexity, err = calib.Evaluate(ctx, m, s, windows, nil)
	return r, err
}

// rewrite writes the rewritten model into dir. Calibration is every second window, as for the references.
func rewrite(ctx context.Context, c testCase, folder, dir string, r *result) (err error) {
	m, err := onnxio.Load(r.file, onnxio.LoadOptions{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	data, err := calib.Open(m, []string{filepath.Join(folder, "calib_ids.npy")}, calib.Options{Every: 2})
	if err != nil {
		return err
	}
	env := calib.NewEnv(m, data)
	env.Ctx = ctx
	start := time.Now()
	out, changed, err := passes.Apply(env, m, c.passes...)
	if err != nil {
		return err
	}
	if changed == 0 {
		return fmt.Errorf("nothing was rewritten: %+v", env.Report.Rows)
	}
	r.RewriteTime = time.Since(start).Seconds()
	for _, row := range env.Report.Rows {
		if row.Status == passes.Fired {
			r.WeightsBefore += row.WeightsBefore
			r.WeightsAfter += row.WeightsAfter
			r.FLOPsBefore += row.FLOPsBefore
			r.FLOPsAfter += row.FLOPsAfter
		}
	}
	name := strings.NewReplacer("/", "_", " ", "", "|", "", "%", "", ":", "to", ",", "").Replace(c.Model + "_" + c.Method + "_" + c.Setting + "_" + c.Note)
	name = strings.TrimSuffix(name, "_")
	r.file = filepath.Join(dir, name+".onnx")
	return onnxio.Save(out, r.file, onnxio.SaveOptions{})
}

// The bounds of a row.
const (
	worst    = 1.01 // of the reference's perplexity
	sameNats = 1e-4
)

// judge fills OK and Problems.
func (r *result) judge() {
	problem := func(format string, args ...any) { r.Problems = append(r.Problems, fmt.Sprintf(format, args...)) }
	switch {
	case math.IsNaN(r.Nats) || math.IsInf(r.Nats, 0):
		problem("nats is %v", r.Nats)
	case r.same && math.Abs(r.Nats-r.Reference.Nats) > sameNats:
		problem("%.6f nats, the reference has %.6f", r.Nats, r.Reference.Nats)
	case !r.same && !r.shown && r.Value > worst*r.Reference.Perplexity:
		problem("perplexity %.4f is above %.2f times the reference's %.4f", r.Value, worst, r.Reference.Perplexity)
	}
	if r.ORT != nil && !(math.Abs(*r.ORT-r.Nats) <= sameNats) {
		problem("ONNX Runtime gets %.6f nats, we %.6f", *r.ORT, r.Nats)
	}
	if r.Checker != "" && r.Checker != "ok" {
		problem("onnx.checker: %s", r.Checker)
	}
	r.OK = len(r.Problems) == 0
}

package passes

import (
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/sparsify"
)

// hasData reports whether there is anything to calibrate with.
func (e *Env) hasData() bool { return e.Observe != nil || e.Stats != nil }

// statsOf are the collected statistics of a value; a non-empty reason says why there are none.
func (e *Env) statsOf(v *graph.Value) (*sparsify.TapStats, string) {
	t, err := e.Stats.Tap(v.Name)
	switch {
	case err != nil:
		return nil, fmt.Sprintf("the statistics have nothing on %q", v.Name)
	case t.Rows() == 0:
		return nil, fmt.Sprintf("the statistics saw no row of %q", v.Name)
	}
	return t, ""
}

// hiddenMoments are the moments of the block's hidden values: from the calibration data run through m as it is now, or, where only
// statistics are given, from those of the model that they were collected on.
func (e *Env) hiddenMoments(m *graph.Model, f *FFN) (*sparsify.Moments, string, error) {
	if e.Observe == nil {
		t, why := e.statsOf(f.H)
		if why != "" {
			return nil, why, nil
		}
		g := t.Moments()
		if g == nil {
			return nil, fmt.Sprintf("the statistics of %q have no Gram matrix (calibrate --gram)", f.H.Name), nil
		}
		return g, "", nil
	}
	g, err := sparsify.NewMoments(f.Hidden, 0)
	if err != nil {
		return nil, "", err
	}
	err = e.observeRows(m, []*graph.Value{f.H}, []int{f.Hidden}, func(rows []sparsify.Matrix) error {
		return g.Observe(rows[0], sparsify.Matrix{})
	})
	if err == nil && g.Count() == 0 {
		return nil, "the calibration data gives no row here", nil
	}
	return g, "", err
}

// statsValue is the threshold or multiplier that collected statistics give for the score |h|.
func (e *Env) statsValue(f *FFN, stat bool, keep float64) (float64, string) {
	t, why := e.statsOf(f.H)
	if why != "" {
		return 0, why
	}
	value, ok := t.Threshold(keep)
	if stat {
		value, ok = t.Multiplier(keep)
	}
	if !ok {
		return 0, fmt.Sprintf("the statistics of %q have no histogram for this rule", f.H.Name)
	}
	return value, ""
}

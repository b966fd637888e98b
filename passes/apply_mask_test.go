package passes_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/block"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/passes"
	"github.com/onnx-rewrite/onnx-rewrite/sparsify"
	"github.com/onnx-rewrite/onnx-rewrite/testmodels"
)

func TestMaskIsBakedAsComputed(t *testing.T) {
	eachForm(t, func(t *testing.T, form testmodels.FFNForm, m *graph.Model) {
		if form.Special == "tied" {
			out, report := apply(t, m, nil, passes.ApplyMask(passes.MaskOptions{}))
			n, reasons := fired(report)
			require.Zero(t, n)
			require.Contains(t, reasons[0], "is tied: node")
			require.Equal(t, m.String(), out.String())
			return
		}
		for _, opt := range []passes.MaskOptions{{}, {Density: 0.3}, {Pattern: "2:4"}, {Pattern: "1:4"}, {Scope: passes.ScopeOutput, Density: 0.25}, {Scope: passes.ScopeGlobal, Density: 0.2}} {
			opt.Head = true
			masked, report := apply(t, m, nil, passes.ApplyMask(opt))
			n, reasons := fired(report)
			require.Positive(t, n, "%v", reasons)
			before, after := passes.FindLinears(m), passes.FindLinears(masked)
			require.Len(t, after, len(before))
			alive, total := 0, 0
			for i, l := range before {
				w := tensor.Data[float32](l.Matrix)
				got := tensor.Data[float32](after[i].Matrix)
				for k := range w {
					if got[k] != 0 {
						require.Equal(t, w[k], got[k])
						alive++
					}
				}
				total += len(w)
				checkMask(t, opt, l, got)
			}
			density := opt.Density
			if density == 0 {
				density = 0.5
			}
			if opt.Pattern == "1:4" {
				density = 0.25
			}
			require.InDelta(t, density, float64(alive)/float64(total), 0.03, "%+v", opt)
			out := run(t, masked, sample(m, 6, 2), false)
			require.Contains(t, out, "y")
		}
	})
}

// checkMask compares one matrix with the mask of its definition.
func checkMask(t *testing.T, opt passes.MaskOptions, l *passes.Linear, got []float32) {
	t.Helper()
	w := tensor.Data[float32](l.Matrix)
	shape := []int{int(l.Matrix.Shape[0]), int(l.Matrix.Shape[1])}
	in, out := l.Dims()
	at := func(i, j int) int {
		if l.Trans {
			return j*in + i
		}
		return i*out + j
	}
	group := map[string]int{"2:4": 2, "1:4": 1}[opt.Pattern]
	for j := range out {
		for i := 0; group > 0 && i < in; i += 4 {
			n := 0
			for k := i; k < i+4; k++ {
				if got[at(k, j)] != 0 {
					n++
				}
			}
			require.Equal(t, group, n, "column %d, inputs %d to %d", j, i, i+3)
		}
		if opt.Scope == passes.ScopeOutput {
			n := 0
			for i := range in {
				if got[at(i, j)] != 0 {
					n++
				}
			}
			require.Equal(t, sparsify.KeepCount(opt.Density, in), n, "column %d", j)
		}
	}
	if opt.Pattern == "" && opt.Scope == "" {
		density := opt.Density
		if density == 0 {
			density = 0.5
		}
		mask, err := sparsify.MaskTop(sparsify.Magnitudes(w), sparsify.KeepCount(density, len(w)), shape...)
		require.NoError(t, err)
		want := make([]float32, len(w))
		require.NoError(t, mask.Apply(want, w))
		require.Equal(t, want, got)
	}
}

func TestSparseStoreIsTheDenseOneWithZeros(t *testing.T) {
	eachForm(t, func(t *testing.T, form testmodels.FFNForm, m *graph.Model) {
		if form.Special == "tied" {
			return
		}
		in := sample(m, 6, 4)
		dense, _ := apply(t, m, nil, passes.ApplyMask(passes.MaskOptions{Density: 0.1, Head: true}))
		sparse, report := apply(t, m, nil, passes.ApplyMask(passes.MaskOptions{Density: 0.1, Head: true, Store: passes.StoreAuto}))
		n, reasons := fired(report)
		require.Positive(t, n, "%v", reasons)
		calls := 0
		for n := range sparse.Graph.Nodes() {
			if v, ok := block.ParseName(n.ID.Op); ok && v.Family == block.SparseLinear {
				calls++
			}
		}
		require.Equal(t, len(passes.FindLinears(m)), calls)
		require.Empty(t, passes.FindLinears(sparse))
		want := run(t, dense, in, false)
		for _, bodies := range []bool{false, true} {
			got := run(t, sparse, in, bodies)
			for name := range want {
				near(t, asFloats(t, want[name]), asFloats(t, got[name]), 1e-5, "%s bodies=%v", name, bodies)
			}
		}
	})
}

func TestDeadUnitsGoExactly(t *testing.T) {
	removed := 0.0
	eachForm(t, func(t *testing.T, form testmodels.FFNForm, m *graph.Model) {
		if form.Special == "tied" {
			return
		}
		in := sample(m, 6, 4)
		opt := passes.MaskOptions{Density: 0.12, Head: true}
		want := run(t, first(apply(t, m, nil, passes.ApplyMask(opt))), in, false)
		opt.DeadUnits = true
		small, report := apply(t, m, nil, passes.ApplyMask(opt))
		for _, row := range report.Rows {
			if n, ok := row.Detail("dead_units"); ok {
				removed += n
				require.Less(t, row.WeightsAfter, row.WeightsBefore)
			}
		}
		got := run(t, small, in, false)
		for name := range want {
			near(t, asFloats(t, want[name]), asFloats(t, got[name]), 1e-5, name)
		}
	})
	require.Greater(t, removed, 50.0)
}

func first(m *graph.Model, _ *passes.Report) *graph.Model { return m }

func TestTicketFromAPair(t *testing.T) {
	form := testmodels.FFNForm{Act: block.Relu, Linear: "bias"}
	initial, final := testmodels.FFN(form, testmodels.Dims{}, 1), testmodels.FFN(form, testmodels.Dims{}, 2)
	for _, criterion := range []string{"large_final", "large_final_same_sign", "magnitude_increase", "movement"} {
		opt := passes.MaskOptions{Density: 0.3, Head: true, Criterion: criterion}
		opt.Other = initial
		baked, _ := apply(t, final, nil, passes.ApplyMask(opt))
		opt.Other, opt.Rewound = final, true
		rewound, _ := apply(t, initial, nil, passes.ApplyMask(opt))
		a, b := passes.FindLinears(baked), passes.FindLinears(rewound)
		was, now := passes.FindLinears(initial), passes.FindLinears(final)
		for i := range a {
			x, y := tensor.Data[float32](a[i].Matrix), tensor.Data[float32](b[i].Matrix)
			w0, w1 := tensor.Data[float32](was[i].Matrix), tensor.Data[float32](now[i].Matrix)
			alive := 0
			for k := range x {
				require.Equal(t, x[k] != 0, y[k] != 0, "both are the same ticket")
				if x[k] != 0 {
					alive++
					require.Equal(t, w1[k], x[k])
					require.Equal(t, w0[k], y[k])
				}
			}
			require.InDelta(t, 0.3, float64(alive)/float64(len(x)), 0.01, criterion)
		}
	}
}

func TestTicketThatDoesNotFit(t *testing.T) {
	m := testmodels.FFN(testmodels.FFNForm{Act: block.Relu}, testmodels.Dims{}, 1)
	for want, other := range map[string]*graph.Model{
		"is float[8 24] here and float[8 16]": testmodels.FFN(testmodels.FFNForm{Act: block.Relu}, testmodels.Dims{In: 8, Hidden: 16, Out: 8}, 1),
		"the other model has no weight":       testmodels.FFN(testmodels.FFNForm{Act: block.Silu, Gated: true, GateUp: "split"}, testmodels.Dims{In: 8, Hidden: 16, Out: 9}, 1),
	} {
		_, _, err := passes.Apply(newEnv(m, nil), m, passes.ApplyMask(passes.MaskOptions{Other: other}))
		require.ErrorContains(t, err, "the pair does not fit")
		require.ErrorContains(t, err, want)
	}
}

package passes_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/passes"
	"github.com/onnx-rewrite/onnx-rewrite/sparsify"
	"github.com/onnx-rewrite/onnx-rewrite/testmodels"
)

// kept finds the neurons of the dense block f that the smaller block g still has, by their incoming weights.
func kept(t *testing.T, f, g *passes.FFN) []int {
	t.Helper()
	before, err := f.Up.Dense()
	require.NoError(t, err)
	after, err := g.Up.Dense()
	require.NoError(t, err)
	var list []int
	for j := range g.Hidden {
		at := -1
		for n := range f.Hidden {
			same := true
			for i := range f.In {
				same = same && after[i*g.Hidden+j] == before[i*f.Hidden+n]
			}
			if same {
				at = n
			}
		}
		require.NotEqual(t, -1, at, "neuron %d is none of the dense block", j)
		list = append(list, at)
	}
	return list
}

func TestPrunedIsTheDenseBlockWithZeroedNeurons(t *testing.T) {
	eachForm(t, func(t *testing.T, form testmodels.FFNForm, m *graph.Model) {
		in := sample(m, 64, 13)
		f := blocks(m)[0]
		ref := refer(t, &f, values(t, run(t, m, in, false, f.X.Name)[f.X.Name]))
		for _, opt := range []passes.PruneOptions{
			{Keep: 0.5, Score: passes.ScoreMagnitude, Compensate: passes.CompensateNone},
			{Keep: 0.5, Score: passes.ScoreEnergy, Compensate: passes.CompensateNone},
			{Keep: 0.5, Score: passes.ScoreVariance, Compensate: passes.CompensateMean},
			{Keep: 0.5},
			{Keep: 0.75, Score: passes.ScoreOBS},
			{Keep: 0.6, Multiple: 8},
		} {
			opt.Layers = []int{0}
			small, report := apply(t, m, in, passes.PruneNeurons(opt))
			n, reasons := fired(report)
			if form.Special == "shape-last" {
				require.Contains(t, reasons[0], "the width of the hidden value is read by node")
				continue
			}
			require.Equal(t, 1, n, "%v", reasons)
			g := blocks(small)[0]
			require.Equal(t, map[float64]int{0.5: 12, 0.75: 18, 0.6: 16}[opt.Keep], g.Hidden)
			row := report.Rows[0]
			require.Equal(t, g.Weights(), row.WeightsAfter)
			require.Equal(t, g.FLOPs(), row.FLOPsAfter)
			require.Equal(t, f.Weights(), row.WeightsBefore)
			mask, err := sparsify.NewMask(ref.hidden.Rows, ref.hidden.Cols)
			require.NoError(t, err)
			zeroed := ref
			zeroed.down = make([]float32, len(ref.down))
			down, err := g.Down.Dense()
			require.NoError(t, err)
			for j, k := range kept(t, &f, &g) {
				copy(zeroed.down[k*f.Out:(k+1)*f.Out], down[j*f.Out:(j+1)*f.Out])
				for r := range ref.hidden.Rows {
					mask.Set(r*f.Hidden+k, true)
				}
			}
			if opt.Compensate == passes.CompensateNone || opt.Compensate == passes.CompensateMean {
				require.Equal(t, subset(ref.down, f.Out, kept(t, &f, &g)), down, "the outgoing weights stay")
			}
			zeroed.bias, err = g.Down.BiasVector()
			require.NoError(t, err)
			got := run(t, small, in, false)
			near(t, zeroed.masked(&mask), values(t, run(t, small, in, false, g.Y.Name)[g.Y.Name]), 1e-5, "%+v", opt)
			require.Contains(t, got, "y")
		}
	})
}

func subset(w []float32, width int, rows []int) []float32 {
	var out []float32
	for _, r := range rows {
		out = append(out, w[r*width:(r+1)*width]...)
	}
	return out
}

// Least squares must do better on the calibration data than the mean, and the mean better than nothing.
func TestCompensationHelps(t *testing.T) {
	m := testmodels.FFN(testmodels.FFNForm{Act: "gelu", Linear: "bias"}, testmodels.Dims{In: 8, Hidden: 48, Out: 8}, 3)
	in := sample(m, 400, 1)
	f := blocks(m)[0]
	want := values(t, run(t, m, in, false, f.Y.Name)[f.Y.Name])
	worse := 1e9
	for _, how := range []string{passes.CompensateNone, passes.CompensateMean, passes.CompensateLS} {
		small, _ := apply(t, m, in, passes.PruneNeurons(passes.PruneOptions{Keep: 0.5, Score: passes.ScoreEnergy, Compensate: how, Layers: []int{0}}))
		got := values(t, run(t, small, in, false, f.Y.Name)[f.Y.Name])
		sum := 0.0
		for i := range want {
			sum += float64(want[i]-got[i]) * float64(want[i]-got[i])
		}
		require.Less(t, sum, worse, how)
		worse = sum
	}
}

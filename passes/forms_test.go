package passes_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/block"
	"github.com/onnx-rewrite/onnx-rewrite/passes"
	"github.com/onnx-rewrite/onnx-rewrite/sparsify"
	"github.com/onnx-rewrite/onnx-rewrite/testmodels"
)

func TestFormsThatAreDeclined(t *testing.T) {
	for _, form := range testmodels.FFNForms() {
		if form.Declines == "" {
			continue
		}
		m := testmodels.FFN(form, testmodels.Dims{}, 1)
		list := passes.FindFFN(m)
		require.Len(t, list, 2, form.Name)
		for _, f := range list {
			require.Contains(t, f.Reason, form.Declines, form.Name)
		}
		for _, p := range []passes.Pass{passes.PruneNeurons(passes.PruneOptions{}), passes.TopKFFN(passes.TopKOptions{}), passes.SplitExperts(passes.MoEOptions{Experts: 4})} {
			out, report := apply(t, m, nil, p)
			n, reasons := fired(report)
			require.Zero(t, n, form.Name)
			require.Len(t, reasons, 2)
			require.Contains(t, reasons[0], form.Declines)
			require.Equal(t, m.String(), out.String(), "%s: %s declined and changed something", form.Name, p.Name)
		}
	}
}

// The block that FindFFN reads, computed from its definition, is what the graph computes.
func TestFormsAreReadAsTheyCompute(t *testing.T) {
	eachForm(t, func(t *testing.T, form testmodels.FFNForm, m *graph.Model) {
		list := blocks(m)
		require.Len(t, list, 2)
		in := sample(m, 6, 3)
		for _, f := range list {
			require.Equal(t, form.Act, f.Act)
			require.Equal(t, form.Gated, f.Gated())
			require.Equal(t, []int{8, 24, 8}, []int{f.In, f.Hidden, f.Out})
			names := []string{f.X.Name, f.H.Name, f.Y.Name}
			if f.Pre != nil {
				names = append(names, f.Pre.Name)
			}
			if f.Activated != nil {
				names = append(names, f.Activated.Name)
			}
			out := run(t, m, in, false, names...)
			want := refer(t, &f, values(t, out[f.X.Name]))
			near(t, want.hidden.Data, values(t, out[f.H.Name]), 1e-5)
			near(t, want.masked(nil), values(t, out[f.Y.Name]), 1e-5)
			if f.Pre != nil {
				near(t, want.pre.Data, values(t, out[f.Pre.Name]), 1e-5)
			}
			if f.Activated != nil {
				near(t, want.act.Data, values(t, out[f.Activated.Name]), 1e-5)
			}
		}
	})
}

func TestTopKIsTheDenseBlockUnderTheMask(t *testing.T) {
	value := 0.4
	eachForm(t, func(t *testing.T, form testmodels.FFNForm, m *graph.Model) {
		in := sample(m, 6, 5)
		f := blocks(m)[0]
		ref := refer(t, &f, values(t, run(t, m, in, false, f.X.Name)[f.X.Name]))
		for _, on := range []block.On{block.OnHidden, block.OnGate, block.OnSigned} {
			scores := map[block.On]sparsify.Matrix{block.OnHidden: ref.hidden, block.OnGate: ref.act, block.OnSigned: ref.pre}[on]
			if on != block.OnSigned {
				scores = sparsify.AbsScores(scores)
			}
			for _, keep := range []block.Keep{block.KeepExact, block.KeepThreshold, block.KeepStat} {
				opt := passes.TopKOptions{On: on, Rule: keep, Layers: []int{0}}
				rule := sparsify.KeepRule{Kind: sparsify.KeepExact, K: 7}
				switch keep {
				case block.KeepExact:
					opt.K = 7
				case block.KeepThreshold:
					opt.Value, rule = &value, sparsify.KeepRule{Kind: sparsify.KeepThreshold, Threshold: value}
				case block.KeepStat:
					opt.Value, rule = &value, sparsify.KeepRule{Kind: sparsify.KeepStat, Threshold: value}
				}
				mask, err := rule.Mask(scores)
				require.NoError(t, err)
				sparse, report := apply(t, m, nil, passes.TopKFFN(opt))
				n, reasons := fired(report)
				require.Equal(t, 1, n, "%v", reasons)
				for _, bodies := range []bool{false, true} {
					got := run(t, sparse, in, bodies, f.Y.Name)[f.Y.Name]
					near(t, ref.masked(&mask), values(t, got), 1e-5, "%s %s bodies=%v", on, keep, bodies)
				}
				whole := run(t, sparse, in, false)
				require.Contains(t, whole, "y")
			}
		}
	})
}

func TestAllExpertsActiveAreTheDenseBlock(t *testing.T) {
	eachForm(t, func(t *testing.T, form testmodels.FFNForm, m *graph.Model) {
		in := sample(m, 6, 9)
		dense := run(t, m, in, false)
		for _, opt := range []passes.MoEOptions{
			{Experts: 4, Active: 4},
			{Experts: 5, Active: 5, Body: block.Dense}, // 24 neurons in experts of 5: the last one is padded
			{Experts: 4, Active: 4, Body: block.Unrolled, Split: passes.SplitContiguous},
			{Experts: 3, Active: 3, Split: passes.SplitRandom},
		} {
			moe, report := apply(t, m, nil, passes.SplitExperts(opt))
			n, reasons := fired(report)
			require.Equal(t, 2, n, "%v", reasons)
			for _, bodies := range []bool{false, true} {
				got := run(t, moe, in, bodies)
				for name, want := range dense {
					near(t, asFloats(t, want), asFloats(t, got[name]), 1e-5, "%+v bodies=%v %s", opt, bodies, name)
				}
			}
		}
	})
}

func TestSomeExpertsAreTheDenseBlockUnderTheirMask(t *testing.T) {
	eachForm(t, func(t *testing.T, form testmodels.FFNForm, m *graph.Model) {
		in := sample(m, 32, 11)
		f := blocks(m)[0]
		x := values(t, run(t, m, in, false, f.X.Name)[f.X.Name])
		ref := refer(t, &f, x)
		for _, form := range []block.Form{block.Loop, block.Unrolled, block.Dense} {
			moe, _ := apply(t, m, nil, passes.SplitExperts(passes.MoEOptions{Experts: 4, Active: 2, Body: form, Layers: []int{0}}))
			call := sparseCall(t, moe, f.Y)
			router, bias := values(t, call.In("router").Const), values(t, call.In("router_bias").Const)
			logits := times(x, f.In, router, 4, bias)
			selected, err := sparsify.KeepRule{Kind: sparsify.KeepExact, K: 2}.Mask(logits)
			require.NoError(t, err)
			expert := assignment(t, &f, call)
			keep, err := sparsify.NewMask(ref.hidden.Rows, ref.hidden.Cols)
			require.NoError(t, err)
			for r := range ref.hidden.Rows {
				for n, e := range expert {
					keep.Set(r*f.Hidden+n, selected.Get(r*4+e))
				}
			}
			want := ref.masked(&keep)
			for _, bodies := range []bool{false, true} {
				got := values(t, run(t, moe, in, bodies, f.Y.Name)[f.Y.Name])
				rows := 0
				for r := range ref.hidden.Rows {
					if tied(logits.Row(r), 2) {
						continue
					}
					rows++
					near(t, want[r*f.Out:(r+1)*f.Out], got[r*f.Out:(r+1)*f.Out], 1e-5, "%s row %d", form, r)
				}
				require.Greater(t, rows, 16)
			}
		}
	})
}

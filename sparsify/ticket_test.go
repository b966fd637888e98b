package sparsify

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPairScores(t *testing.T) {
	p := WeightPair{Name: "w", Shape: []int{4}, Initial: []float32{1, -1, 2, 0}, Final: []float32{3, 2, 0.5, -1}}
	for c, want := range map[Criterion]Score{
		LargeFinal:         {3, 2, 0.5, 1},
		LargeFinalSameSign: {3, 0, 0.5, 0},
		MagnitudeIncrease:  {2, 1, -1.5, 1},
		Movement:           {2, 3, 1.5, 1},
	} {
		s, err := PairScore(p, c, 0)
		require.NoError(t, err)
		require.Equal(t, want, s, c.String())
		back, err := ParseCriterion(c.String())
		require.NoError(t, err)
		require.Equal(t, c, back)
	}
	a, err := PairScore(p, RandomCriterion, 1)
	require.NoError(t, err)
	b, err := PairScore(p, RandomCriterion, 2)
	require.NoError(t, err)
	require.NotEqual(t, a, b)
	_, err = ParseCriterion("largest")
	require.ErrorContains(t, err, "large_final_same_sign")
	p.Initial = nil
	_, err = PairScore(p, LargeFinal, 0)
	require.NoError(t, err)
	_, err = PairScore(p, Movement, 0)
	require.ErrorContains(t, err, `weight "w": 0 initial values for 4`)
}

func TestTicketMasks(t *testing.T) {
	pairs := []WeightPair{
		{Name: "a", Shape: []int{2, 2}, Final: []float32{4, -3, 2, 1}},
		{Name: "b", Shape: []int{6}, Final: []float32{0.1, 0.2, 0.3, 0.4, 0.5, 9}, Density: 0.5},
	}
	m, err := TicketMasks(pairs, TicketOptions{Density: 0.25})
	require.NoError(t, err)
	require.Equal(t, []int{0}, alive(m[0]))
	require.Equal(t, []int{3, 4, 5}, alive(m[1]), "its own density")
	m, err = TicketMasks(pairs, TicketOptions{Density: 0.4, Global: true})
	require.NoError(t, err)
	require.Equal(t, []int{0, 1, 2}, alive(m[0]))
	require.Equal(t, []int{5}, alive(m[1]))
	m, err = TicketMasks(pairs, TicketOptions{Density: 0.2, Global: true, AtLeast: 2})
	require.NoError(t, err)
	require.Equal(t, []int{0, 1}, alive(m[0]))
	require.Equal(t, []int{4, 5}, alive(m[1]))
	m, err = TicketMasks(pairs, TicketOptions{Density: 0, AtLeast: 1})
	require.NoError(t, err)
	require.Equal(t, 1, m[0].Count())
	_, err = TicketMasks(pairs, TicketOptions{Density: 1.5})
	require.ErrorContains(t, err, `weight "a": density 1.5`)
	pairs[0].Shape = []int{3}
	_, err = TicketMasks(pairs, TicketOptions{Density: 0.5})
	require.ErrorContains(t, err, `weight "a": mask: 4 scores do not fill shape [3]`)
}

// The ladder of LeNet-300-100 with 20 % per round and 10 % in the last layer: 3 rounds leave 51.28 % of the weights, 9 leave 13.51 %.
func TestIterativeLadder(t *testing.T) {
	require.InDeltaSlice(t, []float64{0.8, 0.64, 0.512}, IterativeDensities(0.2, 3), 1e-12)
	sizes, rates := []int{784 * 300, 300 * 100, 100 * 10}, []float64{0.2, 0.2, 0.1}
	r := rand.New(rand.NewPCG(1, 1))
	masks, scores := make([]Mask, 3), make([]Score, 3)
	total := 0
	for i, n := range sizes {
		m, err := FullMask(n)
		require.NoError(t, err)
		masks[i] = m
		scores[i] = Magnitudes(randomMatrix(r, 1, n).Data)
		total += n
	}
	for round := 1; round <= 9; round++ {
		left := 0
		for i := range masks {
			next, err := PruneStep(masks[i], scores[i], rates[i])
			require.NoError(t, err)
			nested, err := next.And(masks[i])
			require.NoError(t, err)
			require.Equal(t, next, nested, "pruned weights stay pruned")
			masks[i] = next
			left += next.Count()
		}
		share := 100 * float64(left) / float64(total)
		switch round {
		case 3:
			require.InDelta(t, 51.28, share, 0.01)
		case 9:
			require.InDelta(t, 13.51, share, 0.01)
		}
	}
	want, err := MaskTop(scores[2], masks[2].Count(), sizes[2])
	require.NoError(t, err)
	require.Equal(t, want, masks[2], "with fixed scores rounds equal one shot")
	_, err = PruneStep(masks[0], scores[0], 2)
	require.ErrorContains(t, err, "rate 2")
}

func runLayers(layers []Layer, x []float32) []float64 {
	cur := make([]float64, len(x))
	for i, v := range x {
		cur[i] = float64(v)
	}
	for _, l := range layers {
		next := make([]float64, l.W.Cols)
		for u := range next {
			if l.B != nil {
				next[u] = float64(l.B[u])
			}
			for i, v := range cur {
				next[u] += v * float64(l.W.Row(i)[u])
			}
			if l.Act != nil {
				next[u] = float64(l.Act(float32(next[u])))
			}
		}
		cur = next
	}
	return cur
}

func relu(x float32) float32 { return max(x, 0) }

func TestEliminateDeadByHand(t *testing.T) {
	layers := []Layer{
		{W: Matrix{2, 3, []float32{1, 0, 5, 2, 0, 5}}, B: []float32{0, 3, 0}, Act: relu}, // unit 1 is constant 3
		{W: Matrix{3, 2, []float32{1, 0, 2, 0, 0, 4}}, Act: relu},                        // unit 1 reaches nothing
		{W: Matrix{2, 1, []float32{7, 0}}, B: []float32{1}},
	}
	out, kept, err := EliminateDead(layers)
	require.NoError(t, err)
	require.Equal(t, [][]int{{0}, {0}, {0}}, kept, "unit 2 of layer 0 dies with its only reader")
	require.Equal(t, []float32{1, 2}, out[0].W.Data)
	require.Equal(t, []float32{6}, out[1].B)
	require.Equal(t, []float32{1}, out[1].W.Data)
	require.Equal(t, []float32{7}, out[2].W.Data)
	for _, x := range [][]float32{{1, 2}, {-5, 1}, {0, 0}} {
		require.InDeltaSlice(t, runLayers(layers, x), runLayers(out, x), 1e-6)
	}
	require.Nil(t, layers[1].B, "arguments stay as they were")
}

func TestEliminateDeadKeepsTheFunction(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for trial := range 60 {
		sizes := []int{6, 9, 8, 7, 3}
		var layers []Layer
		for l := range 4 {
			w := randomMatrix(r, sizes[l], sizes[l+1])
			for i := range w.Data {
				if r.Float64() < 0.55+0.4*float64(trial)/60 {
					w.Data[i] = 0
				}
			}
			y := Layer{W: w, Act: func(x float32) float32 { return float32(math.Tanh(float64(x))) }}
			if r.IntN(4) > 0 {
				y.B = randomMatrix(r, 1, sizes[l+1]).Data
			}
			layers = append(layers, y)
		}
		out, kept, err := EliminateDead(layers)
		require.NoError(t, err)
		for l := range out {
			require.Len(t, kept[l], out[l].W.Cols)
			require.Positive(t, out[l].W.Cols)
			if l+1 < len(out) && out[l].W.Cols > 1 {
				require.NotContains(t, out[l].W.ColNorms(), 0.0)
				require.NotContains(t, out[l+1].W.RowNorms(), 0.0)
			}
		}
		require.Equal(t, []int{0, 1, 2}, kept[3])
		for range 5 {
			x := randomMatrix(r, 1, 6).Data
			require.InDeltaSlice(t, runLayers(layers, x), runLayers(out, x), 1e-5)
		}
	}
	_, _, err := EliminateDead([]Layer{{W: NewMatrix(2, 3)}, {W: NewMatrix(4, 1)}})
	require.ErrorContains(t, err, "layer 1 takes 4 inputs, layer 0 has 3 units")
	_, _, err = EliminateDead([]Layer{{W: NewMatrix(2, 3), B: []float32{1}}})
	require.ErrorContains(t, err, "layer 0: bias has 1 values for 3 units")
}

func runFFN(f GatedFFN, x []float32) []float64 {
	at := func(b []float32, i int) float64 {
		if b == nil {
			return 0
		}
		return float64(b[i])
	}
	out := make([]float64, f.Down.Cols)
	for j := range out {
		out[j] = at(f.OutBias, j)
	}
	for n := range f.Down.Rows {
		u, g := at(f.UpBias, n), at(f.GateBias, n)
		for i, v := range x {
			u += float64(v) * float64(f.Up.Row(i)[n])
			if f.Gate.Data != nil {
				g += float64(v) * float64(f.Gate.Row(i)[n])
			}
		}
		h := float64(f.Act(float32(u)))
		if f.Gate.Data != nil {
			h = float64(f.Act(float32(g))) * u
		}
		for j, w := range f.Down.Row(n) {
			out[j] += h * float64(w)
		}
	}
	return out
}

func TestEliminateDeadFFN(t *testing.T) {
	silu := func(x float32) float32 { return x / (1 + float32(math.Exp(-float64(x)))) }
	r := rand.New(rand.NewPCG(3, 3))
	for trial := range 40 {
		f := GatedFFN{Up: randomMatrix(r, 4, 12), Down: randomMatrix(r, 12, 3), Act: silu}
		if trial%2 == 0 {
			f.Gate = randomMatrix(r, 4, 12)
		}
		if trial%3 == 0 {
			f.UpBias, f.OutBias = randomMatrix(r, 1, 12).Data, randomMatrix(r, 1, 3).Data
		}
		if trial%4 == 0 {
			f.GateBias = randomMatrix(r, 1, 12).Data
		}
		zeroCol := func(m Matrix, n int) {
			for i := range m.Rows {
				m.Row(i)[n] = 0
			}
		}
		for n := range 12 {
			switch r.IntN(4) {
			case 0:
				zeroCol(f.Up, n)
			case 1:
				zeroCol(f.Up, n)
				if f.Gate.Data != nil {
					zeroCol(f.Gate, n)
				}
			case 2:
				clear(f.Down.Row(n))
			}
		}
		out, kept, err := EliminateDeadFFN(f)
		require.NoError(t, err)
		require.Len(t, kept, out.Down.Rows)
		require.NotEmpty(t, kept)
		for range 5 {
			x := randomMatrix(r, 1, 4).Data
			require.InDeltaSlice(t, runFFN(f, x), runFFN(out, x), 1e-4)
		}
	}
	all := GatedFFN{Up: NewMatrix(2, 3), Down: NewMatrix(3, 2), Act: relu}
	out, kept, err := EliminateDeadFFN(all)
	require.NoError(t, err)
	require.Equal(t, []int{2}, kept, "one neuron stays")
	require.Equal(t, 1, out.Up.Cols)
	_, _, err = EliminateDeadFFN(GatedFFN{Up: NewMatrix(2, 4), Down: NewMatrix(3, 2)})
	require.ErrorContains(t, err, "4 and 0 incoming columns for 3 neurons")
}

package sparsify

import (
	"fmt"
	"math"
)

// Router scores the experts of a token: logits = x·W + B; the experts of largest logits run.
type Router struct {
	W Matrix    // [inputs, E]
	B []float32 // [E]
}

// RouterOptions steers FitRouter.
type RouterOptions struct {
	Ridge float64 // λ as a share of the mean diagonal of the inputs' covariance; 0 means 1e-2
	Eps   float64 // added to a norm before the logarithm, as a share of the mean norm; 0 means 0.1
}

// FitRouter fits a linear router in closed form: ridge regression of log(|Z_e| + ε) on [x, 1]; x is [T, inputs], norms [T, E] holds |Z_e| as
// ExpertNorms gives it. The intercept is not penalised.
func FitRouter(x, norms Matrix, opt RouterOptions) (*Router, error) {
	targets, err := LogNorms(norms, opt.Eps)
	if err != nil {
		return nil, err
	}
	g, err := NewMoments(x.Cols, norms.Cols)
	if err != nil {
		return nil, err
	}
	if err := g.Observe(x, targets); err != nil {
		return nil, err
	}
	return SolveRouter(g, opt.Ridge)
}

// SolveRouter is FitRouter from moments of x and LogNorms targets gathered elsewhere.
func SolveRouter(g *Moments, ridge float64) (*Router, error) {
	if ridge == 0 {
		ridge = 1e-2
	}
	fit, err := Ridge(g, nil, Matrix{}, nil, RidgeOptions{Ridge: ridge})
	if err != nil {
		return nil, fmt.Errorf("router: %w", err)
	}
	return &Router{W: fit.W, B: fit.B}, nil
}

// LogNorms returns log(norm + ε) with ε = eps times the mean norm (eps 0: 0.1), so that an expert that is silent on a token, common with
// ReLU, does not dominate the fit.
func LogNorms(norms Matrix, eps float64) (Matrix, error) {
	if eps == 0 {
		eps = 0.1
	}
	var mean float64
	for i, v := range norms.Data {
		if !(v >= 0) || math.IsInf(float64(v), 0) {
			return Matrix{}, fmt.Errorf("router: norm of expert %d on token %d is %v", i%norms.Cols, i/norms.Cols, v)
		}
		mean += float64(v)
	}
	add := eps * mean / float64(max(len(norms.Data), 1))
	if !(add > 0) {
		add = math.SmallestNonzeroFloat32
	}
	out := NewMatrix(norms.Rows, norms.Cols)
	for i, v := range norms.Data {
		out.Data[i] = float32(math.Log(float64(v) + add))
	}
	return out, nil
}

// Logits returns x·W + B as [T, E].
func (r *Router) Logits(x Matrix) (Matrix, error) {
	if x.Cols != r.W.Rows {
		return Matrix{}, fmt.Errorf("router: %d inputs, want %d", x.Cols, r.W.Rows)
	}
	e := r.W.Cols
	out := NewMatrix(x.Rows, e)
	gemm(x.Rows, e, x.Cols, x.Data, x.Cols, false, r.W.Data, e, false, out.Data, e)
	for i := range x.Rows {
		row := out.Row(i)
		for j, b := range r.B {
			row[j] += b
		}
	}
	return out, nil
}

// SelectTop returns the selection [T, E] of the k largest scores of each row: ties to the lower index, as ONNX TopK; NaN last.
func SelectTop(scores Matrix, k int) (Mask, error) {
	return KeepRule{Kind: KeepExact, K: k}.Mask(scores)
}

// expertOutputs computes Z_e = h[:, S_e]·down[S_e] for blocks of tokens and hands them to visit; z[e] is [rows, outputs], valid during the call.
func expertOutputs(h, down Matrix, x Experts, visit func(first int, z []Matrix)) error {
	if err := x.Check(); err != nil {
		return err
	}
	if h.Cols != len(x.Assign) || down.Rows != len(x.Assign) {
		return fmt.Errorf("experts: partition of %d neurons, activations of %d, outgoing weights of %d", len(x.Assign), h.Cols, down.Rows)
	}
	const block = 256
	members := make([][]int, x.E)
	weights := make([]Matrix, x.E)
	z := make([]Matrix, x.E)
	for e := range x.E {
		members[e] = x.Members(e)
		weights[e], _ = down.SelectRows(members[e])
		z[e] = NewMatrix(min(block, h.Rows), down.Cols)
	}
	buf := NewMatrix(block, x.MaxSize())
	out := make([]Matrix, x.E)
	for first := 0; first < h.Rows; first += block {
		rows := min(block, h.Rows-first)
		for e, mem := range members {
			m := len(mem)
			for r := range rows {
				src, dst := h.Row(first+r), buf.Data[r*m:(r+1)*m]
				for k, j := range mem {
					dst[k] = src[j]
				}
			}
			gemm(rows, down.Cols, m, buf.Data, m, false, weights[e].Data, down.Cols, false, z[e].Data, down.Cols)
			out[e] = z[e].Slice(0, rows)
		}
		visit(first, out)
	}
	return nil
}

// ExpertNorms returns |Z_e| [T, E], the L2 norms of the experts' outputs: h [T, n] hidden activations, down [n, outputs].
func ExpertNorms(h, down Matrix, x Experts) (Matrix, error) {
	norms := NewMatrix(h.Rows, x.E)
	err := expertOutputs(h, down, x, func(first int, z []Matrix) {
		for e, m := range z {
			for r, v := range m.RowNorms() {
				norms.Data[(first+r)*x.E+e] = float32(v)
			}
		}
	})
	return norms, err
}

// OracleGreedy selects k experts per token by backward greedy elimination on the expert Gram matrix G_ef = Z_e·Z_f: starting from all, drop
// again and again the expert of least G_ee + 2 Σ_{f dropped} G_ef, the increase of |Σ dropped Z|². A yardstick: it needs the outputs.
func OracleGreedy(h, down Matrix, x Experts, k int) (Mask, error) {
	if k < 0 || k > x.E {
		return Mask{}, fmt.Errorf("oracle: cannot select %d of %d experts", k, x.E)
	}
	sel, err := FullMask(h.Rows, x.E)
	if err != nil {
		return sel, err
	}
	err = expertOutputs(h, down, x, func(first int, z []Matrix) {
		dropped := make([]float64, down.Cols)
		for r := range z[0].Rows {
			clear(dropped)
			at := (first + r) * x.E
			for range x.E - k {
				best, least := -1, math.Inf(1)
				for e := range x.E {
					if !sel.Get(at + e) {
						continue
					}
					var cost float64
					for j, v := range z[e].Row(r) {
						cost += float64(v) * (float64(v) + 2*dropped[j])
					}
					if best < 0 || cost < least {
						best, least = e, cost
					}
				}
				sel.Set(at+best, false)
				for j, v := range z[best].Row(r) {
					dropped[j] += float64(v)
				}
			}
		}
	})
	return sel, err
}

// Load counts how many tokens select each expert.
func Load(sel Mask) []int64 {
	if len(sel.Shape) != 2 {
		return nil
	}
	e := sel.Shape[1]
	out := make([]int64, e)
	for i := range sel.Len() {
		if sel.Get(i) {
			out[i%e]++
		}
	}
	return out
}

// Recall is the share of the experts of want that sel has too.
func Recall(sel, want Mask) (float64, error) {
	both, err := sel.And(want)
	if err != nil {
		return 0, err
	}
	if want.Count() == 0 {
		return 1, nil
	}
	return float64(both.Count()) / float64(want.Count()), nil
}

// CapturedEnergy is Σ |Z_e|² over the selected (token, expert) pairs as a share of the sum over all.
func CapturedEnergy(sel Mask, norms Matrix) (float64, error) {
	if err := sel.Fits([]int{norms.Rows, norms.Cols}); err != nil {
		return 0, err
	}
	var got, all float64
	for i, v := range norms.Data {
		q := float64(v) * float64(v)
		all += q
		if sel.Get(i) {
			got += q
		}
	}
	if all == 0 {
		return 1, nil
	}
	return got / all, nil
}

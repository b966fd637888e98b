package op

import (
	"fmt"
	"math"
)

// prepareMVN is (x - mean) / (standard deviation + 1e-9) over the axes.
func prepareMVN(p *Prep) (Exec, error) {
	axes := p.Attrs().Ints("axes")
	if axes == nil {
		axes = []int64{0, 2, 3}
	}
	return ExecFunc(func(c *Call) error {
		x, err := needInput(c, 0)
		if err != nil {
			return err
		}
		v, err := x.Float64s()
		if err != nil {
			return err
		}
		group, n, err := groupsOf(x.Shape, axes)
		if err != nil {
			return err
		}
		sum, sq, count := make([]float64, n), make([]float64, n), make([]float64, n)
		for i, a := range v {
			g := group[i]
			sum[g] += a
			count[g]++
		}
		for i, a := range v {
			d := a - sum[group[i]]/count[group[i]]
			sq[group[i]] += d * d
		}
		for i, a := range v {
			g := group[i]
			v[i] = (a - sum[g]/count[g]) / (math.Sqrt(sq[g]/count[g]) + 1e-9)
		}
		return storeFloats(c.Out(0, x.Elem, x.Shape...), v)
	}), nil
}

// groupsOf numbers, for each element, the group of those that differ only in their place on axes.
func groupsOf(dims, axes []int64) (group []int, n int, err error) {
	kept := append([]int64{}, dims...)
	for _, a := range axes {
		k, err := axisIn(a, len(dims))
		if err != nil {
			return nil, 0, err
		}
		kept[k] = 1
	}
	ns, err := newNest(dims, broadcastStrides(kept, dims))
	if err != nil {
		return nil, 0, err
	}
	group = make([]int, numel(dims))
	_, s := ns.inner()
	ns.walk(0, ns.n, func(d int, o [3]int, n int) {
		for i := range n {
			group[d+i] = o[0] + i*s[0]
		}
	})
	return group, numel(kept), nil
}

func prepareLpNorm(p *Prep) (Exec, error) {
	axis, order := p.Attrs().Int("axis", -1), p.Attrs().Int("p", 2)
	if order != 1 && order != 2 {
		return nil, fmt.Errorf("attribute p is %d, want 1 or 2", order)
	}
	return ExecFunc(func(c *Call) error {
		x, err := needInput(c, 0)
		if err != nil {
			return err
		}
		k, err := axisIn(axis, len(x.Shape))
		if err != nil {
			return err
		}
		v, err := x.Float64s()
		if err != nil {
			return err
		}
		outer, inner := splitAt(x.Shape, k)
		alongAxis(v, append([]float64(nil), v...), outer, int(x.Shape[k]), inner, func(dst, row []float64) {
			s := 0.0
			for _, a := range row {
				if order == 1 {
					s += math.Abs(a)
				} else {
					s += a * a
				}
			}
			if order == 2 {
				s = math.Sqrt(s)
			}
			for i, a := range row {
				dst[i] = 0
				if s != 0 {
					dst[i] = a / s
				}
			}
		})
		return storeFloats(c.Out(0, x.Elem, x.Shape...), v)
	}), nil
}

func prepareLRN(p *Prep) (Exec, error) {
	a := p.Attrs()
	alpha, beta, bias, size := float64(a.Float("alpha", 1e-4)), float64(a.Float("beta", 0.75)), float64(a.Float("bias", 1)), int(a.Int("size", 0))
	if size <= 0 {
		return nil, fmt.Errorf("attribute size is %d", size)
	}
	return ExecFunc(func(c *Call) error {
		x, err := needInput(c, 0)
		if err != nil {
			return err
		}
		n, ch, inner, err := channels(x)
		if err != nil {
			return err
		}
		v, err := x.Float64s()
		if err != nil {
			return err
		}
		out := make([]float64, len(v))
		c.Pool.For(n*ch, 1+zipGrain/(inner*size+1), func(lo, hi int) {
			for i := lo; i < hi; i++ {
				k := i % ch
				first, last := max(0, k-(size-1)/2), min(ch-1, k+size/2)
				for j := range inner {
					s := 0.0
					for q := first; q <= last; q++ {
						a := v[(i-k+q)*inner+j]
						s += a * a
					}
					out[i*inner+j] = v[i*inner+j] / math.Pow(bias+alpha/float64(size)*s, beta)
				}
			}
		})
		return storeFloats(c.Out(0, x.Elem, x.Shape...), out)
	}), nil
}

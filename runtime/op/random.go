package op

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// randomOps draw numbers. The same node draws the same numbers in every run: from its seed attribute, or without one from its name.
func randomOps() []OpDef {
	like := func(draw func(*Prep) func(*rand.Rand) float64) func(*Prep) (Exec, error) {
		return func(p *Prep) (Exec, error) {
			to := tensor.DType(p.Attrs().Int("dtype", 0))
			if to != tensor.Undefined && !floats.has(to) {
				return nil, errElem(to)
			}
			f, seed := draw(p), seedOf(p)
			return ExecFunc(func(c *Call) error {
				elem := to
				if elem == tensor.Undefined {
					elem = c.In[0].Elem
				}
				if !floats.has(elem) {
					return errElem(elem)
				}
				return fillRandom(c, elem, c.In[0].Shape, f, seed)
			}), nil
		}
	}
	shaped := func(draw func(*Prep) func(*rand.Rand) float64) func(*Prep) (Exec, error) {
		return func(p *Prep) (Exec, error) {
			to := tensor.DType(p.Attrs().Int("dtype", int64(tensor.Float32)))
			dims := p.Attrs().Ints("shape")
			if !floats.has(to) {
				return nil, errElem(to)
			}
			if err := sizeOf(to, dims); err != nil {
				return nil, err
			}
			f, seed := draw(p), seedOf(p)
			return ExecFunc(func(c *Call) error { return fillRandom(c, to, dims, f, seed) }), nil
		}
	}
	return []OpDef{
		{Op: "RandomUniform", Since: 1, Prepare: shaped(uniform)},
		{Op: "RandomNormal", Since: 1, Prepare: shaped(normal)},
		{Op: "RandomUniformLike", Since: 1, Prepare: like(uniform)},
		{Op: "RandomNormalLike", Since: 1, Prepare: like(normal)},
		{Op: "Bernoulli", Since: 15, Prepare: checked(floats, prepareBernoulli, 0)},
		{Op: "Multinomial", Since: 7, Prepare: checked(floats, prepareMultinomial, 0)},
	}
}

// seedOf is the start of a node's stream.
func seedOf(p *Prep) uint64 {
	if a := p.Attrs().Get("seed"); a != nil {
		return uint64(math.Float32bits(a.F))
	}
	h := fnv.New64a()
	h.Write([]byte(p.Node.Label()))
	return h.Sum64()
}

func stream(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0x6f6e6e78)) }

func uniform(p *Prep) func(*rand.Rand) float64 {
	lo, hi := float64(p.Attrs().Float("low", 0)), float64(p.Attrs().Float("high", 1))
	return func(r *rand.Rand) float64 { return lo + (hi-lo)*r.Float64() }
}

func normal(p *Prep) func(*rand.Rand) float64 {
	mean, scale := float64(p.Attrs().Float("mean", 0)), float64(p.Attrs().Float("scale", 1))
	return func(r *rand.Rand) float64 { return mean + scale*r.NormFloat64() }
}

func fillRandom(c *Call, elem tensor.DType, dims []int64, draw func(*rand.Rand) float64, seed uint64) error {
	y := c.Out(0, elem, dims...)
	r, v := stream(seed), make([]float64, y.Len())
	for i := range v {
		v[i] = draw(r)
	}
	return storeFloats(y, v)
}

func prepareBernoulli(p *Prep) (Exec, error) {
	to, seed := tensor.DType(p.Attrs().Int("dtype", 0)), seedOf(p)
	if to != tensor.Undefined && !(numbers | bools).has(to) {
		return nil, errElem(to)
	}
	return ExecFunc(func(c *Call) error {
		x := c.In[0]
		elem := to
		if elem == tensor.Undefined {
			elem = x.Elem
		}
		v, err := x.Float64s()
		if err != nil {
			return err
		}
		r := stream(seed)
		for i, p := range v {
			v[i] = 0
			if r.Float64() < p {
				v[i] = 1
			}
		}
		return storeFloats(c.Out(0, elem, x.Shape...), v)
	}), nil
}

// prepareMultinomial draws classes by unnormalised log-probabilities [batch, classes].
func prepareMultinomial(p *Prep) (Exec, error) {
	to, n, seed := tensor.DType(p.Attrs().Int("dtype", int64(tensor.Int32))), p.Attrs().Int("sample_size", 1), seedOf(p)
	if !indices.has(to) || n < 1 {
		return nil, fmt.Errorf("dtype is %s, sample_size %d", to, n)
	}
	return ExecFunc(func(c *Call) error {
		x := c.In[0]
		if len(x.Shape) != 2 || x.Shape[1] == 0 {
			return fmt.Errorf("input has shape %v, want [batch, classes]", x.Shape)
		}
		if err := sizeOf(to, []int64{x.Shape[0], n}); err != nil {
			return err
		}
		v, err := x.Float64s()
		if err != nil {
			return err
		}
		r, k := stream(seed), int(x.Shape[1])
		out := make([]int64, x.Shape[0]*n)
		p := make([]float64, k)
		for b := range int(x.Shape[0]) {
			softmax64(p, v[b*k:(b+1)*k])
			for i := range int(n) {
				u, at := r.Float64(), 0
				for at < k-1 && u >= p[at] {
					u -= p[at]
					at++
				}
				out[b*int(n)+i] = int64(at)
			}
		}
		return storeInts(c.Out(0, to, x.Shape[0], n), out)
	}), nil
}

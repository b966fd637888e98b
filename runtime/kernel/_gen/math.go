package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The constants and polynomials of runtime/kernel/math_ref.go.
const (
	log2e    = 0x1.715476p+0
	ln2Hi    = 0x1.62e4p-1
	ln2Lo    = 0x1.7f7d1cp-20
	roundInt = 12582912
)

var (
	expPoly     = []float64{0.0013941876823082566, 0.008368677459657192, 0.041666388511657715, 0.1666652113199234, 0.5}
	logPoly     = []float64{-0.1287769079208374, 0.13985975086688995, -0.12187749892473221, 0.14005474746227264, -0.1668020784854889, 0.20010438561439514, -0.2499980479478836, 0.3333321511745453}
	erfPoly     = []float64{-0.0006121191545389593, 0.00501567916944623, -0.026779677718877792, 0.11282104253768921, -0.37612512707710266, 0.12837915122509003}
	erfcLogPoly = []float64{-0.00020099992980249226, 0.0030923117883503437, -0.022420253604650497, 0.10432752966880798, 0.6367372274398804, 1.1279361248016357, 0.00013357470743358135}
	normLogPoly = []float64{3.080867827520706e-08, -8.170002843144175e-07, 9.456663065066095e-06, -6.117128214100376e-05, 0.00021428533364087343, -2.9058790460112505e-05, -0.004792902152985334, 0.03634142875671387, 0.318308562040329, 0.7978846430778503, 0.6931471824645996}
	log1pPoly   = []float64{0.0020845443941652775, -0.013691671192646027, 0.042114824056625366, -0.08323895186185837, 0.12479529529809952, -0.16135171055793762, 0.19899623095989227, -0.24988864362239838, 0.33332714438438416, -0.49999988079071045, 1}
)

func (v *simd) horner(c []float64, x operand.Op) V {
	y := v.copyOf(v.f(c[0]))
	for _, k := range c[1:] {
		v.fmaInto(y, x, v.f(k))
	}
	return y
}

// expReduce splits x into n ln 2 + r; t holds n in its low bits, and nothing else below bit 21.
func (v *simd) expReduce(x operand.Op) (t, n, r V) {
	t = v.fma(x, v.f(log2e), v.f(roundInt))
	n = v.sub(t, v.f(roundInt))
	r = v.fnma(n, v.f(ln2Hi), x)
	return t, n, v.fnma(n, v.f(ln2Lo), r)
}

// exp is e^x.
func (v *simd) exp(x operand.Op) V {
	t, n, r := v.expReduce(v.max(v.f(-104), v.min(v.f(89), x)))
	y := v.horner(expPoly, r)
	v.fmaInto(y, r, v.f(1))
	v.fmaInto(y, r, v.f(1))
	if v.wide {
		z := v.reg()
		v.emit(VSCALEFPS, n, y, z)
		return z
	}
	half := v.shiftRight(t, 1)
	rest := v.subInt(t, half)
	return v.mul(v.mul(y, v.pow2(half)), v.pow2(rest))
}

// pow2 is 2^n for the n in the low bits of t.
func (v *simd) pow2(t V) V { return v.addInt(v.shiftLeft(t, 23), v.f(1)) }

// expm1 is e^x - 1 for |x| <= 25.
func (v *simd) expm1(x operand.Op) V {
	t, _, r := v.expReduce(x)
	q := v.mul(v.horner(expPoly, r), r)
	v.fmaInto(q, r, r)
	s := v.pow2(t)
	return v.fma(s, q, v.sub(s, v.f(1)))
}

// signOf is |a| with the sign of s.
func (v *simd) signOf(a, s operand.Op) V { return v.or(v.abs(a), v.and(s, v.bits(0x80000000))) }

func (v *simd) tanh(x V) V {
	t := v.abs(x)
	e := v.expm1(v.min(v.f(20), v.add(t, t)))
	return v.signOf(v.div(e, v.add(e, v.f(2))), x)
}

func (v *simd) log(x V) V {
	inf, zero := v.f(math.Inf(1)), v.f(0)
	e0 := v.choose(x, less, v.f(0x1p-126), v.f(-23), zero)
	m := v.choose(x, less, v.f(0x1p-126), v.mul(x, v.f(0x1p23)), x)
	t := v.andInt(v.subInt(m, v.bits(0x3f2aaaab)), v.bits(0xff800000))
	f := v.sub(v.subInt(m, t), v.f(1))
	e := v.add(v.fromInt(v.shiftRight(t, 23)), e0)
	s := v.mul(f, f)
	h := v.horner(logPoly, f)
	v.fmaInto(h, f, v.f(-0.5))
	v.fmaInto(h, s, v.mul(e, v.f(ln2Lo)))
	y := v.fma(e, v.f(ln2Hi), v.add(f, h))
	y = v.choose(x, notLess, inf, x, y)
	y = v.choose(x, less, zero, v.bits(0x7fc00000), y)
	return v.choose(x, equal, zero, v.f(math.Inf(-1)), y)
}

func (v *simd) erf(x V) V {
	t := v.abs(x)
	small := v.fma(v.horner(erfPoly, v.mul(x, x)), x, x)
	g := v.neg(v.horner(erfcLogPoly, v.min(v.f(4), t)))
	large := v.signOf(v.sub(v.f(1), v.exp(g)), x)
	return v.choose(t, less, v.f(0.875), small, large)
}

func (v *simd) sigmoid(x V) V { return v.div(v.f(1), v.add(v.exp(v.neg(x)), v.f(1))) }

// unary emits dst[i] = body(x[i], p), with the first params numbers of p in registers.
func unary(name string, params, unroll int, body func(v *simd, x V, p []V) V) {
	both(name, "(dst, x *float32, n int, p *float32)", "is "+name+" of unaryScalar over n > 0 elements.", func(v *simd) {
		dst, x, n := pointer("dst"), pointer("x"), pointer("n")
		held := v.numbers(pointer("p"), params)
		v.stream(n, []reg.Register{dst, x}, unroll, func(k int) {
			v.store(body(v, v.load(x, k), held), dst, k)
		})
	})
}

func mathFamily() {
	one := func(f func(v *simd, x V) V) func(*simd, V, []V) V {
		return func(v *simd, x V, _ []V) V { return f(v, x) }
	}
	unary("exp", 0, 2, one(func(v *simd, x V) V { return v.exp(x) }))
	unary("log", 0, 1, one((*simd).log))
	unary("tanh", 0, 2, one((*simd).tanh))
	unary("erf", 0, 2, one((*simd).erf))
	unary("sigmoid", 0, 2, one((*simd).sigmoid))
	unary("sqrt", 0, 2, one(func(v *simd, x V) V { return v.sqrt(x) }))
	unary("rsqrt", 0, 2, one(func(v *simd, x V) V { return v.div(v.f(1), v.sqrt(x)) }))
	unary("recip", 0, 2, one(func(v *simd, x V) V { return v.div(v.f(1), x) }))
	unary("neg", 0, 4, one(func(v *simd, x V) V { return v.neg(x) }))
	unary("abs", 0, 4, one(func(v *simd, x V) V { return v.abs(x) }))
	unary("square", 0, 4, one(func(v *simd, x V) V { return v.mul(x, x) }))
	unary("floor", 0, 4, one(func(v *simd, x V) V { return v.round(down, x) }))
	unary("ceil", 0, 4, one(func(v *simd, x V) V { return v.round(up, x) }))
	unary("round", 0, 4, one(func(v *simd, x V) V { return v.round(nearest, x) }))
	unary("clip", 2, 4, func(v *simd, x V, p []V) V { return v.min(p[1], v.max(p[0], x)) })
	unary("affine", 2, 4, func(v *simd, x V, p []V) V { return v.fma(x, p[0], p[1]) })
}

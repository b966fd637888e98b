package main

// actFamily emits the elementwise kernels that are activations; runtime/kernel/act_ref.go says what each is.
func actFamily() {
	unary("relu", 0, 4, func(v *simd, x V, _ []V) V { return v.max(v.f(0), x) })
	unary("reluSquared", 0, 4, func(v *simd, x V, _ []V) V {
		r := v.max(v.f(0), x)
		return v.mul(r, r)
	})
	unary("gelu", 0, 2, func(v *simd, x V, _ []V) V {
		w := v.exp(v.neg(v.horner(normLogPoly, v.abs(x))))
		return v.mul(x, v.choose(x, greaterEq, v.f(0), v.sub(v.f(1), w), w))
	})
	unary("geluTanh", 0, 2, func(v *simd, x V, _ []V) V {
		const linear = 1.5957691216057308
		u := v.mul(v.fma(v.mul(x, x), v.f(-linear*0.044715), v.f(-linear)), x)
		return v.div(x, v.add(v.exp(u), v.f(1)))
	})
	unary("silu", 1, 2, func(v *simd, x V, p []V) V {
		return v.div(x, v.add(v.exp(v.neg(v.mul(x, p[0]))), v.f(1)))
	})
	unary("leakyRelu", 1, 4, func(v *simd, x V, p []V) V { return v.choose(x, less, v.f(0), v.mul(x, p[0]), x) })
	unary("hardSigmoid", 2, 4, func(v *simd, x V, p []V) V {
		return v.min(v.f(1), v.max(v.f(0), v.fma(x, p[0], p[1])))
	})
	unary("hardSwish", 0, 4, func(v *simd, x V, _ []V) V {
		return v.mul(x, v.min(v.f(1), v.max(v.f(0), v.fma(x, v.f(1./6), v.f(0.5)))))
	})
	unary("elu", 3, 2, func(v *simd, x V, p []V) V {
		e := v.expm1(v.max(v.f(-25), v.min(v.f(0), v.mul(x, p[1]))))
		return v.choose(x, less, v.f(0), v.mul(e, p[0]), v.mul(x, p[2]))
	})
	unary("softplus", 0, 2, func(v *simd, x V, _ []V) V {
		e := v.exp(v.neg(v.abs(x)))
		return v.fma(v.horner(log1pPoly, e), e, v.max(v.f(0), x))
	})
	unary("softsign", 0, 2, func(v *simd, x V, _ []V) V { return v.div(x, v.add(v.abs(x), v.f(1))) })
	unary("mish", 0, 2, func(v *simd, x V, _ []V) V {
		e := v.exp(v.min(v.f(20), x))
		n := v.fma(e, e, v.add(e, e))
		return v.mul(x, v.div(n, v.add(n, v.f(2))))
	})
	unary("thresholdedRelu", 1, 4, func(v *simd, x V, p []V) V { return v.choose(x, lessEqual, p[0], v.f(0), x) })
}

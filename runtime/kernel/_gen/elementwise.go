package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// elementwiseFamily emits the kernels of two and three inputs; runtime/kernel/elementwise_ref.go says what each is.
func elementwiseFamily() {
	ops := []struct {
		name string
		f    func(v *simd, a, b V) V
	}{
		{"add", func(v *simd, a, b V) V { return v.add(a, b) }},
		{"sub", func(v *simd, a, b V) V { return v.sub(a, b) }},
		{"mul", func(v *simd, a, b V) V { return v.mul(a, b) }},
		{"div", func(v *simd, a, b V) V { return v.div(a, b) }},
		{"max", func(v *simd, a, b V) V { return v.choose(a, unord, a, a, v.max(a, b)) }},
		{"min", func(v *simd, a, b V) V { return v.choose(a, unord, a, a, v.min(a, b)) }},
	}
	for _, op := range ops {
		binary(op.name+"VV", true, true, op.f)
		binary(op.name+"VS", true, false, op.f)
		binary(op.name+"SV", false, true, op.f)
	}

	both("mulAdd", "(dst, a, b, c *float32, n int)", "sets dst[i] = a[i]*b[i] + c[i] for n > 0 elements.", func(v *simd) {
		dst, a, b, c, n := pointer("dst"), pointer("a"), pointer("b"), pointer("c"), pointer("n")
		v.stream(n, []reg.Register{dst, a, b, c}, 4, func(k int) {
			v.store(v.fma(v.load(a, k), v.load(b, k), v.load(c, k)), dst, k)
		})
	})
	both("axpy", "(alpha float32, x, y *float32, n int)", "adds alpha*x[i] to y[i] for n > 0 elements.", func(v *simd) {
		x, y, n := pointer("x"), pointer("y"), pointer("n")
		alpha := v.param("alpha")
		v.stream(n, []reg.Register{x, y}, 4, func(k int) {
			acc := v.load(y, k)
			v.fmaTo(acc, alpha, v.load(x, k))
			v.store(acc, y, k)
		})
	})
}

// binary emits dst[i] = f(a[i], b[i]); an input that is no vector is one number for all i.
func binary(name string, aVector, bVector bool, f func(v *simd, a, b V) V) {
	both(name, "(dst, a, b *float32, n int)", "is binaryRef over n > 0 elements.", func(v *simd) {
		dst, a, b, n := pointer("dst"), pointer("a"), pointer("b"), pointer("n")
		pointers := []reg.Register{dst}
		input := func(p reg.GPVirtual, vector bool) func(k int) V {
			if vector {
				pointers = append(pointers, p)
				return func(k int) V { return v.load(p, k) }
			}
			all := v.reg()
			VBROADCASTSS(operand.Mem{Base: p}, all)
			return func(int) V { return all }
		}
		left, right := input(a, aVector), input(b, bVector)
		v.stream(n, pointers, 4, func(k int) { v.store(f(v, left(k), right(k)), dst, k) })
	})
}

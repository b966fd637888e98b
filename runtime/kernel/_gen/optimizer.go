package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// optimizerFamily emits one step of the optimizers; runtime/kernel/optimizer_ref.go says what each is.
func optimizerFamily() {
	both("adam", "(xNew, vNew, hNew, x, grad, v, h *float32, n int, p *float32)", "is adamRef over n > 0 elements.", func(v *simd) {
		ptr := pointers("xNew", "vNew", "hNew", "x", "grad", "v", "h")
		n, p := pointer("n"), v.numbers(pointer("p"), 8)
		v.stream(n, ptr, 1, func(k int) {
			x := v.load(ptr[3], k)
			r := v.fma(x, p[6], v.load(ptr[4], k))
			m := v.mul(p[2], r)
			v.fmaTo(m, p[1], v.load(ptr[5], k))
			s := v.mul(p[4], v.mul(r, r))
			v.fmaTo(s, p[3], v.load(ptr[6], k))
			v.store(m, ptr[1], k)
			v.store(s, ptr[2], k)
			step := v.div(m, v.add(v.sqrt(s), p[5]))
			v.store(v.mul(p[7], v.fnma(step, p[0], x)), ptr[0], k)
		})
	})
	for _, nesterov := range []bool{false, true} {
		name := "momentum"
		if nesterov {
			name = "nesterov"
		}
		both(name, "(xNew, vNew, x, grad, v *float32, n int, p *float32)", "is momentumRef in that mode over n > 0 elements.", func(v *simd) {
			ptr := pointers("xNew", "vNew", "x", "grad", "v")
			n, p := pointer("n"), v.numbers(pointer("p"), 4)
			v.stream(n, ptr, 2, func(k int) {
				x := v.load(ptr[2], k)
				r := v.fma(x, p[3], v.load(ptr[3], k))
				m := v.mul(p[2], r)
				v.fmaTo(m, p[1], v.load(ptr[4], k))
				v.store(m, ptr[1], k)
				if nesterov {
					m = v.fma(m, p[1], r)
				}
				v.store(v.fnma(m, p[0], x), ptr[0], k)
			})
		})
	}
}

// pointers loads several pointer parameters.
func pointers(names ...string) (p []reg.Register) {
	for _, s := range names {
		p = append(p, pointer(s))
	}
	return p
}

// numbers broadcasts the first n floats behind p.
func (v *simd) numbers(p reg.Register, n int) (held []V) {
	for i := range n {
		r := v.reg()
		VBROADCASTSS(operand.Mem{Base: p, Disp: 4 * i}, r)
		held = append(held, r)
	}
	return held
}

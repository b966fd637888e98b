package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/reg"
)

// softmaxFamily emits the row kernels of softmax; runtime/kernel/softmax_ref.go says what each is.
func softmaxFamily() {
	for _, keep := range []bool{true, false} {
		name, args, doc := "expSum", "(dst, x *float32, n int, m float32) float32", "is expSumRef."
		if !keep {
			name, args, doc = "expSumOnly", "(x *float32, n int, m float32) float32", "is expSumRef without dst."
		}
		both(name, args, doc, func(v *simd) {
			x, n, m := pointer("x"), pointer("n"), v.param("m")
			p := []reg.Register{x}
			if keep {
				p = append(p, pointer("dst"))
			}
			acc := v.accumulators(softmaxLanes, v.f(0))
			v.lanes(n, p, softmaxLanes, func(k, a int) {
				e := v.exp(v.sub(v.load(x, k), m))
				if keep {
					v.store(e, p[1], k)
				}
				v.addTo(acc[a], v.keepTail(e, v.f(0)))
			})
			result(v.fold(acc, VADDPS))
		})
	}
	for _, masked := range []bool{false, true} {
		name, args, doc := "scaleMax", "(dst, x *float32, n int, scale float32) float32", "is scaleMaxRef without add."
		if masked {
			name, args, doc = "scaleAddMax", "(dst, x, add *float32, n int, scale float32) float32", "is scaleMaxRef."
		}
		both(name, args, doc, func(v *simd) {
			dst, x, n, scale := pointer("dst"), pointer("x"), pointer("n"), v.param("scale")
			p := []reg.Register{dst, x}
			if masked {
				p = append(p, pointer("add"))
			}
			acc := v.accumulators(reduceLanes, v.f(math.Inf(-1)))
			v.lanes(n, p, reduceLanes, func(k, a int) {
				var y V
				if masked {
					y = v.fma(v.load(x, k), scale, v.load(p[2], k))
				} else {
					y = v.mul(v.load(x, k), scale)
				}
				v.store(y, dst, k)
				v.emit(VMAXPS, acc[a], v.keepTail(y, v.f(math.Inf(-1))), acc[a])
			})
			result(v.fold(acc, VMAXPS))
		})
	}
}

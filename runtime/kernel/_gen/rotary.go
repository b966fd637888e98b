package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// rotaryFamily emits the rotate-half form of rotary position embedding for one row of h pairs; see rotaryRef.
func rotaryFamily() {
	both("rotary", "(dst, x, cos, sin, cos2, sin2 *float32, h int)", "is rotaryRef over h > 0 pairs.", func(v *simd) {
		dst, x, n := pointer("dst"), pointer("x"), pointer("h")
		cos, sin, cos2, sin2 := pointer("cos"), pointer("sin"), pointer("cos2"), pointer("sin2")
		dst2, x2 := GP64(), GP64()
		LEAQ(operand.Mem{Base: dst, Index: n, Scale: 4}, dst2)
		LEAQ(operand.Mem{Base: x, Index: n, Scale: 4}, x2)
		v.stream(n, []reg.Register{dst, x, cos, sin, cos2, sin2, dst2, x2}, 1, func(k int) {
			a, b := v.load(x, k), v.load(x2, k)
			low := v.fma(a, v.load(cos, k), v.neg(v.mul(b, v.load(sin, k))))
			high := v.fma(b, v.load(cos2, k), v.mul(a, v.load(sin2, k)))
			v.store(low, dst, k)
			v.store(high, dst2, k)
		})
	})
}

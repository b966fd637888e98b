package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// reduceLanes and softmaxLanes are those of runtime/kernel.
const (
	reduceLanes  = 64
	softmaxLanes = 16
)

// accumulators are the registers that hold the lanes of a reduction, in order.
func (v *simd) accumulators(lanes int, identity operand.Op) []V {
	acc := make([]V, lanes/v.width())
	for i := range acc {
		acc[i] = v.copyOf(identity)
	}
	return acc
}

// lanes walks n elements behind the pointers: body(k, a) handles the k-th vector from them, whose elements belong to the a-th
// accumulator of count. In the tail the vector is partial.
func (v *simd) lanes(n reg.GPVirtual, pointers []reg.Register, count int, body func(k, a int)) {
	v.hold(func() { body(0, 0) })
	accs, done := count/v.width(), v.label("done")
	if accs > 1 {
		v.loop(n, pointers, accs, func(k int) { body(k, k) })
	} else {
		v.loop(n, pointers, 2, func(k int) { body(k, 0) })
		v.loop(n, pointers, 1, func(int) { body(0, 0) })
	}
	tails := make([]string, accs)
	for a := range accs {
		tails[a] = v.label("tail")
		if a == accs-1 {
			break
		}
		CMPQ(n, operand.U32(v.width()))
		JLT(operand.LabelRef(tails[a]))
		body(0, a)
		v.advance(n, pointers, v.width())
	}
	for a := accs - 1; a >= 0; a-- {
		Label(tails[a])
		TESTQ(n, n)
		JZ(operand.LabelRef(done))
		v.tail = v.tailMask(n)
		body(0, a)
		v.tail = nil
		if a > 0 {
			JMP(operand.LabelRef(done))
		}
	}
	Label(done)
}

// fold joins the lanes by halves and leaves the result in the lowest lane.
func (v *simd) fold(acc []V, join func(...operand.Op)) reg.Register {
	for len(acc) > 1 {
		half := len(acc) / 2
		for i := range half {
			join(acc[half+i], acc[i], acc[i])
		}
		acc = acc[:half]
	}
	y := acc[0].AsY()
	if v.wide {
		high := YMM()
		VEXTRACTF64X4(operand.Imm(1), acc[0], high)
		join(high, y, y)
	}
	x, high := acc[0].AsX(), XMM()
	if v.wide {
		VEXTRACTF32X4(operand.Imm(1), y, high)
	} else {
		VEXTRACTF128(operand.Imm(1), y, high)
	}
	join(high, x, x)
	VPERMILPS(operand.Imm(0x0e), x, high)
	join(high, x, x)
	VPERMILPS(operand.Imm(0x01), x, high)
	join(high, x, x)
	return x
}

// result returns the lowest lane of x.
func result(x reg.Register) { Store(x, ReturnIndex(0)) }

// sum emits a reduction by addition: body adds the k-th vector to acc.
func sum(name, args, doc string, inputs []string, lanes int, body func(v *simd, k int, p []reg.Register, acc V)) {
	both(name, args+" float32", doc, func(v *simd) {
		p, n := pointers(inputs...), pointer("n")
		acc := v.accumulators(lanes, v.f(0))
		v.lanes(n, p, lanes, func(k, a int) { body(v, k, p, acc[a]) })
		result(v.fold(acc, VADDPS))
	})
}

// addTo sets acc = acc + x.
func (v *simd) addTo(acc V, x operand.Op) { v.emit(VADDPS, x, acc, acc) }

func reduceFamily() {
	x := []string{"x"}
	sum("sum", "(x *float32, n int)", "is reduceRef(redSum).", x, reduceLanes, func(v *simd, k int, p []reg.Register, acc V) {
		v.addTo(acc, v.load(p[0], k))
	})
	sum("sumSq", "(x *float32, n int)", "is reduceRef(redSumSq).", x, reduceLanes, func(v *simd, k int, p []reg.Register, acc V) {
		a := v.load(p[0], k)
		v.fmaTo(acc, a, a)
	})
	sum("sumAbs", "(x *float32, n int)", "is reduceRef(redSumAbs).", x, reduceLanes, func(v *simd, k int, p []reg.Register, acc V) {
		v.addTo(acc, v.abs(v.load(p[0], k)))
	})
	sum("dot", "(x, y *float32, n int)", "is dotRef.", []string{"x", "y"}, reduceLanes, func(v *simd, k int, p []reg.Register, acc V) {
		v.fmaTo(acc, v.load(p[0], k), v.load(p[1], k))
	})
	sum("addSum", "(dst, x, y *float32, n int)", "is addReduce(redSum).", []string{"dst", "x", "y"}, reduceLanes, func(v *simd, k int, p []reg.Register, acc V) {
		s := v.add(v.load(p[1], k), v.load(p[2], k))
		v.store(s, p[0], k)
		v.addTo(acc, s)
	})
	sum("addSumSq", "(dst, x, y *float32, n int)", "is addReduce(redSumSq).", []string{"dst", "x", "y"}, reduceLanes, func(v *simd, k int, p []reg.Register, acc V) {
		s := v.add(v.load(p[1], k), v.load(p[2], k))
		v.store(s, p[0], k)
		v.fmaTo(acc, s, s)
	})
	both("sumSqDev", "(x *float32, n int, mean float32) float32", "is reduceRef(redSumSqDev).", func(v *simd) {
		x, n, mean := pointer("x"), pointer("n"), v.param("mean")
		acc := v.accumulators(reduceLanes, v.f(0))
		v.lanes(n, []reg.Register{x}, reduceLanes, func(k, a int) {
			d := v.keepTail(v.sub(v.load(x, k), mean), v.f(0))
			v.fmaTo(acc[a], d, d)
		})
		result(v.fold(acc, VADDPS))
	})

	extreme("maxOf", math.Inf(-1), VMAXPS, func(v *simd, x V) V { return x })
	extreme("minOf", math.Inf(1), VMINPS, func(v *simd, x V) V { return x })
	extreme("maxAbs", 0, VMAXPS, func(v *simd, x V) V { return v.abs(x) })
	both("maxNum", "(x *float32, n int) float32", "is reduceRef(redMaxNum).", func(v *simd) {
		x, n := pointer("x"), pointer("n")
		acc := v.accumulators(reduceLanes, v.f(math.Inf(-1)))
		v.lanes(n, []reg.Register{x}, reduceLanes, func(k, a int) {
			v.emit(VMAXPS, acc[a], v.keepTail(v.load(x, k), v.f(math.Inf(-1))), acc[a])
		})
		result(v.fold(acc, VMAXPS))
	})
}

// extreme emits a reduction by join that gives NaN when any element is NaN: the largest bit pattern without sign tells.
func extreme(name string, identity float64, join func(...operand.Op), of func(v *simd, x V) V) {
	both(name, "(x *float32, n int) float32", "is reduceRef for that reduction.", func(v *simd) {
		x, n := pointer("x"), pointer("n")
		acc, seen := v.accumulators(reduceLanes, v.f(identity)), v.copyOf(v.f(0))
		v.lanes(n, []reg.Register{x}, reduceLanes, func(k, a int) {
			e := v.load(x, k)
			v.emit(VPMAXUD, v.abs(e), seen, seen)
			v.emit(join, v.keepTail(of(v, e), v.f(identity)), acc[a], acc[a])
		})
		r, worst := v.fold(acc, join), v.fold([]V{seen}, VPMAXUD)
		number := v.label("number")
		VUCOMISS(worst, worst)
		JPC(operand.LabelRef(number))
		VMOVSS(v.bits(0x7fc00000), r)
		Label(number)
		result(r)
	})
}

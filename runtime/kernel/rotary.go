package kernel

// Rotary turns the pairs of each head by its position's angles (rotary position embedding), for x and dst
// [outer, seq, inner, dim], row-major and contiguous: heads after the sequence have inner = heads, heads before it have outer =
// batch*heads and inner = 1. cos and sin are [seq, width]; width is the number of pairs h, or 2h when the table repeats itself.
//
// The pairs are (i, i+h) of the first 2h elements (rotate-half form): y[i] = x[i]*cos[i] - x[i+h]*sin[i] and
// y[i+h] = x[i+h]*cos[i+h] + x[i]*sin[i+h], table columns taken modulo width. Elements from 2h on are copied. dst may be x.
func Rotary(dst, x []float32, outer, seq, inner, dim int, cos, sin []float32, h, width int, p *Pool) {
	p.For(outer*seq, grainRows(2*inner*dim), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			t := r % seq * width
			c, s := cos[t:t+width], sin[t:t+width]
			for i := range inner {
				at := (r*inner + i) * dim
				rotaryRow(dst[at:at+dim], x[at:at+dim], c, s, h)
			}
		}
	})
}

// RotaryInterleaved is Rotary with the pairs (2i, 2i+1) and tables [seq, h].
func RotaryInterleaved(dst, x []float32, outer, seq, inner, dim int, cos, sin []float32, h int, p *Pool) {
	p.For(outer*seq, grainRows(2*inner*dim), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			t := r % seq * h
			for i := range inner {
				at := (r*inner + i) * dim
				rotaryInterleavedRef(dst[at:at+dim], x[at:at+dim], cos[t:t+h], sin[t:t+h])
			}
		}
	})
}

func rotaryRow(dst, x, cos, sin []float32, h int) {
	cos2, sin2 := cos, sin
	if len(cos) > h {
		cos2, sin2 = cos[h:], sin[h:]
	}
	if level := ActiveLevel(); h == 0 || level == Portable || !rotaryAsm(level, dst, x, cos[:h], sin[:h], cos2[:h], sin2[:h]) {
		rotaryRef(dst, x, cos, sin, cos2, sin2, h)
	}
	copy(dst[2*h:], x[2*h:])
}

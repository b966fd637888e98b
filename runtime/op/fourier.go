package op

import (
	"math"
	mathbits "math/bits"
	"math/cmplx"
)

// fourier transforms x in place; inverse divides by the length.
func fourier(x []complex128, inverse bool) {
	n := len(x)
	if n <= 1 {
		return
	}
	sign := -1.0
	if inverse {
		sign = 1
	}
	if n&(n-1) == 0 {
		radix2(x, sign)
	} else {
		bluestein(x, sign)
	}
	if inverse {
		for i := range x {
			x[i] /= complex(float64(n), 0)
		}
	}
}

// radix2 is the transform of a power of two, without scaling.
func radix2(x []complex128, sign float64) {
	n := len(x)
	shift := 64 - mathbits.Len(uint(n-1))
	for i := range x {
		if j := int(mathbits.Reverse64(uint64(i)) >> shift); j > i {
			x[i], x[j] = x[j], x[i]
		}
	}
	for size := 2; size <= n; size *= 2 {
		half := size / 2
		for k := range half {
			w := cmplx.Rect(1, sign*2*math.Pi*float64(k)/float64(size))
			for i := k; i < n; i += size {
				a, b := x[i], x[i+half]*w
				x[i], x[i+half] = a+b, a-b
			}
		}
	}
}

// bluestein writes a transform of any length as a convolution, done by transforms of a power of two.
func bluestein(x []complex128, sign float64) {
	n := len(x)
	m := 1 << mathbits.Len(uint(2*n-2))
	a, b, w := make([]complex128, m), make([]complex128, m), make([]complex128, n)
	for i := range n {
		w[i] = cmplx.Rect(1, sign*math.Pi*float64(i*i%(2*n))/float64(n))
		a[i] = x[i] * w[i]
		b[i] = cmplx.Conj(w[i])
		if i > 0 {
			b[m-i] = b[i]
		}
	}
	radix2(a, -1)
	radix2(b, -1)
	for i := range a {
		a[i] *= b[i]
	}
	radix2(a, 1)
	for i := range x {
		x[i] = a[i] / complex(float64(m), 0) * w[i]
	}
}

// mirror completes the spectrum of a real signal from its first half; the parts that must be real are made so.
func mirror(x []complex128) {
	n := len(x)
	x[0] = complex(real(x[0]), 0)
	for i := n/2 + 1; i < n; i++ {
		x[i] = cmplx.Conj(x[n-i])
	}
	if n%2 == 0 {
		x[n/2] = complex(real(x[n/2]), 0)
	}
}

package op

import (
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
)

// zipGrain is the number of elements below which an elementwise operation is not shared between threads.
const zipGrain = 16 << 10

// operands are two inputs and the shape they broadcast to.
type operands struct{ a, b, out []int64 }

// pair broadcasts two shapes.
func pair(a, b []int64) (operands, error) {
	out, err := broadcastDims(a, b)
	return operands{a, b, out}, err
}

// forms is a binary operation on runs: both operands vary, the right one is a scalar, the left one is.
type forms[T, R any] struct {
	vv func(dst []R, a, b []T)
	vs func(dst []R, a []T, b T)
	sv func(dst []R, a T, b []T)
}

// each makes the forms of an operation on single elements.
func each[T, R any](f func(a, b T) R) forms[T, R] {
	return forms[T, R]{
		vv: func(dst []R, a, b []T) {
			b = b[:len(a)]
			for i, x := range a {
				dst[i] = f(x, b[i])
			}
		},
		vs: func(dst []R, a []T, b T) {
			for i, x := range a {
				dst[i] = f(x, b)
			}
		},
		sv: func(dst []R, a T, b []T) {
			for i, x := range b {
				dst[i] = f(a, x)
			}
		},
	}
}

// kernelForms are the forms of a float32 kernel.
func kernelForms(op kernel.BinaryOp) forms[float32, float32] {
	return forms[float32, float32]{
		vv: func(dst, a, b []float32) { kernel.Apply(op, dst, a, b) },
		vs: func(dst, a []float32, b float32) { kernel.ApplyScalar(op, dst, a, b) },
		sv: func(dst []float32, a float32, b []float32) { kernel.ApplyScalarLeft(op, dst, a, b) },
	}
}

// zip computes dst = a op b with broadcasting. dst may be the operand that has dst's shape.
func zip[T, R any](f forms[T, R], dst []R, a, b []T, o operands, p *kernel.Pool) error {
	n := len(dst)
	switch {
	case n == 0:
		return nil
	case len(a) == n && len(b) == n:
		p.For(n, zipGrain, func(lo, hi int) { f.vv(dst[lo:hi], a[lo:hi], b[lo:hi]) })
		return nil
	case len(a) == n && len(b) == 1:
		v := b[0]
		p.For(n, zipGrain, func(lo, hi int) { f.vs(dst[lo:hi], a[lo:hi], v) })
		return nil
	case len(b) == n && len(a) == 1:
		v := a[0]
		p.For(n, zipGrain, func(lo, hi int) { f.sv(dst[lo:hi], v, b[lo:hi]) })
		return nil
	}
	ns, err := newNest(o.out, broadcastStrides(o.a, o.out), broadcastStrides(o.b, o.out))
	if err != nil {
		return err
	}
	_, s := ns.inner()
	p.For(n, zipGrain, func(lo, hi int) {
		ns.walk(lo, hi, func(d int, at [3]int, n int) {
			switch {
			case s[0] == 0 && s[1] == 0:
				f.vv(dst[d:d+1], a[at[0]:at[0]+1], b[at[1]:at[1]+1])
				fillWith(dst[d:d+n], dst[d])
			case s[0] == 0:
				f.sv(dst[d:d+n], a[at[0]], b[at[1]:at[1]+n])
			case s[1] == 0:
				f.vs(dst[d:d+n], a[at[0]:at[0]+n], b[at[1]])
			default:
				f.vv(dst[d:d+n], a[at[0]:at[0]+n], b[at[1]:at[1]+n])
			}
		})
	})
	return nil
}

// zipTensors is zip on tensors whose element types T and R are.
func zipTensors[T, R tensor.Native](f forms[T, R], y, a, b *tensor.Tensor, o operands, p *kernel.Pool) error {
	return zip(f, tensor.Data[R](y), tensor.Data[T](a), tensor.Data[T](b), o, p)
}

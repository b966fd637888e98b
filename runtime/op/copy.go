package op

import (
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
)

// moveGrain is the number of elements below which a copy is not shared between threads.
const moveGrain = 32 << 10

// movable reports whether elements of a type can be moved one by one: all types of whole bytes, and strings.
func movable(e tensor.DType) bool {
	return e == tensor.String || e.Bits() >= 8
}

// moveStrided fills dst with the elements of src that the nest's first operand names, counted from off. Both have the same type.
func moveStrided(dst, src *tensor.Tensor, off int, ns *nest, p *kernel.Pool) error {
	if ns.n == 0 {
		return nil
	}
	switch {
	case dst.Elem == tensor.String:
		strided(dst.Strs, src.Strs, off, ns, nil)
		return nil
	case dst.Elem.Bits() == 32 && transposes(ns):
		batchTranspose(tensor.Cast[float32](dst.Bytes()), tensor.Cast[float32](src.Bytes())[off:], ns, p)
		return nil
	}
	return byWidth(dst.Elem,
		func() { strided(tensor.Cast[uint8](dst.Bytes()), tensor.Cast[uint8](src.Bytes()), off, ns, p) },
		func() { strided(tensor.Cast[uint16](dst.Bytes()), tensor.Cast[uint16](src.Bytes()), off, ns, p) },
		func() { strided(tensor.Cast[uint32](dst.Bytes()), tensor.Cast[uint32](src.Bytes()), off, ns, p) },
		func() { strided(tensor.Cast[uint64](dst.Bytes()), tensor.Cast[uint64](src.Bytes()), off, ns, p) },
		func() {
			strided(tensor.Cast[complex128](dst.Bytes()), tensor.Cast[complex128](src.Bytes()), off, ns, p)
		})
}

// byWidth runs the function of the type's size: 1, 2, 4, 8 or 16 bytes.
func byWidth(e tensor.DType, f8, f16, f32, f64, f128 func()) error {
	switch e.Bits() {
	case 8:
		f8()
	case 16:
		f16()
	case 32:
		f32()
	case 64:
		f64()
	case 128:
		f128()
	default:
		return fmt.Errorf("elements of %s cannot be moved", e)
	}
	return nil
}

// strided is dst[i] = src[off + place of i], over the nest.
func strided[T any](dst, src []T, off int, ns *nest, p *kernel.Pool) {
	_, s := ns.inner()
	step := s[0]
	p.For(ns.n, moveGrain, func(lo, hi int) {
		ns.walk(lo, hi, func(d int, o [3]int, n int) {
			at := off + o[0]
			switch step {
			case 1:
				copy(dst[d:d+n], src[at:at+n])
			case 0:
				fillWith(dst[d:d+n], src[at])
			default:
				for i := range n {
					dst[d+i] = src[at]
					at += step
				}
			}
		})
	})
}

func fillWith[T any](dst []T, v T) {
	for i := range dst {
		dst[i] = v
	}
}

// transposes reports whether the last two dims of the nest swap contiguous ones: [.., c, r] read from [.., r, c].
func transposes(ns *nest) bool {
	k := ns.rank
	return k >= 2 && ns.dims[k-2] > 1 && ns.strides[0][k-2] == 1 && ns.strides[0][k-1] >= ns.dims[k-2]
}

func batchTranspose(dst, src []float32, ns *nest, p *kernel.Pool) {
	k := ns.rank
	cols, rows, ld := ns.dims[k-2], ns.dims[k-1], ns.strides[0][k-1]
	outer := *ns
	outer.rank, outer.n = k-2, ns.n/(rows*cols)
	if outer.rank == 0 {
		outer.rank, outer.dims[0], outer.strides[0][0] = 1, 1, 0
	}
	size := rows * cols
	if outer.n == 1 && ld == cols {
		kernel.TransposeLast(dst, src, 1, rows, cols, p)
		return
	}
	_, s := outer.inner()
	p.For(outer.n, 1+moveGrain/size, func(lo, hi int) {
		outer.walk(lo, hi, func(d int, o [3]int, n int) {
			for i := range n {
				kernel.Transpose(dst[(d+i)*size:], rows, src[o[0]+i*s[0]:], ld, rows, cols)
			}
		})
	})
}

// copyBlock copies n elements of a tensor of whole bytes or strings.
func copyBlock(dst *tensor.Tensor, to int, src *tensor.Tensor, from, n int) {
	if dst.Elem == tensor.String {
		copy(dst.Strs[to:to+n], src.Strs[from:from+n])
		return
	}
	w := dst.Elem.Bits() / 8
	copy(dst.Bytes()[to*w:(to+n)*w], src.Bytes()[from*w:])
}

// copyAll copies src's elements to dst, which has the same type and count.
func copyAll(dst, src *tensor.Tensor) {
	if dst.Elem == tensor.String {
		copy(dst.Strs, src.Strs)
		return
	}
	copy(dst.Bytes(), src.Bytes())
}

// pick is dst[i] = src[idx[i]]; a negative index takes the only element of fill. All have the same type.
func pick(dst, src *tensor.Tensor, idx []int, fill *tensor.Tensor) error {
	if dst.Elem == tensor.String {
		var v [][]byte
		if fill != nil {
			v = fill.Strs
		}
		pickFrom(dst.Strs, src.Strs, idx, v)
		return nil
	}
	var v []byte
	if fill != nil {
		v = fill.Bytes()
	}
	d, s := dst.Bytes(), src.Bytes()
	return byWidth(dst.Elem,
		func() { pickFrom(d, s, idx, v) },
		func() { pickFrom(tensor.Cast[uint16](d), tensor.Cast[uint16](s), idx, tensor.Cast[uint16](v)) },
		func() { pickFrom(tensor.Cast[uint32](d), tensor.Cast[uint32](s), idx, tensor.Cast[uint32](v)) },
		func() { pickFrom(tensor.Cast[uint64](d), tensor.Cast[uint64](s), idx, tensor.Cast[uint64](v)) },
		func() {
			pickFrom(tensor.Cast[complex128](d), tensor.Cast[complex128](s), idx, tensor.Cast[complex128](v))
		})
}

func pickFrom[T any](dst, src []T, idx []int, fill []T) {
	var v T
	if len(fill) > 0 {
		v = fill[0]
	}
	for i, k := range idx {
		if k < 0 {
			dst[i] = v
			continue
		}
		dst[i] = src[k]
	}
}

// fillAll sets every element of dst to the only element of v, or to zero when v is nil.
func fillAll(dst, v *tensor.Tensor) error {
	if dst.Elem == tensor.String {
		for i := range dst.Strs {
			dst.Strs[i] = []byte{}
			if v != nil {
				dst.Strs[i] = v.Strs[0]
			}
		}
		return nil
	}
	if v == nil {
		clear(dst.Bytes())
		return nil
	}
	d, s := dst.Bytes(), v.Bytes()
	return byWidth(dst.Elem,
		func() { fillWith(d, s[0]) },
		func() { fillWith(tensor.Cast[uint16](d), tensor.Cast[uint16](s)[0]) },
		func() { fillWith(tensor.Cast[uint32](d), tensor.Cast[uint32](s)[0]) },
		func() { fillWith(tensor.Cast[uint64](d), tensor.Cast[uint64](s)[0]) },
		func() { fillWith(tensor.Cast[complex128](d), tensor.Cast[complex128](s)[0]) })
}

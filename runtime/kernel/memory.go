package kernel

import "unsafe"

// hugeBytes is the size from which memory is worth the large pages of the
// system: streams of weights are then not held up by the translation of addresses.
const hugeBytes = 1 << 20

// NewFloats returns n zeros that start on a cache line and, if they are many,
// lie on large pages where the system offers them. Weights should live there.
func NewFloats(n int) []float32 {
	buf := make([]float32, n+15)
	start := uintptr(unsafe.Pointer(unsafe.SliceData(buf)))
	if 4*n >= hugeBytes {
		adviseHuge(start, uintptr(4*len(buf)))
	}
	skip := int(-start%64) / 4
	return buf[skip : skip+n : skip+n]
}

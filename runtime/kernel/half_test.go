package kernel_test

import (
	"math"
	"testing"

	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel/kerneltest"
	"github.com/stretchr/testify/require"
	"github.com/x448/float16"
)

// allHalf is every 16-bit pattern.
func allHalf() []uint16 {
	h := make([]uint16, 1<<16)
	for i := range h {
		h[i] = uint16(i)
	}
	return h
}

func TestHalfToFloat32(t *testing.T) {
	h, got := allHalf(), make([]float32, 1<<16)
	kerneltest.EachLevel(t, func(t *testing.T) {
		kernel.Float16ToFloat32(got, h)
		for i, v := range got {
			want := float16.Frombits(h[i]).Float32()
			if want != want {
				require.Equal(t, math.Float32bits(want)|1<<22, math.Float32bits(v), "%#x", i) // quiet
				continue
			}
			require.Equal(t, math.Float32bits(want), math.Float32bits(v), "%#x", i)
		}
		kernel.BFloat16ToFloat32(got, h)
		for i, v := range got {
			require.Equal(t, uint32(i)<<16, math.Float32bits(v))
		}
	})
}

func TestFloat32ToHalf(t *testing.T) {
	x := sweep(40_009)
	for i := range 1 << 16 { // every half number, halfway to its neighbour, and just beside that
		f := math.Float32bits(float16.Frombits(uint16(i)).Float32())
		b := uint32(i)<<16 | 0x8000
		for _, v := range []uint32{f, f + 0x1000, f + 0xfff, f + 0x1001, b, b - 1, b + 1} {
			x = append(x, math.Float32frombits(v))
		}
	}
	got := make([]uint16, len(x))
	kerneltest.EachLevel(t, func(t *testing.T) {
		kernel.Float32ToFloat16(got, x)
		for i, v := range x {
			want := float16.Fromfloat32(v).Bits()
			if v != v {
				require.Equal(t, uint16(math.Float32bits(v)>>16&0x8000)|0x7e00, got[i]&0xfe00, "%#x", math.Float32bits(v))
				continue
			}
			if want != got[i] {
				t.Fatalf("%v (%#x) is %#x, want %#x", v, math.Float32bits(v), got[i], want)
			}
		}
		kernel.Float32ToBFloat16(got, x)
		for i, v := range x {
			back := math.Float32frombits(uint32(got[i]) << 16)
			if v != v {
				require.True(t, back != back)
				continue
			}
			// Nearest, ties to even: no neighbour is nearer, and at equal distance the last bit is 0.
			if b := math.Float32bits(v); b&0x7fffffff < 0x7f7f0000 {
				down := float64(math.Float32frombits(b &^ 0xffff))
				up := float64(math.Float32frombits(b&^0xffff + 0x10000))
				want := down
				switch low := b & 0xffff; {
				case low > 0x8000, low == 0x8000 && b>>16&1 == 1:
					want = up
				}
				if want != float64(back) {
					t.Fatalf("%v is %v, want %v", v, back, want)
				}
			}
		}
	})
}

func TestHalfLengthsAndGuards(t *testing.T) {
	kerneltest.EachLevel(t, func(t *testing.T) {
		for n := 0; n <= 70; n++ {
			h := make([]uint16, n)
			for i := range h {
				h[i] = uint16(0x3c00 + i)
			}
			dst := kerneltest.NewBuffer(n, n%5)
			kernel.Float16ToFloat32(dst.F, h)
			back := make([]uint16, n+2)
			back[n] = 0xabcd
			kernel.Float32ToFloat16(back[:n], dst.F)
			require.Equal(t, h, back[:n])
			kernel.BFloat16ToFloat32(dst.F, h)
			kernel.Float32ToBFloat16(back[:n], dst.F)
			require.Equal(t, h, back[:n])
			require.Equal(t, uint16(0xabcd), back[n])
			dst.Check(t)
		}
	})
}

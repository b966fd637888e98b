package tensor

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// The values are those of the two 6-bit formats as ml_dtypes prints them, the bytes those that onnx.numpy_helper packs.
func TestSixBitFloats(t *testing.T) {
	for _, c := range []struct {
		elem                    DType
		name                    string
		small, quarter, largest float64
		packed                  []byte
		values                  []float64
	}{
		{Float6E2M3, "float6e2m3", 0.125, 2.25, 7.5, []byte{0xc1, 0x8f, 0x48, 0x24}, []float64{0.125, -7.5, 1, 2.5, -0.5}},
		{Float6E3M2, "float6e3m2", 0.0625, 2.5, 28, []byte{0x02, 0xce, 0x44, 0x28}, []float64{0.125, -8, 1, 2.5, -0.5}},
	} {
		require.Equal(t, c.name, c.elem.String())
		require.True(t, c.elem.IsFloat())
		d, ok := ParseDType(c.name)
		require.True(t, ok)
		require.Equal(t, c.elem, d)

		require.Equal(t, c.small, smallFloat(c.elem, 1))
		require.Equal(t, c.quarter, smallFloat(c.elem, 17))
		require.Equal(t, c.largest, smallFloat(c.elem, 31))
		require.Equal(t, -c.largest, smallFloat(c.elem, 63))
		require.True(t, math.Signbit(smallFloat(c.elem, 32)))
		codes := make([]byte, 64)
		for code := range 64 {
			codes[code] = byte(code)
			if code%32 > 0 {
				require.Greater(t, math.Abs(smallFloat(c.elem, byte(code))), math.Abs(smallFloat(c.elem, byte(code-1))))
			}
			back, ok := EncodeSmallFloat(c.elem, smallFloat(c.elem, byte(code)))
			require.True(t, ok)
			require.Equal(t, byte(code), back)
		}
		_, ok = EncodeSmallFloat(c.elem, math.NaN())
		require.False(t, ok)

		got, err := packed(t, c.elem, 5, c.packed...).Float64s()
		require.NoError(t, err)
		require.Equal(t, c.values, got)
		_, err = FromBytes(c.elem, []int64{5}, make([]byte, 5))
		require.Error(t, err, "five elements are four bytes")
		for n := range 65 {
			x := packed(t, c.elem, int64(n), Pack6(codes[:n])...)
			v, err := x.Float64s()
			require.NoError(t, err)
			for i := range v {
				require.Equal(t, smallFloat(c.elem, byte(i)), v[i], "element %d of %d", i, n)
			}
		}
	}
}

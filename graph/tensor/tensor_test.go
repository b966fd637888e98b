package tensor

import (
	"bytes"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDTypeNamesAreInverse(t *testing.T) {
	for d := Undefined; d.Known(); d++ {
		back, ok := ParseDType(d.String())
		require.True(t, ok, d.String())
		require.Equal(t, d, back)
	}
	require.Equal(t, "dtype(99)", DType(99).String())
	require.Equal(t, 0, DType(-1).Bits())
	_, ok := ParseDType("float128")
	require.False(t, ok)
	require.True(t, BFloat16.IsFloat())
	require.False(t, Bool.IsInteger())
	require.True(t, Int2.IsInteger())
}

func TestByteSizeRefusesWhatHasNone(t *testing.T) {
	for _, c := range []struct {
		elem  DType
		shape []int64
		want  int64
	}{{Float32, nil, 4}, {Float32, []int64{2, 3}, 24}, {Int4, []int64{3}, 2}, {Uint2, []int64{5}, 2}, {Float32, []int64{1 << 40, 0}, 0}} {
		n, err := ByteSize(c.elem, c.shape)
		require.NoError(t, err)
		require.Equal(t, c.want, n)
	}
	for _, c := range []struct {
		elem  DType
		shape []int64
	}{{Float32, []int64{-1}}, {Float32, []int64{1 << 40, 1 << 40}}, {Float64, []int64{1 << 61}}, {String, []int64{1}}, {Undefined, nil}, {DType(99), nil}} {
		_, err := ByteSize(c.elem, c.shape)
		require.Error(t, err, "%s%v", c.elem, c.shape)
	}
	_, err := FromBytes(Float32, []int64{2}, make([]byte, 7))
	require.ErrorContains(t, err, "needs 8 bytes")
	_, err = FromStrings([]int64{2}, [][]byte{[]byte("a")})
	require.Error(t, err)
}

func TestIntegersOfEveryWidth(t *testing.T) {
	for _, c := range []struct {
		t    *Tensor
		want []int64
	}{
		{Of([]int8{-128, 127}, 2), []int64{-128, 127}},
		{Of([]uint8{0, 255}, 2), []int64{0, 255}},
		{Of([]int16{-32768, 5}, 2), []int64{-32768, 5}},
		{Of([]uint16{65535}, 1), []int64{65535}},
		{Of([]int32{math.MinInt32}, 1), []int64{math.MinInt32}},
		{Of([]uint32{math.MaxUint32}, 1), []int64{math.MaxUint32}},
		{Of([]int64{math.MinInt64}, 1), []int64{math.MinInt64}},
		{Of([]bool{true, false}, 2), []int64{1, 0}},
		{packed(t, Int4, 3, 0x7f, 0x08), []int64{-1, 7, -8}},
		{packed(t, Uint4, 3, 0xf1, 0x0a), []int64{1, 15, 10}},
		{packed(t, Int2, 4, 0b11_10_01_00), []int64{0, 1, -2, -1}},
		{packed(t, Uint2, 4, 0b11_10_01_00), []int64{0, 1, 2, 3}},
	} {
		got, err := c.t.Int64s()
		require.NoError(t, err)
		require.Equal(t, c.want, got, c.t.Elem.String())
		f, err := c.t.Float64s()
		require.NoError(t, err)
		for i, v := range c.want {
			require.Equal(t, float64(v), f[i], c.t.Elem.String())
		}
	}
	_, err := Of([]float32{1}, 1).Int64s()
	require.Error(t, err)
	f, err := Of([]uint64{math.MaxUint64}, 1).Float64s()
	require.NoError(t, err)
	require.Equal(t, float64(math.MaxUint64), f[0])
}

func packed(t *testing.T, elem DType, n int64, b ...byte) *Tensor {
	x, err := FromBytes(elem, []int64{n}, b)
	require.NoError(t, err)
	return x
}

// The values are those of the ONNX specification's tables of 8-bit and 4-bit floats.
func TestSmallFloats(t *testing.T) {
	for _, c := range []struct {
		elem DType
		code byte
		want float64
	}{
		{Float8E4M3FN, 0x7e, 448}, {Float8E4M3FN, 0x08, math.Ldexp(1, -6)}, {Float8E4M3FN, 0x01, math.Ldexp(1, -9)}, {Float8E4M3FN, 0x80, math.Copysign(0, -1)},
		{Float8E4M3FN, 0xff, math.NaN()}, {Float8E4M3FNUZ, 0x7f, 240}, {Float8E4M3FNUZ, 0x80, math.NaN()}, {Float8E4M3FNUZ, 0x01, math.Ldexp(1, -10)},
		{Float8E5M2, 0x7b, 57344}, {Float8E5M2, 0x7c, math.Inf(1)}, {Float8E5M2, 0xfc, math.Inf(-1)}, {Float8E5M2, 0x7d, math.NaN()}, {Float8E5M2, 0x01, math.Ldexp(1, -16)},
		{Float8E5M2FNUZ, 0x7f, 57344}, {Float8E5M2FNUZ, 0x80, math.NaN()}, {Float8E5M2FNUZ, 0x01, math.Ldexp(1, -17)},
		{Float8E8M0, 0, math.Ldexp(1, -127)}, {Float8E8M0, 127, 1}, {Float8E8M0, 0xff, math.NaN()},
		{Float4E2M1, 7, 6}, {Float4E2M1, 9, -0.5},
	} {
		got, err := packed(t, c.elem, 1, c.code).Float64s()
		require.NoError(t, err)
		if math.IsNaN(c.want) {
			require.True(t, math.IsNaN(got[0]), "%s %#x", c.elem, c.code)
			continue
		}
		require.Equal(t, math.Float64bits(c.want), math.Float64bits(got[0]), "%s %#x", c.elem, c.code)
		code, ok := EncodeSmallFloat(c.elem, c.want)
		require.True(t, ok)
		require.Equal(t, c.code, code, c.elem.String())
	}
	_, ok := EncodeSmallFloat(Float4E2M1, 5)
	require.False(t, ok)
}

func TestHalves(t *testing.T) {
	for bits := range 1 << 16 {
		h := uint16(bits)
		if f := HalfToFloat32(h); f == f {
			require.Equal(t, h, Float32ToHalf(f))
		}
		if f := BFloat16ToFloat32(h); f == f {
			require.Equal(t, h, Float32ToBFloat16(f))
		}
	}
	require.Equal(t, uint16(0x3f80), Float32ToBFloat16(math.Float32frombits(0x3f808000)), "a tie goes to even")
	require.Equal(t, uint16(0x3f82), Float32ToBFloat16(math.Float32frombits(0x3f818000)), "a tie goes to even")
	nan := BFloat16ToFloat32(Float32ToBFloat16(math.Float32frombits(0x7f800001)))
	require.True(t, nan != nan, "a NaN does not become infinity")
}

func TestHashSeesTypeShapeAndValues(t *testing.T) {
	a := Of([]float32{1, 2, 3, 4}, 2, 2)
	require.Equal(t, a.Hash(), a.Clone().Hash())
	require.NotEqual(t, a.Hash(), a.WithShape(4).Hash())
	require.NotEqual(t, a.Hash(), Of([]int32{1, 2, 3, 4}, 2, 2).Hash())
	x, err := FromStrings([]int64{2}, [][]byte{[]byte("ab"), []byte("c")})
	require.NoError(t, err)
	y, err := FromStrings([]int64{2}, [][]byte{[]byte("a"), []byte("bc")})
	require.NoError(t, err)
	require.NotEqual(t, x.Hash(), y.Hash())
	_, err = x.Float64s()
	require.Error(t, err)
}

func TestViewsShareMemory(t *testing.T) {
	data := []float32{1, 2}
	x := Of(data, 2)
	Data[float32](x)[0] = 7
	require.Equal(t, float32(7), data[0])
	var b bytes.Buffer
	n, err := x.WriteTo(&b)
	require.NoError(t, err)
	require.Equal(t, int64(8), n)
	require.Equal(t, x.Bytes(), b.Bytes())
	c := x.Clone()
	Data[float32](x)[0] = 1
	require.Equal(t, float32(7), Data[float32](c)[0])
	require.Panics(t, func() { Data[float64](x) })
	require.Panics(t, func() { Of([]float32{1}, 2) })
	require.Equal(t, 0, (&Tensor{Shape: []int64{-1}}).Len())
	require.Equal(t, "float[2][1 2]", Of([]float32{1, 2}, 2).String())
}

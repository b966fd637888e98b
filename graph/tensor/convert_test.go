package tensor

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every code of every small float decodes to the value that the format defines, and that value encodes to the code again.
func TestSmallFloatsBothWays(t *testing.T) {
	for _, c := range []struct {
		elem DType
		code byte
		want float64
	}{
		{Float8E4M3FN, 0x38, 1}, {Float8E4M3FN, 0x7e, 448}, {Float8E4M3FN, 0x01, 1.0 / 512}, {Float8E4M3FN, 0xff, math.NaN()},
		{Float8E4M3FNUZ, 0x40, 1}, {Float8E4M3FNUZ, 0x7f, 240}, {Float8E4M3FNUZ, 0x80, math.NaN()},
		{Float8E5M2, 0x3c, 1}, {Float8E5M2, 0x7b, 57344}, {Float8E5M2, 0x7c, math.Inf(1)}, {Float8E5M2, 0xfc, math.Inf(-1)}, {Float8E5M2, 0x7d, math.NaN()},
		{Float8E5M2FNUZ, 0x40, 1}, {Float8E5M2FNUZ, 0x7f, 57344}, {Float8E5M2FNUZ, 0x80, math.NaN()},
		{Float8E8M0, 127, 1}, {Float8E8M0, 0, math.Ldexp(1, -127)}, {Float8E8M0, 255, math.NaN()},
		{Float4E2M1, 2, 1}, {Float4E2M1, 15, -6}, {Float6E2M3, 8, 1}, {Float6E3M2, 12, 1}, {Float6E3M2, 0x3f, -28},
	} {
		x, err := FromBytes(c.elem, []int64{1}, []byte{c.code})
		require.NoError(t, err)
		got, err := x.Float64s()
		require.NoError(t, err)
		if c.want != c.want {
			require.True(t, math.IsNaN(got[0]), "%s %#x is %v", c.elem, c.code, got[0])
			continue
		}
		require.Equal(t, c.want, got[0], "%s %#x", c.elem, c.code)
		code, ok := EncodeSmallFloat(c.elem, c.want)
		require.True(t, ok)
		require.Equal(t, c.code, code, c.elem.String())
		f, err := x.Float32s()
		require.NoError(t, err)
		require.Equal(t, float32(c.want), f[0])
	}
	_, ok := EncodeSmallFloat(Float8E4M3FN, 1.03)
	require.False(t, ok)
	require.Equal(t, uint16(0x7fc1), Float32ToBFloat16(math.Float32frombits(0x7fc10000)))
	require.Equal(t, uint16(0x7fc0), Float32ToBFloat16(math.Float32frombits(0x7f800001)), "a not-a-number stays one")
	require.Equal(t, float32(1), BFloat16ToFloat32(0x3f80))
}

// A view of each native type is of its ONNX type and sees the same values.
func TestEveryNativeType(t *testing.T) {
	for _, c := range []struct {
		x    *Tensor
		want DType
		ints []int64
	}{
		{Of([]float32{1, 2}, 2), Float32, nil}, {Of([]float64{1, 2}, 2), Float64, nil},
		{Of([]int8{-1, 2}, 2), Int8, []int64{-1, 2}}, {Of([]int16{-1, 2}, 2), Int16, []int64{-1, 2}},
		{Of([]int32{-1, 2}, 2), Int32, []int64{-1, 2}}, {Of([]int64{-1, 2}, 2), Int64, []int64{-1, 2}},
		{Of([]uint8{255, 2}, 2), Uint8, []int64{255, 2}}, {Of([]uint16{65535, 2}, 2), Uint16, []int64{65535, 2}},
		{Of([]uint32{1 << 31, 2}, 2), Uint32, []int64{1 << 31, 2}}, {Of([]uint64{1, 2}, 2), Uint64, []int64{1, 2}},
		{Of([]bool{true, false}, 2), Bool, []int64{1, 0}},
		{Of([]complex64{1, 2}, 2), Complex64, nil}, {Of([]complex128{1, 2}, 2), Complex128, nil},
	} {
		require.Equal(t, c.want, c.x.Elem)
		require.Equal(t, 1, c.x.Rank())
		require.Equal(t, c.ints != nil && c.want != Bool, c.want.IsInteger(), c.want.String())
		got, err := c.x.Int64s()
		if c.ints == nil {
			require.Error(t, err, c.want.String())
		} else {
			require.Equal(t, c.ints, got, c.want.String())
		}
		f, err := c.x.Float64s()
		if c.want == Complex64 || c.want == Complex128 {
			require.Error(t, err)
			_, err = c.x.Float32s()
			require.Error(t, err)
			require.False(t, c.want.IsFloat())
			continue
		}
		require.NoError(t, err)
		require.Len(t, f, 2)
		again, err := New(c.want, []int64{2}, Heap(AsBytes(f[:0])))
		require.Error(t, err, "no bytes for two elements")
		require.Nil(t, again)
	}
	f := Of([]float32{1, 2}, 2)
	view, err := f.Float32s()
	require.NoError(t, err)
	require.Same(t, &Data[float32](f)[0], &view[0], "a view, not a copy")
	require.Empty(t, AsBytes[float32](nil))
	require.Empty(t, Cast[float64]([]byte{1, 2, 3}))
	require.Panics(t, func() { Data[float64](f) })
	require.Panics(t, func() { Of([]float32{1}, 2) })
	require.Equal(t, "float[][7]", Scalar(float32(7)).String())
	require.Equal(t, "<nil>", (*Tensor)(nil).String())
	type mine float32
	require.Panics(t, func() { Of([]mine{1}, 1) }, "a type of its own has no ONNX type")
}

func TestPackedIntegers(t *testing.T) {
	for elem, want := range map[DType][]int64{Uint4: {1, 15, 8}, Int4: {1, -1, -8}, Uint2: {1, 0, 3}, Int2: {1, 0, -1}} {
		b := []byte{0xf1, 0x08}
		if elem.Bits() == 2 {
			b = []byte{0x31}
		}
		x, err := FromBytes(elem, []int64{3}, b)
		require.NoError(t, err)
		got, err := x.Int64s()
		require.NoError(t, err)
		require.Equal(t, want, got, elem.String())
		f, err := x.Float64s()
		require.NoError(t, err)
		require.Equal(t, float64(want[2]), f[2])
	}
}

func TestZerosAndSizes(t *testing.T) {
	z := Zeros(Int4, 3, 1)
	require.Equal(t, int64(2), z.Storage().Len())
	require.Panics(t, func() { Zeros(Float32, -1) })
	require.Panics(t, func() { Zeros(String, 1) })
	_, err := ByteSize(Complex128, []int64{math.MaxInt64 / 8})
	require.ErrorContains(t, err, "too many bytes")
	_, err = NumElements([]int64{math.MaxInt64, 3})
	require.ErrorContains(t, err, "too many elements")
	n, err := NumElements([]int64{math.MaxInt64, 0})
	require.NoError(t, err)
	require.Zero(t, n)
	require.Zero(t, (&Tensor{Elem: Float32, Shape: []int64{-1}}).Len())
	require.Nil(t, (&Tensor{Elem: Float32}).Bytes())
	_, err = FromStrings([]int64{2}, [][]byte{[]byte("a")})
	require.Error(t, err)
}

type inFile struct{ Heap }

func (inFile) External() bool { return true }

func TestReferences(t *testing.T) {
	x := Of([]float32{1}, 1)
	require.False(t, x.IsReference())
	x.Meta = &Meta{Carrier: CarrierExternal, External: []KeyValue{{Key: "location", Value: "f"}}}
	require.False(t, x.IsReference(), "its values were replaced")
	x.SetStorage(inFile{Heap(make([]byte, 4))})
	require.True(t, x.IsReference())
	x.SetStorage(nil)
	require.True(t, x.IsReference())
}

func TestDenseOfSparse(t *testing.T) {
	values, linear := Of([]float32{1, 2}, 2), Of([]int64{5, 0}, 2)
	s := &Sparse{Values: values, Indices: linear, Dims: []int64{2, 3}}
	d, err := s.Dense()
	require.NoError(t, err)
	require.Equal(t, []float32{2, 0, 0, 0, 0, 1}, Data[float32](d))
	s.Indices = Of([]int64{1, 2, 0, 0}, 2, 2)
	again, err := s.Dense()
	require.NoError(t, err)
	require.Equal(t, Data[float32](d), Data[float32](again))
	for _, c := range []struct {
		s    Sparse
		want string
	}{
		{Sparse{}, "without values"},
		{Sparse{Values: values, Indices: linear, Dims: []int64{-1}}, "negative"},
		{Sparse{Values: Zeros(Int4, 2), Indices: linear, Dims: []int64{6}}, "sparse tensor of int4"},
		{Sparse{Values: values, Indices: Of([]float32{1, 2}, 2), Dims: []int64{6}}, "sparse indices"},
		{Sparse{Values: values, Indices: Of([]int64{1}, 1), Dims: []int64{6}}, "has 1 indices"},
		{Sparse{Values: values, Indices: linear, Dims: []int64{5}}, "outside of 5 elements"},
		{Sparse{Values: values, Indices: Of([]int64{0, 3, 0, 0}, 2, 2), Dims: []int64{2, 3}}, "outside of dim 3"},
	} {
		_, err := c.s.Dense()
		require.ErrorContains(t, err, c.want)
	}
}

package onnxgo

import (
	"testing"

	"github.com/stretchr/testify/require"
	gorgonia "gorgonia.org/tensor"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// Every element type that both sides have goes through unchanged, over the same memory; scalars, one element, none.
func TestFormats(t *testing.T) {
	for _, x := range []*tensor.Tensor{
		tensor.Of([]float32{1, -2.5}, 2), tensor.Of([]float64{1, -2.5}, 2), tensor.Of([]int8{1, -2}, 2), tensor.Of([]int16{1, -2}, 2),
		tensor.Of([]int32{1, -2}, 2), tensor.Of([]int64{1, -2}, 2), tensor.Of([]uint8{1, 2}, 2), tensor.Of([]uint16{1, 2}, 2),
		tensor.Of([]uint32{1, 2}, 2), tensor.Of([]uint64{1, 2}, 2), tensor.Of([]bool{true, false}, 2), tensor.Of([]complex64{1, 2i}, 2),
		tensor.Of([]complex128{1, 2i}, 2), tensor.Scalar(float32(7)), tensor.Of([]int64{3}, 1), tensor.Of([]int64{3}, 1, 1),
		tensor.Of([]float32{1, 2, 3, 4, 5, 6}, 1, 3, 2), tensor.Of([]float32{}, 0, 3), tensor.Of([]int64{}, 0),
	} {
		y, err := toGorgonia(x)
		require.NoError(t, err)
		back, err := fromGorgonia(y)
		require.NoError(t, err)
		require.Equal(t, x.Elem, back.Elem)
		require.Equal(t, len(x.Shape), len(back.Shape))
		require.Equal(t, x.Hash(), back.Hash(), x)
		if x.Len() > 1 {
			require.Same(t, &x.Bytes()[0], &back.Bytes()[0], "copied: %v", x)
		}
	}
	s, err := tensor.FromStrings([]int64{2}, [][]byte{[]byte("a"), []byte("bc")})
	require.NoError(t, err)
	y, err := toGorgonia(s)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "bc"}, y.Data())
	back, err := fromGorgonia(y)
	require.NoError(t, err)
	require.Equal(t, s.Hash(), back.Hash())
}

func TestNoFormat(t *testing.T) {
	_, err := toGorgonia(tensor.Zeros(tensor.Float16, 2))
	require.ErrorContains(t, err, "float16")
	_, err = toGorgonia(nil)
	require.Error(t, err)
	_, err = fromGorgonia((*gorgonia.Dense)(nil))
	require.Error(t, err)
	type mine int32
	_, err = fromGorgonia(gorgonia.New(gorgonia.WithShape(2), gorgonia.WithBacking([]mine{1, 2})))
	require.ErrorContains(t, err, "no element type")
	_, err = fromGorgonia(gorgonia.New(gorgonia.WithShape(2), gorgonia.WithBacking([]float32{1, 2}, []bool{true, false})))
	require.ErrorContains(t, err, "masked")
}

// Views and transposed tensors arrive in the order of their indices.
func TestViews(t *testing.T) {
	matrix := func() *gorgonia.Dense {
		return gorgonia.New(gorgonia.WithShape(3, 4), gorgonia.WithBacking([]float32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}))
	}
	slice := func(s ...gorgonia.Slice) gorgonia.Tensor {
		v, err := matrix().Slice(s...)
		require.NoError(t, err)
		return v
	}
	transposed := matrix()
	require.NoError(t, transposed.T())
	moved := matrix()
	require.NoError(t, moved.T())
	require.NoError(t, moved.Transpose())
	sparse := gorgonia.CSRFromCoord(gorgonia.Shape{2, 3}, []int{0, 1}, []int{2, 0}, []float32{5, 6})
	for name, c := range map[string]struct {
		x     gorgonia.Tensor
		shape []int64
		want  []float32
	}{
		"whole":      {matrix(), []int64{3, 4}, []float32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}},
		"rows":       {slice(between{1, 3}), []int64{2, 4}, []float32{4, 5, 6, 7, 8, 9, 10, 11}},
		"row":        {slice(between{1, 2}), []int64{4}, []float32{4, 5, 6, 7}},
		"columns":    {slice(nil, between{1, 3}), []int64{3, 2}, []float32{1, 2, 5, 6, 9, 10}},
		"column":     {slice(nil, between{2, 3}), []int64{3}, []float32{2, 6, 10}},
		"element":    {slice(between{2, 3}, between{1, 2}), []int64{}, []float32{9}},
		"transposed": {transposed, []int64{4, 3}, []float32{0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11}},
		"moved":      {moved, []int64{4, 3}, []float32{0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11}},
		"by columns": {gorgonia.New(gorgonia.WithShape(2, 3), gorgonia.AsFortran([]float32{0, 1, 2, 3, 4, 5})), []int64{2, 3}, []float32{0, 1, 2, 3, 4, 5}},
		"sparse":     {sparse, []int64{2, 3}, []float32{0, 0, 5, 6, 0, 0}},
	} {
		got, err := fromGorgonia(c.x)
		require.NoError(t, err, name)
		require.Equal(t, tensor.Of(c.want, c.shape...).String(), got.String(), name)
		require.Equal(t, c.want, tensor.Data[float32](got), name)
	}
}

// between is gorgonia's slice [start, end).
type between struct{ start, end int }

func (b between) Start() int { return b.start }
func (b between) End() int   { return b.end }
func (b between) Step() int  { return 1 }

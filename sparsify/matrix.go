package sparsify

import (
	"fmt"
	"math"
)

// Matrix is a dense row-major float32 matrix: element (i, j) is Data[i*Cols+j]. The slice may be shared with a tensor; no function of this
// package writes to an argument unless its comment says so.
type Matrix struct {
	Rows, Cols int
	Data       []float32
}

// NewMatrix returns a zero matrix.
func NewMatrix(rows, cols int) Matrix {
	return Matrix{Rows: rows, Cols: cols, Data: make([]float32, rows*cols)}
}

// MatrixOf wraps data without copying and checks that its length is rows*cols.
func MatrixOf(rows, cols int, data []float32) (Matrix, error) {
	m := Matrix{Rows: rows, Cols: cols, Data: data}
	return m, m.check("matrix")
}

func (m Matrix) check(what string) error {
	if m.Rows < 0 || m.Cols < 0 || len(m.Data) != m.Rows*m.Cols {
		return fmt.Errorf("%s: %d values do not fill %d x %d", what, len(m.Data), m.Rows, m.Cols)
	}
	return nil
}

// Row returns row i as a view.
func (m Matrix) Row(i int) []float32 { return m.Data[i*m.Cols : (i+1)*m.Cols : (i+1)*m.Cols] }

// Slice returns rows [lo, hi) as a view.
func (m Matrix) Slice(lo, hi int) Matrix {
	return Matrix{Rows: hi - lo, Cols: m.Cols, Data: m.Data[lo*m.Cols : hi*m.Cols : hi*m.Cols]}
}

// Clone returns a copy with its own data.
func (m Matrix) Clone() Matrix {
	return Matrix{Rows: m.Rows, Cols: m.Cols, Data: append([]float32(nil), m.Data...)}
}

// T returns the transpose as a new matrix.
func (m Matrix) T() Matrix {
	out := NewMatrix(m.Cols, m.Rows)
	const tile = 32
	for i0 := 0; i0 < m.Rows; i0 += tile {
		i1 := min(i0+tile, m.Rows)
		for j0 := 0; j0 < m.Cols; j0 += tile {
			j1 := min(j0+tile, m.Cols)
			for i := i0; i < i1; i++ {
				for j := j0; j < j1; j++ {
					out.Data[j*m.Rows+i] = m.Data[i*m.Cols+j]
				}
			}
		}
	}
	return out
}

// SelectRows copies the rows idx, in that order.
func (m Matrix) SelectRows(idx []int) (Matrix, error) {
	if err := checkIndices(idx, m.Rows); err != nil {
		return Matrix{}, err
	}
	out := NewMatrix(len(idx), m.Cols)
	for k, i := range idx {
		copy(out.Row(k), m.Row(i))
	}
	return out, nil
}

// SelectCols copies the columns idx, in that order.
func (m Matrix) SelectCols(idx []int) (Matrix, error) {
	if err := checkIndices(idx, m.Cols); err != nil {
		return Matrix{}, err
	}
	out := NewMatrix(m.Rows, len(idx))
	for i := range m.Rows {
		src, dst := m.Row(i), out.Row(i)
		for k, j := range idx {
			dst[k] = src[j]
		}
	}
	return out, nil
}

// RowNorms returns the L2 norm of every row, summed in float64.
func (m Matrix) RowNorms() []float64 {
	out := make([]float64, m.Rows)
	for i := range out {
		var s float64
		for _, v := range m.Row(i) {
			s += float64(v) * float64(v)
		}
		out[i] = math.Sqrt(s)
	}
	return out
}

// ColNorms returns the L2 norm of every column, summed in float64 from the first row to the last.
func (m Matrix) ColNorms() []float64 {
	out := make([]float64, m.Cols)
	for i := range m.Rows {
		for j, v := range m.Row(i) {
			out[j] += float64(v) * float64(v)
		}
	}
	for j := range out {
		out[j] = math.Sqrt(out[j])
	}
	return out
}

// Matrix64 is a dense row-major float64 matrix.
type Matrix64 struct {
	Rows, Cols int
	Data       []float64
}

// NewMatrix64 returns a zero matrix.
func NewMatrix64(rows, cols int) Matrix64 {
	return Matrix64{Rows: rows, Cols: cols, Data: make([]float64, rows*cols)}
}

// Row returns row i as a view.
func (m Matrix64) Row(i int) []float64 { return m.Data[i*m.Cols : (i+1)*m.Cols : (i+1)*m.Cols] }

// At returns element (i, j).
func (m Matrix64) At(i, j int) float64 { return m.Data[i*m.Cols+j] }

// Clone returns a copy with its own data.
func (m Matrix64) Clone() Matrix64 {
	return Matrix64{Rows: m.Rows, Cols: m.Cols, Data: append([]float64(nil), m.Data...)}
}

// Float32 rounds every element.
func (m Matrix64) Float32() Matrix {
	out := NewMatrix(m.Rows, m.Cols)
	for i, v := range m.Data {
		out.Data[i] = float32(v)
	}
	return out
}

// Complement returns the indices of 0..n-1 that are not in idx, ascending.
func Complement(idx []int, n int) ([]int, error) {
	if err := checkIndices(idx, n); err != nil {
		return nil, err
	}
	in := make([]bool, n)
	for _, i := range idx {
		in[i] = true
	}
	out := make([]int, 0, n-len(idx))
	for i, v := range in {
		if !v {
			out = append(out, i)
		}
	}
	return out, nil
}

// checkIndices demands that idx lies in 0..n-1 without repetition.
func checkIndices(idx []int, n int) error {
	seen := make([]uint64, (n+63)/64)
	for _, i := range idx {
		if i < 0 || i >= n {
			return fmt.Errorf("index %d is outside 0..%d", i, n-1)
		}
		if seen[i/64]>>(i%64)&1 == 1 {
			return fmt.Errorf("index %d is given twice", i)
		}
		seen[i/64] |= 1 << (i % 64)
	}
	return nil
}

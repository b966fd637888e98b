package passes

import (
	"errors"
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/sparsify"
)

// errNoData is the reason of passes that cannot work without calibration data.
var errNoData = errors.New("needs calibration data (--data)")

// rowsOf views a tapped value as rows of its last dimension.
func rowsOf(t *tensor.Tensor, width int) (sparsify.Matrix, error) {
	if t == nil || t.Elem != tensor.Float32 || len(t.Shape) == 0 || t.Shape[len(t.Shape)-1] != int64(width) {
		return sparsify.Matrix{}, fmt.Errorf("the tapped value is %v, want float[..., %d]", t, width)
	}
	data := tensor.Data[float32](t)
	return sparsify.MatrixOf(len(data)/width, width, data)
}

// observeRows runs the calibration data through m and hands over the rows of the taps, batch by batch.
func (e *Env) observeRows(m *graph.Model, taps []*graph.Value, widths []int, visit func(rows []sparsify.Matrix) error) error {
	if e.Observe == nil {
		return errNoData
	}
	return e.Observe(e.ctx(), m, taps, func(vals []*tensor.Tensor) error {
		rows := make([]sparsify.Matrix, len(vals))
		for i, v := range vals {
			var err error
			if rows[i], err = rowsOf(v, widths[i]); err != nil {
				return fmt.Errorf("%q: %w", taps[i].Name, err)
			}
			if rows[i].Rows != rows[0].Rows {
				return fmt.Errorf("%q has %d rows, %q has %d", taps[i].Name, rows[i].Rows, taps[0].Name, rows[0].Rows)
			}
		}
		return visit(rows)
	})
}

// collectBytes bounds what one block's calibration rows may take in memory.
const collectBytes = 1 << 30

// collectRows gathers the taps' rows in memory. When there are more than fit, an even spread of them is kept: every second, every
// fourth, … row.
func (e *Env) collectRows(m *graph.Model, taps []*graph.Value, widths []int) ([]sparsify.Matrix, error) {
	total := 0
	for _, w := range widths {
		total += w
	}
	s := sampler{limit: max(1024, collectBytes/4/max(total, 1)), stride: 1, widths: widths, data: make([][]float32, len(widths))}
	if err := e.observeRows(m, taps, widths, s.add); err != nil {
		return nil, err
	}
	if s.kept == 0 {
		return nil, errors.New("the calibration data gives no row here")
	}
	out := make([]sparsify.Matrix, len(widths))
	for i, w := range widths {
		out[i] = sparsify.Matrix{Rows: s.kept, Cols: w, Data: s.data[i]}
	}
	return out, nil
}

type sampler struct {
	limit, stride int
	seen, kept    int
	widths        []int
	data          [][]float32
}

func (s *sampler) add(rows []sparsify.Matrix) error {
	for r := range rows[0].Rows {
		if s.seen%s.stride == 0 {
			if s.kept == s.limit {
				s.halve()
			}
			if s.seen%s.stride == 0 {
				for i := range rows {
					s.data[i] = append(s.data[i], rows[i].Row(r)...)
				}
				s.kept++
			}
		}
		s.seen++
	}
	return nil
}

// halve keeps every second row, and from now on only rows at twice the distance.
func (s *sampler) halve() {
	n := (s.kept + 1) / 2
	for i, w := range s.widths {
		for k := range n {
			copy(s.data[i][k*w:(k+1)*w], s.data[i][2*k*w:])
		}
		s.data[i] = s.data[i][:n*w]
	}
	s.kept, s.stride = n, 2*s.stride
}

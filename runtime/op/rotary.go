package op

import (
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
)

func prepareRotary(p *Prep) (Exec, error) {
	a := p.Attrs()
	interleaved, dim, heads := a.Int("interleaved", 0) != 0, int(a.Int("rotary_embedding_dim", 0)), int(a.Int("num_heads", 0))
	return ExecFunc(func(c *Call) error {
		x, err := needInput(c, 0)
		if err != nil {
			return err
		}
		// [batch, heads, seq, size], or [batch, seq, heads*size].
		d := x.Shape
		var batch, outer, seq, inner, size int
		switch len(d) {
		case 4:
			batch, outer, seq, inner, size = int(d[0]), int(d[1]), int(d[2]), 1, int(d[3])
		case 3:
			if heads <= 0 || int(d[2])%heads != 0 {
				return fmt.Errorf("input has shape %v, which does not split into %d heads", d, heads)
			}
			batch, outer, seq, inner, size = int(d[0]), 1, int(d[1]), heads, int(d[2])/heads
		default:
			return fmt.Errorf("input has shape %v, want rank 3 or 4", d)
		}
		width := dim
		if width == 0 {
			width = size
		}
		h := width / 2
		if width > size || width%2 != 0 {
			return fmt.Errorf("rotary_embedding_dim is %d for heads of %d", width, size)
		}
		cos, err := rotaryTable(c, 1, batch, seq, h)
		if err != nil {
			return err
		}
		sin, err := rotaryTable(c, 2, batch, seq, h)
		if err != nil {
			return err
		}
		y := c.Out(0, x.Elem, d...)
		v, err := x.Float32s()
		if err != nil {
			return err
		}
		if x.Elem == tensor.Float64 {
			return errElem(x.Elem)
		}
		out := singleOut(y)
		for b := range batch {
			part := outer * seq * inner * size
			dst, src, cs, sn := out[b*part:(b+1)*part], v[b*part:(b+1)*part], cos[b*seq*h:(b+1)*seq*h], sin[b*seq*h:(b+1)*seq*h]
			if interleaved {
				kernel.RotaryInterleaved(dst, src, outer, seq, inner, size, cs, sn, h, c.Pool)
				if 2*h < size {
					for r := range outer * seq * inner {
						copy(dst[r*size+2*h:(r+1)*size], src[r*size+2*h:])
					}
				}
			} else {
				kernel.Rotary(dst, src, outer, seq, inner, size, cs, sn, h, h, c.Pool)
			}
		}
		singleDone(y, out)
		return nil
	}), nil
}

// rotaryTable is the cosine or sine cache by sample and position, [batch, seq, h]: input i itself, or its rows that position_ids name.
func rotaryTable(c *Call, i, batch, seq, h int) ([]float32, error) {
	t, err := needInput(c, i)
	if err != nil {
		return nil, err
	}
	v, err := t.Float32s()
	if err != nil {
		return nil, err
	}
	d := t.Shape
	if len(d) == 0 || int(d[len(d)-1]) != h {
		return nil, fmt.Errorf("input %d has shape %v, want %d columns", i, d, h)
	}
	ids := input(c, 3)
	if ids == nil {
		if len(v) == seq*h && batch != 1 { // one table for all samples
			out := c.Scratch(batch * seq * h)
			for b := range batch {
				copy(out[b*seq*h:], v)
			}
			return out, nil
		}
		if len(v) != batch*seq*h {
			return nil, fmt.Errorf("input %d has shape %v, want [%d,%d,%d]", i, d, batch, seq, h)
		}
		return v, nil
	}
	pos, err := intList(ids)
	if err != nil {
		return nil, err
	}
	if len(pos) != batch*seq || len(d) != 2 {
		return nil, fmt.Errorf("position_ids has shape %v for %d samples of %d positions", ids.Shape, batch, seq)
	}
	out := c.Scratch(batch * seq * h)
	for r, p := range pos {
		if p < 0 || p >= d[0] {
			return nil, fmt.Errorf("position %d is outside the cache of %d", p, d[0])
		}
		copy(out[r*h:(r+1)*h], v[int(p)*h:])
	}
	return out, nil
}

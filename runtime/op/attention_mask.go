package op

import (
	"fmt"
	"math"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// scores is the mask as numbers to add, broadcast to [batch, heads, queries, keys]; nil when nothing is masked.
type scores struct {
	add  []float32
	strd [2]int // distance in add between samples and between heads; 0 where it repeats
}

// of is what is added to the scores of one sample and head.
func (s *scores) of(sample, head int) []float32 { return s.add[sample*s.strd[0]+head*s.strd[1]:] }

// mask joins attn_mask, causality and the number of valid keys.
func (e *attentionExec) mask(c *Call, q, k headBlock, past int) (*scores, error) {
	t := input(c, 3)
	valid := input(c, 6)
	if t == nil && valid == nil && !e.causal && e.left < 0 && e.right < 0 {
		return nil, nil
	}
	dims := []int64{1, 1, int64(q.seq), int64(k.seq)}
	if t != nil {
		if len(t.Shape) > 4 || len(t.Shape) == 0 {
			return nil, fmt.Errorf("attn_mask has shape %v", t.Shape)
		}
		for i, d := range t.Shape[:max(len(t.Shape)-2, 0)] {
			dims[4-len(t.Shape)+i] = d
		}
	}
	var lens []int64
	if valid != nil {
		var err error
		if lens, err = intList(valid); err != nil {
			return nil, err
		}
		if len(lens) != q.batch {
			return nil, fmt.Errorf("nonpad_kv_seqlen has %d values for a batch of %d", len(lens), q.batch)
		}
		dims[0] = int64(q.batch)
	}
	if dims[0] != 1 && dims[0] != int64(q.batch) || dims[1] != 1 && dims[1] != int64(q.n) {
		return nil, fmt.Errorf("attn_mask of shape %v does not fit %d samples and %d heads", t.Shape, q.batch, q.n)
	}
	out := c.Scratch(numel(dims))
	clear(out)
	if t != nil {
		if err := spreadMask(out, dims, t); err != nil {
			return nil, err
		}
	}
	inf := float32(math.Inf(-1))
	for r := range numel(dims[:3]) {
		row, qi := out[r*k.seq:(r+1)*k.seq], r%q.seq
		lo, hi, own := 0, k.seq, past+qi // own: the query's own position among the keys
		if lens != nil {
			n := int(min(max(lens[r/(q.seq*int(dims[1]))], 0), int64(k.seq)))
			hi = n
			if past == 0 { // the queries are the last of the valid keys
				own = n - q.seq + qi
			}
		}
		if e.causal {
			hi = min(hi, own+1)
		}
		if e.right >= 0 {
			hi = min(hi, own+int(min(e.right, 1<<30))+1)
		}
		if e.left >= 0 {
			lo = max(lo, own-int(min(e.left, 1<<30)))
		}
		hi = max(hi, 0)
		lo = min(lo, k.seq)
		fillWith(row[:lo], inf)
		fillWith(row[hi:], inf)
	}
	s := &scores{add: out}
	stride := k.seq * q.seq
	if dims[1] != 1 {
		s.strd[1] = stride
		stride *= q.n
	}
	if dims[0] != 1 {
		s.strd[0] = stride
	}
	return s, nil
}

// spreadMask writes attn_mask, boolean or additive, in its full size. A mask with fewer keys hides the others.
func spreadMask(out []float32, dims []int64, t *tensor.Tensor) error {
	inf := float32(math.Inf(-1))
	shape := t.Shape
	keys := dims[3]
	var v []float32
	if t.Elem == tensor.Bool {
		v = make([]float32, t.Len())
		for i, b := range t.Bytes() {
			if b == 0 {
				v[i] = inf
			}
		}
	} else {
		var err error
		if v, err = t.Float32s(); err != nil {
			return err
		}
	}
	if last := shape[len(shape)-1]; last != 1 && last < keys {
		rows := numel(shape[:len(shape)-1])
		wide := make([]float32, rows*int(keys))
		fillWith(wide, inf)
		for r := range rows {
			copy(wide[r*int(keys):], v[r*int(last):(r+1)*int(last)])
		}
		v = wide
		shape = append(append([]int64{}, shape[:len(shape)-1]...), keys)
	}
	o, err := broadcastDims(shape, dims)
	if err != nil || !equalDims(o, dims) {
		return fmt.Errorf("attn_mask of shape %v does not broadcast to %v", t.Shape, dims)
	}
	ns, err := newNest(dims, broadcastStrides(shape, dims))
	if err != nil {
		return err
	}
	strided(out, v, 0, ns, nil)
	return nil
}

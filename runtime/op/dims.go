package op

import (
	"errors"
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// maxRank is the largest rank of a loop nest after adjacent dims are merged; tensors may have more dims.
const maxRank = 10

var errRank = errors.New("more dimensions than this runtime walks")

// broadcastDims is the shape that a and b broadcast to by numpy's rule.
func broadcastDims(a, b []int64) ([]int64, error) {
	if equalDims(a, b) {
		return a, nil
	}
	if len(a) < len(b) {
		a, b = b, a
	}
	out := make([]int64, len(a))
	copy(out, a)
	for i := range b {
		k := len(a) - len(b) + i
		switch {
		case a[k] == b[i] || b[i] == 1:
		case a[k] == 1:
			out[k] = b[i]
		default:
			return nil, fmt.Errorf("shapes %v and %v do not broadcast", a, b)
		}
	}
	return out, nil
}

func equalDims(a, b []int64) bool {
	if len(a) != len(b) {
		return false
	}
	for i, d := range a {
		if d != b[i] {
			return false
		}
	}
	return true
}

// numel is the product of dims of an existing tensor.
func numel(dims []int64) int {
	n := 1
	for _, d := range dims {
		n *= int(d)
	}
	return n
}

// rowMajor writes the strides of a contiguous tensor, in elements.
func rowMajor(dims []int64) []int {
	s := make([]int, len(dims))
	n := 1
	for i := len(dims) - 1; i >= 0; i-- {
		s[i] = n
		n *= int(dims[i])
	}
	return s
}

// broadcastStrides are the strides at which a contiguous tensor of shape dims is read for result dims out: 0 where it repeats.
func broadcastStrides(dims, out []int64) []int {
	s := make([]int, len(out))
	n := 1
	for i := len(dims) - 1; i >= 0; i-- {
		if k := len(out) - len(dims) + i; dims[i] != 1 {
			s[k] = n
		}
		n *= int(dims[i])
	}
	return s
}

// axisIn maps an axis that may count from the end to 0..rank-1.
func axisIn(axis int64, rank int) (int, error) {
	if axis < -int64(rank) || axis >= int64(rank) {
		return 0, fmt.Errorf("axis %d is outside rank %d", axis, rank)
	}
	if axis < 0 {
		axis += int64(rank)
	}
	return int(axis), nil
}

// splitAt is the product of the dims before axis and of the dims after it.
func splitAt(dims []int64, axis int) (outer, inner int) {
	return numel(dims[:axis]), numel(dims[axis+1:])
}

// sizeOf checks that a shape computed from data has a size that a tensor can have.
func sizeOf(elem tensor.DType, dims []int64) error {
	n, err := tensor.NumElements(dims)
	if err != nil {
		return err
	}
	if bits := int64(elem.Bits()); bits > 0 && n > maxTensorBytes/bits*8 {
		return fmt.Errorf("a result of shape %v is beyond what memory can hold", dims)
	}
	return nil
}

// maxTensorBytes bounds one result whose shape is data, so that a hostile one is an error and not an allocation failure. Tests lower it.
var maxTensorBytes int64 = 1 << 34

// nest is a loop over the elements of a row-major result which reads up to three operands, each at strides of its own. Adjacent dims
// that all operands run through alike are one dim.
type nest struct {
	rank    int
	n       int // elements of the result
	dims    [maxRank]int
	strides [3][maxRank]int
}

// newNest merges dims. Each operand has one stride per dim.
func newNest(dims []int64, strides ...[]int) (*nest, error) {
	ns := &nest{n: 1}
	for i, d := range dims {
		n := int(d)
		ns.n *= n
		if n == 1 {
			continue
		}
		if ns.rank > 0 && ns.joins(n, i, strides) {
			last := ns.rank - 1
			ns.dims[last] *= n
			for k, s := range strides {
				ns.strides[k][last] = s[i]
			}
			continue
		}
		if ns.rank == maxRank {
			return nil, errRank
		}
		ns.dims[ns.rank] = n
		for k, s := range strides {
			ns.strides[k][ns.rank] = s[i]
		}
		ns.rank++
	}
	if ns.rank == 0 {
		ns.rank, ns.dims[0] = 1, 1
	}
	return ns, nil
}

func (ns *nest) joins(n, i int, strides [][]int) bool {
	for k, s := range strides {
		if ns.strides[k][ns.rank-1] != s[i]*n {
			return false
		}
	}
	return true
}

// inner is the length of the innermost dim and the operands' strides in it.
func (ns *nest) inner() (n int, s [3]int) {
	last := ns.rank - 1
	return ns.dims[last], [3]int{ns.strides[0][last], ns.strides[1][last], ns.strides[2][last]}
}

// walk calls f for runs along the innermost dim that cover the elements [lo,hi): d is the first element's place in the result, o its
// place in each operand, n the length of the run.
func (ns *nest) walk(lo, hi int, f func(d int, o [3]int, n int)) {
	if lo >= hi {
		return
	}
	last := ns.rank - 1
	var idx [maxRank]int
	var o [3]int
	rest := lo
	for k := last; k >= 0; k-- {
		idx[k] = rest % ns.dims[k]
		rest /= ns.dims[k]
		for j := range o {
			o[j] += idx[k] * ns.strides[j][k]
		}
	}
	for d := lo; d < hi; {
		n := min(ns.dims[last]-idx[last], hi-d)
		f(d, o, n)
		d += n
		for j := range o {
			o[j] -= idx[last] * ns.strides[j][last]
		}
		idx[last] = 0
		for k := last - 1; k >= 0; k-- {
			idx[k]++
			if idx[k] < ns.dims[k] {
				for j := range o {
					o[j] += ns.strides[j][k]
				}
				break
			}
			idx[k] = 0
			for j := range o {
				o[j] -= (ns.dims[k] - 1) * ns.strides[j][k]
			}
		}
	}
}

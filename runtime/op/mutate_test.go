package op

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"path"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
	"github.com/onnx-rewrite/onnx-rewrite/testmodels"
)

// TestDamagedInputs takes the nodes of the public operator tests, which are sound, and damages their inputs and attributes one or two at a
// time. It goes where arbitrary inputs (TestNoPanic) are refused at the door.
func TestDamagedInputs(t *testing.T) {
	defer func(n int64) { maxTensorBytes = n }(maxTensorBytes)
	maxTensorBytes = 1 << 26
	files := map[string][]byte{}
	testmodels.EachArchived(t, testmodels.Shared(t, "conformance", "node.tar.gz"), func(name string, data []byte) { files[path.Clean(name)] = data })
	var names []string
	for name := range files {
		if strings.HasSuffix(name, "/model.onnx") {
			names = append(names, strings.TrimSuffix(name, "model.onnx"))
		}
	}
	sort.Strings(names)
	rounds := 25
	if testing.Short() {
		rounds = 3
	}
	r := rand.New(rand.NewPCG(3, 5))
	tried, ran := 0, 0
	bad := map[string]bool{}
	for _, name := range names {
		m, err := onnxio.Decode(files[name+"model.onnx"], onnxio.LoadOptions{})
		if err != nil || m.Graph.NumNodes() != 1 {
			continue
		}
		n := m.Graph.First()
		opset := int(m.Opset(n.ID.Domain))
		if Lookup(n.ID.Domain, n.ID.Op, opset) == nil || len(n.Subgraphs()) > 0 || bad[n.ID.Op] {
			continue
		}
		given := map[*graph.Value]*tensor.Tensor{}
		k := 0
		for _, v := range m.Graph.Inputs {
			if v.Type.Kind == graph.KindTensor {
				if data := files[name+"test_data_set_0/input_"+strconv.Itoa(k)+".pb"]; data != nil {
					given[v] = decodeTensor(t, data)
				}
			}
			k++
		}
		var in []*tensor.Tensor
		for i := range n.NumIn() {
			in = append(in, given[n.In(i)])
		}
		for range rounds {
			node := testNode{domain: n.ID.Domain, op: n.ID.Op, opset: opset, outs: n.NumOut(), constants: r.IntN(3) == 0}
			damaged := append([]*tensor.Tensor(nil), in...)
			for range 1 + r.IntN(2) {
				if len(damaged) > 0 && (len(n.Attrs) == 0 || r.IntN(3) > 0) {
					i := r.IntN(len(damaged))
					damaged[i] = damage(r, damaged[i])
				}
			}
			for _, a := range n.Attrs {
				b := *a
				if r.IntN(4) == 0 {
					b.I += int64(r.IntN(5) - 2)
					b.Ints = append([]int64(nil), b.Ints...)
					if len(b.Ints) > 0 {
						b.Ints[r.IntN(len(b.Ints))] += int64(r.IntN(5) - 2)
					}
				}
				node.attrs = append(node.attrs, &b)
			}
			tried++
			_, err := node.run(damaged...)
			var p *panicked
			if errors.As(err, &p) {
				t.Errorf("%s with attributes %s on %v: %s", name, describeAttrs(node.attrs), damaged, p.text)
				bad[n.ID.Op] = true
				break
			}
			if err == nil {
				ran++
			}
		}
	}
	t.Logf("%d tried, %d ran", tried, ran)
	require.NotZero(t, ran)
}

// damage changes a tensor's shape, type or values.
func damage(r *rand.Rand, t *tensor.Tensor) *tensor.Tensor {
	if t == nil || t.Len() > 1<<16 {
		return t
	}
	dims := append([]int64(nil), t.Shape...)
	switch r.IntN(9) {
	case 0:
		return nil
	case 1:
		if len(dims) > 0 {
			dims[r.IntN(len(dims))] = int64(r.IntN(3))
		}
	case 2:
		dims = append(dims, int64(r.IntN(3)))
	case 3:
		if len(dims) > 0 {
			dims = dims[1:]
		}
	case 4:
		dims = nil
	case 5:
		if len(dims) > 1 {
			dims[0], dims[1] = dims[1], dims[0]
		}
	case 6: // other values
		if t.Elem == tensor.String || t.Elem.Bits() < 8 || t.Len() == 0 {
			return t
		}
		c := t.Clone()
		b := c.Bytes()
		b[r.IntN(len(b))] ^= byte(1 << r.IntN(8))
		return c
	case 7: // another type
		if !numbers.has(t.Elem) {
			return t
		}
		return as(t, []tensor.DType{tensor.Float32, tensor.Float64, tensor.Float16, tensor.Int64, tensor.Int32, tensor.Uint8, tensor.Bool}[r.IntN(7)])
	default:
		if len(dims) > 0 {
			dims[r.IntN(len(dims))]++
		}
	}
	if !movable(t.Elem) || t.Len() == 0 {
		return t
	}
	y := newTensor(t.Elem, dims) // the old elements over and over
	for i := range y.Len() {
		copyBlock(y, i, t, i%t.Len(), 1)
	}
	return y
}

// decodeTensor reads a TensorProto as the initializer of a model.
func decodeTensor(t *testing.T, data []byte) *tensor.Tensor {
	t.Helper()
	field := func(number int, body []byte) []byte {
		b := binary.AppendUvarint(nil, uint64(number<<3|2))
		return append(binary.AppendUvarint(b, uint64(len(body))), body...)
	}
	m, err := onnxio.Decode(field(7, field(5, data)), onnxio.LoadOptions{})
	require.NoError(t, err)
	return m.Graph.Inits[0].Const
}

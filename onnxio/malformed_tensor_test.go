package onnxio

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// payload is the values of a tensor of type d with n elements, in a field of their own and in one that is longer or shorter by the least
// that the field can be: a byte, a number, a string.
func payload(d tensor.DType, typed bool, n int) (right, short, long []byte) {
	bits := d.Bits()
	if d == tensor.String {
		s := str(tensorStrings, "a")
		return slices.Repeat(s, n), slices.Repeat(s, n-1), slices.Repeat(s, n+1)
	}
	if !typed {
		size := (n*bits + 7) / 8
		return msg(tensorRaw, make([]byte, size)), msg(tensorRaw, make([]byte, size-1)), msg(tensorRaw, make([]byte, size+1))
	}
	field, width, count := protowire.Number(tensorInt32s), 1, n
	switch d {
	case tensor.Float32:
		field, width = tensorFloats, 4
	case tensor.Complex64:
		field, width, count = tensorFloats, 4, 2*n
	case tensor.Float64:
		field, width = tensorDoubles, 8
	case tensor.Complex128:
		field, width, count = tensorDoubles, 8, 2*n
	case tensor.Int64:
		field = tensorInt64s
	case tensor.Uint32, tensor.Uint64:
		field = tensorUint64s
	default:
		if bits < 8 && bits != 6 { // packed in the field too
			count = (n*bits + 7) / 8
		}
	}
	at := func(count int) []byte { return msg(field, make([]byte, width*count)) }
	return at(count), at(count - 1), at(count + 1)
}

// newer is the types that Size of the model's opset does not take.
var newer = map[tensor.DType]bool{tensor.Float8E8M0: true, tensor.Uint2: true, tensor.Int2: true, tensor.Float6E2M3: true, tensor.Float6E3M2: true}

// TestMalformedTensors tries every element type in every carrier, with the right values and with every way to have the wrong ones.
func TestMalformedTensors(t *testing.T) {
	c := newMalformed(t)
	const n = 12
	dim := func(v uint64) []byte { return num(tensorDims, v) }
	for d := tensor.Float32; d.Known(); d++ {
		kind := num(tensorType, uint64(d))
		name := str(tensorName, "w")
		for _, carrier := range []string{"raw", "typed", "external"} {
			right, short, long := payload(d, carrier == "typed", n)
			one, _, _ := payload(d, carrier == "typed", 1)
			none := []byte(nil)
			other, _, _ := payload(d, carrier != "typed", n)
			switch {
			case carrier == "raw" && d == tensor.String:
				right, short, long, one = msg(tensorRaw, []byte("aaaaaaaaaaaa")), msg(tensorRaw, []byte("a")), msg(tensorRaw), msg(tensorRaw, []byte("a"))
			case carrier == "external":
				at := func(b []byte) []byte {
					_, _, size := protowire.ConsumeTag(b)
					body, _ := protowire.ConsumeBytes(b[size:])
					return slices.Concat(num(tensorLocation, 1), msg(tensorExternal, str(entryKey, "location"), str(entryValue, "zeros")),
						msg(tensorExternal, str(entryKey, "length"), str(entryValue, fmt.Sprint(len(body)))))
				}
				right, short, long, one, none, other = at(right), at(short), at(long), at(one), at(msg(tensorRaw)), slices.Concat(at(right), right)
			}
			if carrier != "external" {
				other = slices.Concat(right, other)
				if d == tensor.String {
					other = slices.Concat(right, msg(tensorInt64s, make([]byte, n)))
				}
			}
			try := func(what string, fields ...[]byte) string {
				label := fmt.Sprintf("%s, %s, %s", d, carrier, what)
				data := inModel(msg(graphInit, slices.Concat(slices.Concat(fields...), kind, name)), msg(graphNode, str(nodeInput, "w"), str(nodeOutput, "y"), str(nodeOp, "Size")), msg(graphOutput, tensorValue("y", 7)))
				return c.file("tensor "+carrier, label, data)
			}
			must := func(what string, fields ...[]byte) {
				require.Equal(t, "load", try(what, fields...), "%s in %s: %s", d, carrier, what)
			}
			zeros := make([]byte, 1024)
			writeData(t, c.dir, zeros)
			if !(d == tensor.String && carrier != "typed") { // strings are in string_data only
				for what, fields := range map[string][][]byte{"right": {dim(3), dim(4), right}, "flat": {dim(n), right}, "scalar": {one}, "zero dim": {dim(0), dim(4), none}} {
					by := try(what, fields...)
					if newer[d] {
						require.Contains(t, []string{"", "check"}, by, "%s in %s: %s", d, carrier, what)
						continue
					}
					require.Empty(t, by, "%s in %s: %s", d, carrier, what)
				}
			}
			must("short", dim(n), short)
			must("long", dim(n), long)
			must("shape is larger", dim(n), dim(2), right)
			require.Contains(t, []string{"load", "lint"}, try("two fields", dim(n), other), "%s in %s", d, carrier)
			must("negative dim", dim(math.MaxUint64), dim(n), right)
			must("two negative dims", dim(math.MaxUint64), dim(uint64(1<<64-n)), right)
			must("overflow to the right size", dim(1<<32), dim(1<<32), dim(n), right)
			must("overflow of bits", dim(1<<61), dim(8), right)
			must("2^62 elements", dim(1<<62), right)
			must("least dim", dim(1<<63), right)
			must("no values", dim(n))
			must("scalar with more", right)
			must("rank 65", slices.Repeat(dim(1), 65), one)
			must("zero times overflow", dim(0), dim(1<<62), dim(1<<62), right)
		}
	}
	c.log()
	require.GreaterOrEqual(t, sum(c.refused), 1000)
}

func writeData(t *testing.T, dir string, b []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "zeros"), b, 0o666))
}

package onnxio

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
)

// TestMalformedFiles is files that are no models at all, and models that are deeper or larger than any.
func TestMalformedFiles(t *testing.T) {
	c := newMalformed(t)
	c.must("foreign", "empty", []byte{})
	for b := range 256 {
		c.must("foreign", fmt.Sprintf("byte %#x", b), []byte{byte(b)})
	}
	model := soundModels(t)[0]
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, err := z.Write(model)
	require.NoError(t, errors.Join(err, z.Close()))
	m, err := Decode(model, LoadOptions{})
	require.NoError(t, err)
	for name, data := range map[string]string{
		"gzip": zipped.String(), "text": m.String(), "JSON": `{"irVersion":"8","graph":{"node":[{"opType":"Relu"}]}}`,
		"text proto": "ir_version: 8\ngraph { node { op_type: \"Relu\" } }\n", "zip": "PK\x03\x04" + strings.Repeat("\x00", 60), "HTML": "<!DOCTYPE html><html></html>",
		"pickle": "\x80\x02}q\x00.", "safetensors": "\x10\x00\x00\x00\x00\x00\x00\x00{\"w\":{}}        ", "git-lfs": "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
		"flatbuffer": "\x1c\x00\x00\x00ORTM", "zeros": strings.Repeat("\x00", 1000), "all ones": strings.Repeat("\xff", 1000), "newline": "\n",
	} {
		c.must("foreign", name, []byte(data))
	}
	c.must("foreign", t.TempDir(), nil)
	c.must("foreign", filepath.Join(t.TempDir(), "missing"), nil)

	// A file of 2^31-1 bytes that is a hole, alone and as the values of a weight.
	sparse := filepath.Join(t.TempDir(), "sparse.onnx")
	fits := uint64(mostBytes - len(sparseHeader(mostBytes)))
	for name, head := range map[string][]byte{"a hole": nil, "too many values": sparseHeader(fits - 1), "too few values": sparseHeader(mostBytes), "fits": sparseHeader(fits)} {
		f, err := os.Create(sparse)
		require.NoError(t, err)
		_, err = f.Write(head)
		require.NoError(t, errors.Join(err, f.Truncate(mostBytes), f.Close()))
		require.Equal(t, map[bool]string{false: "load", true: "lint"}[name == "fits"], c.file("2^31-1 bytes", sparse, nil), name) // other readers take less
	}
	require.NoError(t, os.Remove(sparse))

	for _, depth := range []int{8, 16, 30, 33, 50, 100, 1000, 5000} {
		by := c.file("nested If", fmt.Sprint("depth ", depth), nestedIf(depth))
		require.Equal(t, depth > 32, by != "", "depth %d: %q", depth, by)
		if depth < 100 {
			continue
		}
		var types, groups, training nest
		for range depth {
			types.wrap(innerOf, nil, nil)
			types.wrap(typeSequence, nil, nil)
			groups.pre = append(groups.pre, protowire.AppendTag(nil, 99, protowire.StartGroupType))
			groups.post = append(groups.post, protowire.AppendTag(nil, 99, protowire.EndGroupType)...)
			training.wrap(attrG, nil, nil)
			training.wrap(nodeAttr, nil, nil)
			training.wrap(graphNode, nil, nil)
		}
		for kind, data := range map[string][]byte{
			"types":    msg(modelGraph, msg(graphInput, str(infoName, "x"), msg(infoType, types.bytes()))),
			"groups":   msg(modelGraph, groups.bytes()),
			"training": slices.Concat(msg(modelGraph), msg(modelTraining, msg(trainStep, training.bytes()))),
		} {
			c.must("nested "+kind, fmt.Sprint("depth ", depth), data)
		}
	}
	for _, n := range []int{1, 2, 50} {
		for _, hidden := range []bool{false, true} {
			c.must("function cycle", fmt.Sprintf("%d functions, in a subgraph: %v", n, hidden), functionCycle(n, hidden))
		}
	}
	c.log()
}

// mostBytes is the largest message that protobuf knows.
const mostBytes = 1<<31 - 1

// sparseHeader is the beginning of a model of mostBytes bytes whose rest is the values of a weight of uint8[dim]. dim has a varint of five
// bytes.
func sparseHeader(dim uint64) []byte {
	weight := slices.Concat(num(tensorDims, dim), num(tensorType, 2), str(tensorName, "w"), protowire.AppendTag(nil, tensorRaw, protowire.BytesType))
	y := slices.Concat(str(infoName, "y"), msg(infoType, msg(typeTensor, num(innerElem, 2), msg(innerShape, msg(shapeDim, num(dimValue, dim))))))
	head := slices.Concat(num(modelIRVersion, 8), msg(modelOpset, num(opsetVersion, 18)))
	inner := slices.Concat(msg(graphNode, str(nodeInput, "w"), str(nodeOutput, "y"), str(nodeOp, "Identity")), str(graphName, "g"), msg(graphOutput, y))
	const tag, size = 1, 5
	raw := mostBytes - len(head) - tag - size - len(inner) - tag - size - len(weight) - size
	weight = protowire.AppendVarint(weight, uint64(raw))
	inner = protowire.AppendVarint(protowire.AppendTag(inner, graphInit, protowire.BytesType), uint64(len(weight)+raw))
	inner = append(inner, weight...)
	return append(protowire.AppendVarint(protowire.AppendTag(head, modelGraph, protowire.BytesType), uint64(len(inner)+raw)), inner...)
}

// inModel is a model of opset 23 around the fields of a graph.
func inModel(graphFields ...[]byte) []byte {
	return slices.Concat(num(modelIRVersion, 11), msg(modelOpset, num(opsetVersion, 23)), msg(modelOpset, str(opsetDomain, "l"), num(opsetVersion, 1)),
		msg(modelGraph, append(graphFields, str(graphName, "g"))...))
}

// tensorValue is a ValueInfoProto of a scalar.
func tensorValue(name string, elem uint64) []byte {
	return slices.Concat(str(infoName, name), msg(infoType, msg(typeTensor, num(innerElem, elem), msg(innerShape))))
}

// nest builds messages in messages from the inside out, without copying what is inside.
type nest struct {
	pre  [][]byte
	post []byte
	size int
}

// wrap puts what is there into field num, with before and after beside it in the message.
func (n *nest) wrap(num protowire.Number, before, after []byte) {
	n.size += len(before) + len(after)
	head := protowire.AppendVarint(protowire.AppendTag(nil, num, protowire.BytesType), uint64(n.size))
	n.size += len(head)
	n.pre = append(n.pre, append(head, before...))
	n.post = append(n.post, after...)
}

func (n *nest) bytes() []byte {
	slices.Reverse(n.pre)
	return append(slices.Concat(n.pre...), n.post...)
}

// nestedIf is a model with If nodes in the first branches of each other; apart from that it is sound.
func nestedIf(depth int) []byte {
	var n nest
	n.wrap(graphNode, slices.Concat(str(nodeInput, "x"), str(nodeOutput, "v0"), str(nodeOp, "Neg")), nil)
	for i := range depth {
		value, other := fmt.Sprint("v", i), fmt.Sprint("e", i)
		n.wrap(attrG, nil, slices.Concat(str(graphName, "then"), msg(graphOutput, tensorValue(value, 1))))
		n.wrap(nodeAttr, str(attrName, "then_branch"), num(attrType, 5))
		n.wrap(graphNode, slices.Concat(str(nodeInput, "c"), str(nodeOutput, fmt.Sprint("v", i+1)), str(nodeOp, "If")), msg(nodeAttr, str(attrName, "else_branch"),
			msg(attrG, msg(graphNode, str(nodeInput, "x"), str(nodeOutput, other), str(nodeOp, "Abs")), str(graphName, "else"), msg(graphOutput, tensorValue(other, 1))), num(attrType, 5)))
	}
	return inModel(n.bytes(), msg(graphInput, tensorValue("c", 9)), msg(graphInput, tensorValue("x", 1)), msg(graphOutput, tensorValue(fmt.Sprint("v", depth), 1)))
}

// functionCycle is a model whose n functions call each other in a circle, in an If's branch when hidden.
func functionCycle(n int, hidden bool) []byte {
	call := func(i int, in, out string) []byte {
		return msg(graphNode, str(nodeInput, in), str(nodeOutput, out), str(nodeOp, fmt.Sprint("f", i%n)), str(nodeDomain, "l"))
	}
	data := inModel(call(0, "x", "y"), msg(graphInput, tensorValue("x", 1)), msg(graphOutput, tensorValue("y", 1)))
	for i := range n {
		body := msg(funcNode, str(nodeInput, "a"), str(nodeOutput, "b"), str(nodeOp, fmt.Sprint("f", (i+1)%n)), str(nodeDomain, "l"))
		if hidden {
			branch := func(name string) []byte {
				return msg(nodeAttr, str(attrName, name), msg(attrG, call(i+1, "a", name), str(graphName, name), msg(graphOutput, tensorValue(name, 1))), num(attrType, 5))
			}
			body = slices.Concat(msg(funcNode, str(nodeInput, "a"), str(nodeOutput, "c"), str(nodeOp, "Cast"), msg(nodeAttr, str(attrName, "to"), num(attrI, 9), num(attrType, 2))),
				msg(funcNode, str(nodeInput, "c"), str(nodeOutput, "b"), str(nodeOp, "If"), branch("then_branch"), branch("else_branch")))
		}
		data = append(data, msg(modelFunctions, str(funcName, fmt.Sprint("f", i)), str(funcInput, "a"), str(funcOutput, "b"), body,
			msg(funcOpset, num(opsetVersion, 23)), msg(funcOpset, str(opsetDomain, "l"), num(opsetVersion, 1)), str(funcDomain, "l"))...)
	}
	return data
}

package onnxio

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
)

// caller is a function whose body calls others of its domain.
func caller(name string, callees ...string) []byte {
	body := [][]byte{str(funcName, name), str(funcDomain, "f")}
	for _, c := range callees {
		body = append(body, msg(funcNode, str(nodeOp, c), str(nodeDomain, "f")))
	}
	return msg(modelFunctions, body...)
}

// Every limit stops a model that goes one beyond it and lets one through that does not, and the error has its name.
func TestEveryLimit(t *testing.T) {
	inGraph := func(fields ...[]byte) []byte { return msg(modelGraph, fields...) }
	tensorOf := func(dims ...uint64) []byte {
		var b []byte
		for _, d := range dims {
			b = append(b, num(tensorDims, d)...)
		}
		return append(b, num(tensorType, 2)...)
	}
	raw := func(n int) []byte { return msg(tensorRaw, make([]byte, n)) }
	nested := func(depth int) []byte {
		body := msg(graphNode)
		for range depth {
			body = msg(graphNode, msg(nodeAttr, msg(attrG, body)))
		}
		return inGraph(body)
	}
	chain := func(n int) []byte {
		b := inGraph()
		for i := range n {
			b = append(b, caller(fmt.Sprint(i), fmt.Sprint(i+1), fmt.Sprint(i+1))...)
		}
		return b
	}
	cases := map[string]struct {
		limit        int64
		within, over []byte
	}{
		"depth":      {3, inGraph(msg(graphInput)), inGraph(msg(graphInput, msg(infoType)))},
		"subgraphs":  {2, nested(2), nested(3)},
		"functions":  {2, append(inGraph(), append(caller("a"), caller("b")...)...), append(inGraph(), append(caller("a"), append(caller("b"), caller("c")...)...)...)},
		"calls":      {4, chain(4), chain(5)},
		"nodes":      {2, nested(1), nested(2)},
		"tensors":    {1, inGraph(msg(graphInit, tensorOf(1), raw(1))), inGraph(msg(graphInit, tensorOf(1), raw(1)), msg(graphNode, msg(nodeAttr, msg(attrT, tensorOf(1), raw(1)))))},
		"attributes": {1, inGraph(msg(graphNode, msg(nodeAttr))), inGraph(msg(graphNode, msg(nodeAttr), msg(nodeAttr)))},
		"rank":       {2, inGraph(msg(graphInit, tensorOf(1, 1), raw(1))), inGraph(msg(graphInit, tensorOf(1, 1, 1), raw(1)))},
		"elements":   {6, inGraph(msg(graphInit, tensorOf(2, 3), raw(6))), inGraph(msg(graphInit, tensorOf(7), raw(7)))},
		"name":       {4, inGraph(str(graphName, "abcd"), str(graphDoc, "no name")), inGraph(msg(graphNode, str(nodeInput, "abcde")))},
		"strings":    {8, inGraph(str(graphName, "abcd"), str(graphDoc, "efgh"), msg(graphNode, str(nodeName, "abcd"))), inGraph(str(graphName, "abcd"), str(graphDoc, "efghi"))},
		"file":       {10, inGraph(str(graphName, "abcdef")), inGraph(str(graphName, "abcdefg"))},
		"memory":     {2000, inGraph(msg(graphNode)), inGraph(bytes.Repeat(msg(graphNode), 10))},
	}
	for _, l := range LimitTable() {
		c, ok := cases[l.Name]
		require.True(t, ok, l.Name)
		var opt LoadOptions
		require.NoError(t, opt.Limits.Set(l.Name, c.limit))
		_, err := Decode(c.within, opt)
		require.NoError(t, err, l.Name)
		_, err = Decode(c.over, opt)
		var beyond *LimitError
		require.ErrorAs(t, err, &beyond, l.Name)
		require.Equal(t, l.Name, beyond.Name)
		require.Equal(t, c.limit, beyond.Limit)
		require.ErrorContains(t, err, fmt.Sprintf("(limit %q)", l.Name))
		_, err = Decode(c.over, LoadOptions{})
		require.NoError(t, err, "the default lets it through: %s", l.Name)
	}
	var l Limits
	require.ErrorContains(t, l.Set("nodes", 0), "below 1")
	require.ErrorContains(t, l.Set("sheep", 1), "no limit")
}

// The defaults that a small file can reach.
func TestDefaultLimits(t *testing.T) {
	for name, data := range map[string][]byte{
		"functions":  append(msg(modelGraph), bytes.Repeat(caller("a"), 10_001)...),
		"elements":   msg(modelGraph, msg(graphInit, num(tensorDims, 1<<40+1), num(tensorType, 1), num(tensorLocation, 1), msg(tensorExternal, str(1, "location"), str(2, "w")))),
		"name":       msg(modelGraph, str(graphName, strings.Repeat("n", 64<<10+1))),
		"attributes": msg(modelGraph, msg(graphNode, bytes.Repeat(msg(nodeAttr), 10_001))),
	} {
		var beyond *LimitError
		_, err := Decode(data, LoadOptions{External: ExternalSkip})
		require.ErrorAs(t, err, &beyond, name)
		require.Equal(t, name, beyond.Name)
	}
	// A file of more than 2 GiB, all hole.
	path := filepath.Join(t.TempDir(), "big.onnx")
	f, err := os.Create(path)
	require.NoError(t, err)
	defer f.Close()
	if err := f.Truncate(1 << 31); err != nil {
		t.Skip(err)
	}
	_, err = Load(path, LoadOptions{})
	var beyond *LimitError
	require.ErrorAs(t, err, &beyond)
	require.Equal(t, "file", beyond.Name)
}

// Functions that come to call themselves are refused, also where the call hides in a subgraph; a lenient reader tells of them.
func TestCallsInACircle(t *testing.T) {
	hidden := msg(modelFunctions, str(funcName, "b"), str(funcDomain, "f"),
		msg(funcNode, str(nodeOp, "If"), msg(nodeAttr, str(attrName, "then_branch"), msg(attrG, msg(graphNode, str(nodeOp, "a"), str(nodeDomain, "f"))))))
	ring := msg(modelGraph)
	for i := range 50 {
		ring = append(ring, caller(fmt.Sprint(i), fmt.Sprint((i+1)%50))...)
	}
	for want, data := range map[string][]byte{
		"f.a -> f.a":        append(msg(modelGraph), caller("a", "a")...),
		"f.a -> f.b -> f.a": append(msg(modelGraph), append(caller("a", "b"), hidden...)...),
		"f.0 -> f.1 -> f.2 -> f.3 -> (46 more) -> f.0": ring,
	} {
		_, err := Decode(data, LoadOptions{})
		require.ErrorContains(t, err, "call each other in a circle")
		require.ErrorContains(t, err, want)
		var told []graph.Finding
		_, err = Decode(data, LoadOptions{Lenient: true, Report: func(f graph.Finding) { told = append(told, f) }})
		require.NoError(t, err)
		require.Len(t, told, 1)
		require.Contains(t, told[0].Message, want)
	}
	// Two ways to the same function are none.
	_, err := Decode(append(msg(modelGraph), append(caller("a", "b", "b"), caller("b")...)...), LoadOptions{})
	require.NoError(t, err)
}

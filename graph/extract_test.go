package graph

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const extractModel = `<ir_version: 8, opset_import: ["" : 18, "local" : 1]>
g (float[N,4] x, float[N,4] z, bool c) => (float[N,4] y, float[N,2] p)
<float[4,4] w = {1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16}, float[4] b = {1,2,3,4}, float[4] unused = {0,0,0,0}, float[N,4] h, float[N,4] a> {
	h = MatMul(x, w)
	a = Add(h, b)
	t = local.Twice(a)
	p, q = Split<axis = 1, num_outputs = 2>(t)
	y = If(c) <then_branch = yes () => (float[N,4] yt) { yt = Mul(a, z) }, else_branch = no () => (float[N,4] yn) { yn = Identity(a) }>
}
<domain: "local", opset_import: ["" : 18]> Twice (v) => (r) { r = local.Sum2(v, v) }
<domain: "local", opset_import: ["" : 18]> Sum2 (v, w) => (r) { r = Add(v, w) }
<domain: "local", opset_import: ["" : 18]> Never (v) => (r) { r = Neg(v) }
`

func extractOf(t *testing.T, ins, outs []string) *Model {
	t.Helper()
	m := mustModel(t, extractModel)
	before := m.String()
	c, err := Extract(m, ins, outs)
	require.NoError(t, err)
	require.Empty(t, c.Verify())
	require.Equal(t, before, m.String(), "the model itself is not changed")
	back, err := ParseModel(c.String(), ParseOptions{})
	require.NoError(t, err, c.String())
	require.Equal(t, c.String(), back.String())
	return c
}

func valueNames(list []*Value) (names []string) {
	for _, v := range list {
		names = append(names, v.Name)
	}
	return names
}

func TestExtract(t *testing.T) {
	for _, c := range []struct {
		reason                string
		ins, outs             []string
		wantIns, inits, infos []string
		nodes, functions      int
	}{
		{"only what the output needs", []string{"x"}, []string{"h"}, []string{"x"}, []string{"w"}, nil, 1, 0},
		{"functions that functions call", []string{"a"}, []string{"q"}, []string{"a"}, nil, nil, 2, 2},
		{"values of subgraphs from outside", []string{"h", "z", "c"}, []string{"y"}, []string{"h", "z", "c"}, []string{"b"}, []string{"a"}, 2, 0},
		{"inputs by default, in the model's order", nil, []string{"y"}, []string{"x", "z", "c"}, []string{"w", "b"}, []string{"h", "a"}, 3, 0},
		{"outputs by default", []string{"a", "c", "z"}, nil, []string{"a", "c", "z"}, nil, nil, 3, 2},
		{"an initializer as input", []string{"w", "x"}, []string{"a"}, []string{"w", "x"}, []string{"b"}, []string{"h"}, 2, 0},
		{"one output of a node cut, the other needed", []string{"p", "t"}, []string{"q"}, []string{"p", "t"}, nil, nil, 1, 0},
		{"an input that nothing needs stays", []string{"x", "c"}, []string{"h"}, []string{"x", "c"}, []string{"w"}, nil, 1, 0},
		{"a former output keeps its type inside", []string{"t"}, []string{"q", "p"}, []string{"t"}, nil, nil, 1, 0},
		{"an initializer as output", []string{"x"}, []string{"b", "h"}, []string{"x"}, []string{"w", "b"}, nil, 1, 0},
	} {
		t.Run(c.reason, func(t *testing.T) {
			m := extractOf(t, c.ins, c.outs)
			require.Equal(t, c.wantIns, valueNames(m.Graph.Inputs))
			if c.outs != nil {
				require.Equal(t, c.outs, valueNames(m.Graph.Outputs))
			} else {
				require.Equal(t, []string{"y", "p"}, valueNames(m.Graph.Outputs))
			}
			require.Equal(t, c.inits, valueNames(m.Graph.Inits))
			require.Equal(t, c.infos, valueNames(m.Graph.ValueInfo))
			require.Equal(t, c.nodes, m.Graph.NumNodes())
			require.Len(t, m.Functions, c.functions)
			require.Len(t, m.Opsets, 2)
		})
	}
}

func TestExtractRefuses(t *testing.T) {
	m := mustModel(t, extractModel)
	for _, c := range []struct {
		ins, outs []string
		want      ExtractError
	}{
		{[]string{"X"}, []string{"hh", "h"}, ExtractError{Unknown: []string{"X", "hh"}}},
		{[]string{"x"}, []string{"yt"}, ExtractError{Inner: []string{"yt"}}},
		{[]string{"x", "x"}, []string{"h"}, ExtractError{Twice: []string{"x"}}},
		{[]string{"x"}, []string{"x"}, ExtractError{Twice: []string{"x"}}},
		{[]string{"h", "c"}, []string{"y"}, ExtractError{Missing: []MissingInput{{"z", "y"}}}},
		{[]string{"h"}, []string{"x"}, ExtractError{Missing: []MissingInput{{"x", ""}}}},
	} {
		_, err := Extract(m, c.ins, c.outs)
		var e *ExtractError
		require.ErrorAs(t, err, &e)
		require.Equal(t, c.want, *e)
		require.NotEmpty(t, e.Error())
	}
	require.EqualError(t, &ExtractError{Unknown: []string{"a"}, Missing: []MissingInput{{"x", "n"}}},
		`the graph has no value "a"; input "x" is needed by node "n" and is not among the inputs given`)
}

func TestExtractFollowsOuterValuesThatASubgraphReturns(t *testing.T) {
	m := mustModel(t, extractModel)
	y, _ := m.Graph.Find("y").Producer()
	for _, sub := range y.Subgraphs() {
		for n := sub.First(); n != nil; n = sub.First() {
			sub.Remove(n)
		}
		sub.Outputs = []*Value{m.Graph.Find("a")}
	}
	c, err := Extract(m, []string{"h", "c"}, []string{"y"})
	require.NoError(t, err)
	require.NotNil(t, c.Graph.Find("a"))
}

package onnxio

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
)

// found is the findings of a report as "severity rule where: message".
func secure(t *testing.T, path string, opt SecurityOptions) (lines []string) {
	t.Helper()
	r, err := Security(path, opt)
	require.NoError(t, err)
	for _, f := range r.Findings {
		lines = append(lines, f.Severity.String()+" "+strings.TrimPrefix(f.Rule, "security/")+" "+f.Where+": "+f.Message)
		require.True(t, strings.HasPrefix(f.Rule, "security/"), f.Rule)
	}
	return lines
}

func TestSecurityFindings(t *testing.T) {
	node := func(op, domain string, more ...[]byte) []byte {
		return msg(graphNode, append([][]byte{str(nodeOp, op), str(nodeDomain, domain), str(nodeName, "n")}, more...)...)
	}
	ints := func(name string, dims ...uint64) []byte {
		b := append(num(tensorDims, uint64(len(dims))), num(tensorType, 7)...)
		for _, d := range dims {
			b = append(b, num(tensorInt64s, d)...)
		}
		return msg(graphInit, append(b, str(tensorName, name)...))
	}
	inGraph := func(fields ...[]byte) []byte { return msg(modelGraph, fields...) }
	standard := func(id graph.OpID) bool {
		return id.Domain == "" && (id.Op == "Relu" || id.Op == "Add" || id.Op == "Loop")
	}
	function := func(domain, name string) []byte {
		return append(inGraph(), msg(modelFunctions, str(funcName, name), str(funcDomain, domain))...)
	}
	for name, c := range map[string]struct {
		data []byte
		want []string // parts of lines, all of them
	}{
		"nothing":        {inGraph(node("Relu", ""), node("Add", "ai.onnx")), nil},
		"no model":       {[]byte("\xff\xff\xff"), []string{"error damage model: from byte 0 on, 3 bytes cannot be read", "error refused"}},
		"empty":          {nil, []string{"error refused model: is not loaded: at byte 0, in model: not an ONNX model"}},
		"trailing bytes": {append(inGraph(), 0, 1, 2, 3), []string{"error damage model: from byte 2 on, 4 bytes cannot be read: not a field tag", "error refused"}},
		"cut":            {inGraph(node("Relu", ""))[:9], []string{"error damage model: from byte 0 on, 9 bytes", "error refused"}},
		"damage inside":  {append(inGraph(msg(graphNode, []byte{0xff})), str(modelProducer, "x\x1b[1m")...), []string{"error damage model.graph[0].node[0]: from byte 4 on", "error refused", `warning control-characters model.producer_name: has control characters`}},
		"unknown fields": {append(inGraph(node("Relu", "", num(99, 1), num(99, 2))), msg(200, make([]byte, 2000))...), []string{"warning unknown-fields model: 1 fields of number 200 that the format does not know in a model, 2004 bytes", "info unknown-fields model.graph[0].node[0]: 2 fields of number 99"}},
		"wrong type":     {append(inGraph(), num(modelProducer, 1)...), []string{"info unknown-fields model: 1 fields of number 2"}},
		"two graphs":     {append(inGraph(), inGraph(node("Relu", ""))...), []string{"warning repeated-field model: gives graph 2 times"}},
		"two values":     {inGraph(msg(graphInit, num(tensorType, 2), msg(tensorRaw, []byte{1}), msg(tensorRaw, []byte{2}))), []string{"warning repeated-field model.graph[0].initializer[0]: gives raw_data 2 times"}},
		"escape":         {inGraph(node("Relu", "", str(nodeOutput, "a\x1b[2Jb"))), []string{`warning control-characters model.graph[0].node[0].output: has control characters, with which it can rewrite what a terminal shows: "a\x1b[2Jb"`}},
		"new line":       {inGraph(node("Relu", "", str(nodeOutput, "a\nb"), str(nodeDoc, "fine\n\tthere\r\n"))), []string{"warning control-characters model.graph[0].node[0].output"}},
		"bidi":           {inGraph(str(graphDoc, "a\u202eb")), []string{"warning bidi model.graph[0].doc_string"}},
		"unseen":         {inGraph(node("Relu", "", str(nodeOutput, "a\u200bb"))), []string{"warning invisible-characters model.graph[0].node[0].output"}},
		"other scripts":  {inGraph(str(graphName, "модель 模型 é"), str(graphDoc, "👩‍👩")), nil},
		"not UTF-8":      {inGraph(str(graphName, "\xff")), []string{"warning not-utf8 model.graph[0].name"}},
		"address":        {append(inGraph(str(graphDoc, "see https://example.com/x for")), msg(modelProps, str(entryKey, "k"), str(entryValue, "file:///etc"))...), []string{`info url model: 2 texts have an address, the first is "https://example.com/x" in model.graph[0].doc_string`}},
		"custom":         {inGraph(node("Run", "evil.domain"), node("Walk", "evil.domain")), []string{`warning custom-operators domain "evil.domain": 2 nodes ("Run", "Walk") need code from elsewhere`}},
		"hidden custom":  {inGraph(node("Loop", "", msg(nodeAttr, str(attrName, "body"), msg(attrG, node("Run", "evil"))))), []string{`warning custom-operators domain "evil": 1 nodes`}},
		"runtime":        {inGraph(node("FusedMatMul", "com.microsoft")), []string{`info runtime-operators domain "com.microsoft": 1 nodes ("FusedMatMul") need ONNX Runtime`}},
		"not standard":   {inGraph(node("Relux", "")), []string{`warning unknown-operators domain "": 1 nodes ("Relux")`}},
		"python":         {inGraph(node("PyOp", "ai.onnx.contrib")), []string{`warning code node "n": "ai.onnx.contrib.PyOp" calls Python`, `warning custom-operators domain "ai.onnx.contrib"`}},
		"program": {inGraph(node("EPContext", "com.microsoft", msg(nodeAttr, str(attrName, "embed_mode"), num(attrType, 2), num(attrI, 0)), msg(nodeAttr, str(attrName, "ep_cache_context"), num(attrType, 3), str(attrS, "../x.bin")))),
			[]string{`warning code node "n"`, `warning external-program node "n": names the file "../x.bin"`, "info runtime-operators"}},
		"function":     {append(inGraph(node("F", "f")), caller("F")...), nil},
		"shadow":       {function("ai.onnx", "Relu"), []string{`warning shadow function "Relu": has the name of a standard operator`}},
		"no shadow":    {function("", "Reluxx"), nil},
		"fill":         {inGraph(node("ConstantOfShape", "", str(nodeInput, "s")), ints("s", 1<<20, 1<<10)), []string{`warning tensor-bomb node "n": makes a tensor of at least 4.0 GiB out of constants: ConstantOfShape[1048576 1024]`, "unknown-operators"}},
		"overflow":     {inGraph(node("Expand", "", str(nodeInput, "x"), str(nodeInput, "s")), ints("s", 1<<40, 1<<40)), []string{"more than any machine has", "unknown-operators"}},
		"tile":         {inGraph(node("Constant", "", str(nodeOutput, "s"), msg(nodeAttr, str(attrName, "value_ints"), num(attrType, 7), num(attrInts, 1<<31))), node("Tile", "", str(nodeInput, "x"), str(nodeInput, "s"))), []string{"warning tensor-bomb", "unknown-operators"}},
		"random":       {inGraph(node("RandomNormal", "", msg(nodeAttr, str(attrName, "shape"), num(attrType, 7), num(attrInts, 1<<31)))), []string{"warning tensor-bomb", "unknown-operators"}},
		"range":        {inGraph(node("Range", "", str(nodeInput, "a"), str(nodeInput, "b"), str(nodeInput, "c")), ints("a", 0), ints("b", 1<<62), ints("c", 1)), []string{"warning tensor-bomb", "unknown-operators"}},
		"pad":          {inGraph(node("Pad", "", str(nodeInput, "x"), str(nodeInput, "p")), ints("p", 0, 1<<40)), []string{"warning tensor-bomb", "unknown-operators"}},
		"one hot":      {inGraph(node("OneHot", "", str(nodeInput, "x"), str(nodeInput, "d")), ints("d", 1<<40)), []string{"warning tensor-bomb", "unknown-operators"}},
		"small fill":   {inGraph(node("ConstantOfShape", "", str(nodeInput, "s")), ints("s", 1<<10, 1<<10)), []string{"unknown-operators"}},
		"sparse":       {inGraph(msg(graphSparseInit, num(sparseDims, 1<<20), num(sparseDims, 1<<20))), []string{"warning tensor-bomb initializer"}},
		"loop":         {inGraph(node("Loop", "", str(nodeInput, "m")), ints("m", 1<<62)), []string{"info long-loop"}},
		"rank":         {inGraph(msg(graphInit, bytes.Repeat(num(tensorDims, 1), 100), num(tensorType, 2), msg(tensorRaw, []byte{1}))), []string{`error refused model: is not loaded: at byte`}},
		"short tensor": {inGraph(msg(graphInit, num(tensorDims, 2), num(tensorType, 2), msg(tensorRaw, []byte{1})), node("X", "evil")), []string{"error refused", "warning custom-operators"}},
	} {
		lines := secure(t, writeModel(t, t.TempDir(), c.data), SecurityOptions{Standard: standard})
		require.Len(t, lines, len(c.want), "%s: %q", name, lines)
		for _, want := range c.want {
			require.Contains(t, strings.Join(lines, "\n"), want, name)
		}
	}
	_, err := Security(filepath.Join(t.TempDir(), "none"), SecurityOptions{})
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = Security(t.TempDir(), SecurityOptions{})
	require.ErrorContains(t, err, "not a regular file")
}

// Every hostile place of external data, which Load refuses, is an error of the report, too.
func TestSecurityOfHostileData(t *testing.T) {
	dir, cases := hostileFolder(t)
	for _, c := range cases {
		path := writeModel(t, dir, carriers["attribute"](refer(c.keys...)))
		r, err := Security(path, SecurityOptions{})
		require.NoError(t, err)
		require.NotEmpty(t, r.Findings)
		require.Equal(t, graph.Error, r.Findings[0].Severity, "%q: %v", c.keys, r.Findings)
	}
	if os.Symlink("w", filepath.Join(dir, "inner")) == nil {
		lines := secure(t, writeModel(t, dir, carriers["initializer"](refer("location", "inner"))), SecurityOptions{})
		require.Contains(t, lines, `info link data file "inner": "inner" is a link to "w"`)
	}
	lines := secure(t, writeModel(t, dir, carriers["initializer"](refer("location", "w"))), SecurityOptions{Load: LoadOptions{External: ExternalRefuse}})
	require.Equal(t, []string{`error external-data data file "w": 1 tensors have their values there, which the options forbid; it was not opened`}, lines)
	lines = secure(t, writeModel(t, dir, carriers["initializer"](refer("location", "w", "offset", "8"))), SecurityOptions{})
	require.Contains(t, lines, `warning hidden-bytes data file "w": 40 of 64 bytes (62.50 %) belong to no tensor`)
	inline := append(refer("location", "w"), msg(tensorRaw, make([]byte, 9))...)
	lines = secure(t, writeModel(t, dir, carriers["initializer"](inline)), SecurityOptions{})
	require.Contains(t, lines, `warning hidden-bytes tensor "w": has 9 bytes of values in the model though they are said to be in a data file`)
	lines = secure(t, writeModel(t, dir, msg(modelGraph, placed("a", 1, "location", "w"), placed("b", 1, "location", "W"))), SecurityOptions{})
	require.Contains(t, strings.Join(lines, "\n"), `warning case-clash tensor "b": "w" and "W" are one file`)
	lines = secure(t, writeModel(t, dir, carriers["initializer"](refer("location", "m.onnx"))), SecurityOptions{})
	require.Contains(t, strings.Join(lines, "\n"), "external-self")
}

// What the scan counts is what the decoder counts: a limit that is just high enough lets the model through, one less does not.
func TestSecuritySizes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.onnx")
	m := small(1)
	m.Graph.First().SetAttr(graph.GraphAttr("g", func() *graph.Graph {
		g := graph.NewGraph("inner")
		g.Append(graph.NewNode(graph.OpID{Domain: "f", Op: "a"}, nil, nil))
		return g
	}()))
	for i, callee := range []string{"b", "c"} {
		f := &graph.Function{ID: graph.OpID{Domain: "f", Op: string(rune('a' + i))}, Body: graph.NewGraph("")}
		f.Body.Append(graph.NewNode(graph.OpID{Domain: "f", Op: callee}, nil, nil))
		m.Functions = append(m.Functions, f)
	}
	require.NoError(t, Save(m, path, SaveOptions{}))
	r, err := Security(path, SecurityOptions{})
	require.NoError(t, err)
	exact, checked := Limits{}, 0
	for _, s := range r.Sizes {
		if s.Value > 0 {
			require.NoError(t, exact.Set(s.Name, s.Value))
		}
	}
	_, err = Load(path, LoadOptions{Limits: exact})
	require.NoError(t, err, "%+v", r.Sizes)
	for _, s := range r.Sizes {
		if s.Value < 2 {
			continue
		}
		less := exact
		require.NoError(t, less.Set(s.Name, s.Value-1))
		_, err = Load(path, LoadOptions{Limits: less})
		var beyond *LimitError
		require.ErrorAs(t, err, &beyond, s.Name)
		require.Equal(t, s.Name, beyond.Name)
		checked++
	}
	require.GreaterOrEqual(t, checked, 9)
}

// Deep nesting and a million findings end: the report has a bounded size.
func TestSecurityIsBounded(t *testing.T) {
	deep := msg(graphNode)
	for range 3000 {
		deep = msg(graphNode, msg(nodeAttr, msg(attrG, deep)))
	}
	lines := secure(t, writeModel(t, t.TempDir(), msg(modelGraph, deep)), SecurityOptions{})
	require.Contains(t, strings.Join(lines, "\n"), "error depth")
	many := msg(modelGraph, bytes.Repeat(msg(graphNode, str(nodeName, "\x1b")), 100_000))
	r, err := Security(writeModel(t, t.TempDir(), many), SecurityOptions{})
	require.NoError(t, err)
	require.Less(t, len(r.Findings), 3*maxAlike)
	require.Contains(t, r.Findings[len(r.Findings)-1].Message, "more of this rule")
}

// Of the models of the ONNX test suite, none has an error, and what the report counts is what the decoder counts.
func TestSecurityOfSuite(t *testing.T) {
	models, rules := 0, map[string]int{}
	eachArchived(t, isModel, func(name string, data []byte) {
		if models++; testing.Short() && models > 300 {
			return
		}
		r, err := securityOf(data, filepath.Join(t.TempDir(), "m.onnx"), SecurityOptions{Ctx: t.Context()})
		require.NoError(t, err, name)
		var exact Limits
		for _, s := range r.Sizes {
			if s.Value > 0 {
				require.NoError(t, exact.Set(s.Name, s.Value))
			}
		}
		_, err = Decode(data, LoadOptions{Limits: exact})
		require.NoError(t, err, "%s: %+v", name, r.Sizes)
		for _, f := range r.Findings {
			rules[f.Rule]++
			require.NotEqual(t, graph.Error, f.Severity, "%s: %s", name, f)
		}
	})
	t.Logf("%d models: %v", models, rules)
}

// Damaged files get a report, whatever the damage.
func FuzzSecurity(f *testing.F) {
	f.Add(encodedSeed(f))
	f.Add(append(msg(modelGraph), append(caller("a", "b"), caller("b", "a")...)...))
	for _, build := range carriers {
		f.Add(build(refer("location", "../w", "offset", "9223372036854775807")))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := securityOf(data, filepath.Join(dir, "m.onnx"), SecurityOptions{Ctx: t.Context()})
		require.NoError(t, err)
		require.NotNil(t, r.Findings)
		if _, err := Decode(data, LoadOptions{}); err != nil { // whatever Load refuses is an error of the report
			require.NotEmpty(t, r.Findings)
			require.Equal(t, graph.Error, r.Findings[0].Severity, err)
		}
	})
}

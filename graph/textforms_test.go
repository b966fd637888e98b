package graph

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

func printAll(t testing.TB, m *Model) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, m.Print(&b, PrintOptions{MaxInline: -1, Notes: true}))
	return b.String()
}

// everyNote has every kind of note with every field, and every form that the syntax lacks, as Print writes them.
func everyNote(t testing.TB) string {
	b, err := os.ReadFile("testdata/notes.txt")
	require.NoError(t, err)
	return string(b)
}

func TestTextOfEveryNote(t *testing.T) {
	everyNote := everyNote(t)
	m, err := ParseModel(everyNote, ParseOptions{})
	require.NoError(t, err)
	require.Equal(t, everyNote, printAll(t, m))
	require.Equal(t, everyNote, printAll(t, m.Clone()), "a copy prints the same")
	// Without notes it is still a text, of a model that computes the same.
	plain, err := ParseModel(strings.ReplaceAll(strings.ReplaceAll(m.String(), `string[2] w4 = {"a"}`, `string[1] w4 = {"a"}`), `["sha256": "00"]`, "{1, 2, 3}"), ParseOptions{})
	require.NoError(t, err)
	require.NotContains(t, m.String(), "#@")
	require.Equal(t, m.Graph.NumNodes(), plain.Graph.NumNodes())
	// A comment of another kind changes nothing.
	again, err := ParseModel(strings.ReplaceAll(everyNote, "#@ node doc", "# a comment\n#@ node doc"), ParseOptions{})
	require.NoError(t, err)
	require.Equal(t, everyNote, printAll(t, again))
}

func TestNotesMeanWhatTheySay(t *testing.T) {
	m, err := ParseModel(everyNote(t), ParseOptions{})
	require.NoError(t, err)
	g := m.Graph
	require.Equal(t, "a\n\"b\"\r\\", g.Doc)
	require.Equal(t, []Prop{{Key: "k", Value: "v"}}, g.Props)
	require.Equal(t, Field{Number: 14, Value: []byte("\x0a\x01x\x12\x11\x0a\x0cSCALE_TENSOR\x12\x01s")}, g.Extra.Kept[0])
	in := g.Inputs[0]
	require.Equal(t, "float", in.Name)
	require.Equal(t, "IMAGE", in.Type.Denotation)
	require.Equal(t, "BATCH", in.Type.Extra.Dims[0].Denotation)
	require.Equal(t, "5", in.Type.Extra.Dims[1].Param)
	require.True(t, in.Type.Shape.Dims[1].Is(5))
	require.Equal(t, "\xff\x0a", g.Inputs[len(g.Inputs)-1].Name)
	w := g.Inits[0].Const
	require.Equal(t, tensor.CarrierTyped, w.Meta.Carrier)
	require.Equal(t, []uint32{0x7fc00000, 0xffc00000, 0x7fc00001, 0x7f800000, 0x80000000, 1}, tensor.Cast[uint32](w.Bytes()))
	n := g.First()
	require.Equal(t, AttrKind(77), n.Attrs.Get("d").Kind)
	e := n.Attrs.Get("e")
	require.Equal(t, AttrInts, e.Kind)
	require.Equal(t, float32(2), e.F)
	require.Equal(t, OpID{"my-domain", "Op.1", "o v"}, n.Next().ID)
	require.Equal(t, []Prop{{Key: "k"}, {Value: "v"}, {Explicit: 6, Unknown: []byte{0xc0, 0x3e, 3}}}, []Prop{
		{Key: m.Props[0].Key}, {Value: m.Props[1].Value}, m.Props[2]})
	require.Zero(t, m.Props[0].Explicit)
	require.Len(t, m.Training, 2)
	require.Equal(t, "Neg", m.Training[0].Algorithm.First().ID.Op)
	require.Len(t, m.Functions, 2)
	require.Len(t, m.Functions[0].Body.ValueInfo, 2)
}

// The example of docs/text.md is a text.
func TestTextOfTheDocs(t *testing.T) {
	page, err := os.ReadFile("../docs/text.md")
	require.NoError(t, err)
	_, text, ok := strings.Cut(string(page), "```\n")
	require.True(t, ok)
	text, _, _ = strings.Cut(text, "```")
	m, err := ParseModel(text, ParseOptions{Resolve: func(string) (*tensor.Tensor, error) { return tensor.Zeros(tensor.Float32, 8, 16), nil }})
	require.NoError(t, err)
	require.Equal(t, "two layers", m.Graph.Doc)
	require.Equal(t, "layer.0", m.Graph.First().Props[0].Value)
	require.Equal(t, tensor.CarrierExternal, m.Graph.Find("big").Const.Meta.Carrier)
}

// What the standard syntax allows beyond what Print writes.
func TestTextOfTheStandard(t *testing.T) {
	m, err := ParseModel(`
# no header, a default for an input, omitted inputs without quotes, attributes behind the inputs, all blanks of C
"g" (float[2] x = {1, 2e0}, float y) => (float float)
<float[N] a, float[0] e = {}> {
	a = ai.onnx.Clip(x,, y) <min = -0, s: floats = [1, -0, 2.5], t: float = 3>`+"\v\f\r"+`
	float = Add(a, a)
	= Print(a,"")
}
f <a, b: int = 3> (float[3] x, y) => (seq(float) z) <float q> { z = Relu(x) }`, ParseOptions{})
	require.NoError(t, err)
	g := m.Graph
	require.Equal(t, []float32{1, 2}, tensor.Data[float32](g.Inputs[0].Const))
	clip := g.First()
	require.Equal(t, OpID{Domain: "ai.onnx", Op: "Clip"}, clip.ID)
	require.Equal(t, 3, clip.NumIn())
	require.Nil(t, clip.In(1))
	require.Equal(t, AttrInt, clip.Attrs.Get("min").Kind)
	require.Equal(t, float32(3), clip.Attrs.Get("t").F)
	require.Equal(t, "-0.0", float32Text(clip.Attrs.Get("s").Floats[1]))
	require.Equal(t, "float", g.Outputs[0].Name)
	f := m.Functions[0]
	require.Len(t, f.Body.ValueInfo, 3)
	require.Equal(t, KindTensor, f.Body.Inputs[0].Type.Kind)
	require.Equal(t, KindSequence, f.Body.Outputs[0].Type.Kind)
}

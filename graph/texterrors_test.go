package graph

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// in is a text with one node's attributes; local one with one entry of the locals.
func inAttrs(attrs string) string { return "<ir_version: 8>\ng () => () { y = A <" + attrs + "> () }" }
func local(entry string) string   { return "<ir_version: 8>\ng () => ()\n<" + entry + "> {}" }

// refusedTexts have what the error must say of each.
var refusedTexts = map[string]string{
	"": "line 1, column 1: want a name, have the end",
	"<ir_version: 8>\ng (float[N] x => (y) {}":    `line 2, column 15: want "," or ")", have "=>"`,
	"<ir_version: x>":                             `line 1, column 14: want an integer, have "x"`,
	"<ir_version: 9223372036854775808>":           "want an integer",
	"<ir_version: 8>\ng () => () {\n y = Relu(x":  `line 3, column 12: want "," or ")", have the end`,
	"<ir_version: 8>\ng () => () {\n é\" = A() }": `line 3, column 2: want a name`,
	"<what: 8>":                                               `unknown model field "what"`,
	`<producer_name: "abc`:                                    "line 1, column 17: string without an end",
	`<producer_name: x"abc"`:                                  "two hexadecimal digits",
	"<ir_version: 8> g () => () {} f":                         `want "(", have the end`,
	"<ir_version: 8> g () => () {} <what: 1> f":               `unknown function field "what"`,
	"<ir_version: 8> g () => () {} training_info { what: 1 }": `unknown field "what" of training_info`,
	"<ir_version: 8> g () => () { y = A (x) } }":              "want a name",
	"<ir_version: 8> g (float[] x = {1}) => () {}":            "needs a type with constant dims",
	"<ir_version: 8> g (float[,] x) => () {}":                 "want a dimension",
	"<ir_version: 8> g (seq(what) x) => () {}":                `unknown type "what"`,
	"<ir_version: 8> g (map(what, float) x) => () {}":         `unknown element type "what"`,
	"<ir_version: 8> g (dtype(9999999999) x) => () {}":        "32 bits",

	inAttrs("a = []"):                                     "needs its kind",
	inAttrs("a: nonsense = 1"):                            `unknown attribute kind "nonsense"`,
	inAttrs("a: kind(9999999999) = 1"):                    "32 bits",
	inAttrs("a: int = [1]"):                               "not a list",
	inAttrs("a: int = 1.5"):                               "is a float, stated as int",
	inAttrs("a = [1, 1.5]"):                               "a float in a list of ints",
	inAttrs("a"):                                          `want "=" and the value of attribute "a"`,
	inAttrs("a = 99999999999999999999"):                   "bad number",
	inAttrs("a = 1e99"):                                   "too large for a float of 32 bits",
	inAttrs("a = nan(0x3f800000)"):                        "is a number",
	inAttrs("a = nan(7)"):                                 "nan(0x",
	"<ir_version: 8> g () => () { y = A <a = nan(1":       "without an end",
	inAttrs("a = 0x10"):                                   "bad number",
	inAttrs("a = ="):                                      "want an attribute value",
	inAttrs("a = float[1] t {1.0}, b = float[1] t"):       `want "=" and the values of tensor "t"`,
	inAttrs("a = sparse_tensor(float[3]) (int64 {1}, ?)"): "of another type",
	inAttrs("a = sparse_tensor(float[N]) (?, ?)"):         "constant dims",

	local("float[3] w = {1, 2}"):                  "2 numbers, want 3",
	local("float[3] w = {1, 2, 3, 4}"):            "4 numbers, want 3",
	local("float[3] w = {1, 2, }"):                "want a number",
	local("float[3] w = {1 2 3}"):                 `want a number, "," or "}"`,
	local("float[3] w = {"):                       `want a number, "," or "}", have ">"`,
	local("float[3] w = 1"):                       "want the values of a tensor",
	local("float[1] w = {x}"):                     `bad number "x"`,
	local("double[1] w = {1e999}"):                "too large for a float of 64 bits",
	local("double[1] w = {nan(0x0)}"):             "is a number",
	local("float[-1] w = {}"):                     "negative dim",
	local("float[4294967296,4294967296] w = {1}"): "too many",
	local("float[1000000000000] w = {1}"):         "1 numbers, want 1000000000000",
	local("dtype(99)[1] w = {1}"):                 "no fixed element size",
	local("int8[1] w = {200}"):                    "200 is out of the range of int8",
	local("int8[1] w = {-129}"):                   "out of the range",
	local("uint8[1] w = {-1}"):                    "out of the range",
	local("int64[1] w = {9223372036854775808}"):   "out of the range",
	local("uint64[1] w = {18446744073709551616}"): "bad integer",
	local("int4[1] w = {8}"):                      "out of the range",
	local("float16[1] w = {65536}"):               "out of the range",
	local("float16[1] w = {1.x}"):                 "bad number",
	local("float8e4m3fn[1] w = {1000.0}"):         "has no value 1000.0",
	local("string[1] w = {1}"):                    "want a string",
	local(`string[2] w = {"a"}`):                  "has 1 elements",
	local(`float[3] w = ["sha256": "00"]`):        "not in the text",

	"#@": "want what the note is of",
	"#@ node doc_string: \"x\"\n<ir_version: 8> g () => () {}":                           "line 1, column 1: a note of a node, which does not stand here",
	"#@ model what\ng () => () {}":                                                       `line 1, column 10: a note of a model has no field "what"`,
	"#@ model usual: [what]\ng () => () {}":                                              `usual does not know "what"`,
	"#@ model usual: what\ng () => () {}":                                                "wants a list in brackets",
	"#@ model unknown: 1\ng () => () {}":                                                 "unknown wants a string",
	"#@ model explicit: [what]\ng () => () {}":                                           `a model has no field "what"`,
	"#@ model configuration: 1\ng () => () {}":                                           "wants {field: value",
	"#@ model configuration: {what: 1}\ng () => () {}":                                   `there is no field "what" here`,
	"#@ model configuration: {num_devices: \"\"}\ng () => () {}":                         "num_devices wants an integer",
	"#@ model configuration: {name: 1}\ng () => () {}":                                   "name wants a string",
	"#@ graph quantization_annotation: {quant_parameter_tensor_names: 1}\ng () => () {}": "wants {field: value",
	"#@ graph metadata_props: [1]\ng () => () {}":                                        "wants a list of",
	"#@ graph doc_string: \"a\n\"\ng () => () {}":                                        "ends on its line",
	"#@ graph doc_string: (\ng () => () {}":                                              "want a value",
	"#@ graph 1\ng () => () {}":                                                          "want a field of the note",
	"#@ graph a b\ng () => () {}":                                                        `want ","`,
	"g () => ()\n<\n#@ tensor typed\nfloat w> {}":                                        "which a note says is a tensor",
	"g () => ()\n<\n#@ tensor segment: {what: 1}\nfloat w = {1}> {}":                     `a segment has no field "what"`,
	"g () => ()\n<\n#@ tensor segment: {begin: \"\"}\nfloat w = {1}> {}":                 "begin wants an integer",
	"g () => ()\n<\n#@ sparse what\nfloat w = {1}> {}":                                   "has no field",
	"g () => () {\n#@ node absent: [domain]\n}":                                          "does not stand here",
}

func TestParseErrorsNamePlaceAndWant(t *testing.T) {
	for text, want := range refusedTexts {
		_, err := ParseModel(text, ParseOptions{})
		require.ErrorContains(t, err, want, text)
		require.Regexp(t, `^line \d+, column \d+: `, err.Error(), text)
	}
	_, err := ParseGraph("g () => () {} x", ParseOptions{})
	require.ErrorContains(t, err, "want the end")
	_, err = ParseFunction("f () => () {} x", ParseOptions{})
	require.ErrorContains(t, err, "want the end")
	_, err = ParseModel(local(`float[3] w = ["sha256": "00"]`), ParseOptions{Resolve: func(string) (*tensor.Tensor, error) {
		return tensor.Zeros(tensor.Float32, 4), nil
	}})
	require.ErrorContains(t, err, "want float[3]")
	_, err = ParseModel(local(`float[3] w = ["sha256": "00"]`), ParseOptions{Resolve: func(string) (*tensor.Tensor, error) {
		return nil, fmt.Errorf("lost")
	}})
	require.ErrorContains(t, err, "lost")
}

// Text of a few hundred kilobytes cannot nest without bound, and is not read in more than linear time or much more memory than it has.
func TestHostileTextIsBounded(t *testing.T) {
	const n = 100_000
	began := time.Now()
	for _, c := range []struct{ text, want string }{
		{"g (" + strings.Repeat("seq(", n) + "float" + strings.Repeat(")", n) + " x) => () {}", "types are nested deeper than 128"},
		{strings.Repeat("g () => () { y = A <a = ", n), "subgraphs are nested deeper than 128"},
		{"#@ graph a: " + strings.Repeat("[", n) + "\ng () => () {}", "a note is nested deeper than 16"},
		{"#@ graph a: " + strings.Repeat("{a: ", n) + "\ng () => () {}", "a note is nested deeper than 16"},
		{local("float[" + strings.Repeat("9", n) + "] w = {}"), "constant dims"},
		{local("float[1] w = {" + strings.Repeat("9", n) + "}"), "too large"},
		{local("float[1] w = {" + strings.Repeat("1,", n) + "1}"), "100001 numbers, want 1"},
		{local("float[288230376151711743] w = {1}"), "want 288230376151711743"},
		{"g (float[" + strings.Repeat("(", n) + "] x) => () {}", "want"},
		{strings.Repeat("#@ node a\n", n) + "g () => () {}", "does not stand here"},
		{"g () => () {" + strings.Repeat("y = A (x) ", n) + "#", "want"},
		{strings.Repeat("#\n", n), "have the end"},
		{`<producer_name: "` + strings.Repeat(`\"`, n), "string without an end"},
	} {
		_, err := ParseModel(c.text, ParseOptions{})
		require.ErrorContains(t, err, c.want, "%.60s", c.text)
		require.Less(t, len(err.Error()), 400, "an error does not quote all of a text")
	}
	require.Less(t, time.Since(began), time.Minute)
}

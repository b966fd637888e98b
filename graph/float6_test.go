package graph

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Elements of six bits cross bytes; print and parse agree with the packing of raw_data.
func TestTextOfSixBitFloats(t *testing.T) {
	const text = `<
  ir_version: 14,
  opset_import: ["" : 28]
>
"g" (float6e2m3[5] x) => (float6e2m3[5] x)
<float6e2m3[5] w = {0.125, -7.5, 1.0, 2.5, -0.5},
 float6e3m2[0] e = {},
 float6e3m2[2,2] v = {28.0, -0.0625, 0.0, -16.0}>
{
}
`
	m, err := ParseModel(text, ParseOptions{})
	require.NoError(t, err)
	require.Equal(t, []byte{0xc1, 0x8f, 0x48, 0x24}, m.Graph.Inits[0].Const.Bytes())
	again, err := ParseModel(m.String(), ParseOptions{})
	require.NoError(t, err)
	require.Equal(t, m.String(), again.String())
	require.Contains(t, m.String(), "{28.0, -0.0625, 0.0, -16.0}")
	for i, v := range m.Graph.Inits {
		require.Equal(t, v.Const.Bytes(), again.Graph.Inits[i].Const.Bytes())
	}
	_, err = ParseModel(`<ir_version: 14, opset_import: ["" : 28]> g (float x) => (float x) <float6e3m2[1] w = {29.0}> { }`, ParseOptions{})
	require.ErrorContains(t, err, "float6e3m2 has no value 29.0")
}

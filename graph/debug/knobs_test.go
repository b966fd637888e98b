package debug

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	k, err := Parse("check, dump=topk-ffn,stop=17,level=avx2")
	require.NoError(t, err)
	require.Equal(t, Knobs{Check: true, Dump: "topk-ffn", Stop: 17, Level: "avx2"}, k)
	none, err := Parse("")
	require.NoError(t, err)
	require.Equal(t, Knobs{}, none)
	for _, bad := range []string{"nope=1", "check=perhaps", "stop=-1", "stop=x", "level=mmx"} {
		_, err := Parse(bad)
		require.Error(t, err, bad)
	}
	for _, row := range All() {
		require.NotEmpty(t, row.Help, row.Name)
	}
}

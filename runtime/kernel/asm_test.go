package kernel_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAVX2FunctionsUseNoAVX512 reads the generated assembly: a function made for
// AVX2 must not use the registers only AVX-512 has, which would go unnoticed on
// the machines that have both.
func TestAVX2FunctionsUseNoAVX512(t *testing.T) {
	files, err := filepath.Glob("*_amd64.s")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	function := regexp.MustCompile(`^TEXT ·(\w+)\(SB\)`)
	only512 := regexp.MustCompile(`\b([XY](1[6-9]|2[0-9]|3[01])|Z[0-9]+|K[0-7])\b`)
	seen := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		name, wide := "", false
		for line := range strings.Lines(string(text)) {
			if m := function.FindStringSubmatch(line); m != nil {
				name = m[1]
				wide = strings.Contains(name, "512")
				seen++
			} else if !wide && !strings.HasPrefix(line, "//") {
				require.NotRegexp(t, only512, line, "%s: %s", file, name)
			}
		}
	}
	require.Greater(t, seen, 50)
}

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every rule that the sources name has its line in docs/checks.md, and the reverse.
func TestRulesAreDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/checks.md")
	require.NoError(t, err)
	documented := map[string]bool{}
	for _, m := range regexp.MustCompile("`((?:verify|op|lint)/[a-z0-9-]+)`").FindAllSubmatch(doc, -1) {
		documented[string(m[1])] = true
	}
	used := map[string]bool{}
	for _, src := range []struct{ files, prefix, call string }{
		{"../../graph/verify.go", "verify/", `v\.(?:add|warn)\("([a-z0-9-]+)"`},
		{"../../graph/op/*.go", "", `"(op/[a-z0-9-]+)"`},
		{"../../onnxio/lint*.go", "lint/", `l\.(?:add|each)\("([a-z0-9-]+)"`},
	} {
		files, err := filepath.Glob(src.files)
		require.NoError(t, err)
		for _, f := range files {
			text, err := os.ReadFile(f)
			require.NoError(t, err)
			for _, m := range regexp.MustCompile(src.call).FindAllSubmatch(text, -1) {
				used[src.prefix+string(m[1])] = true
			}
		}
	}
	require.Greater(t, len(used), 50)
	require.Equal(t, used, documented)
}

package layout

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var link = regexp.MustCompile(`\]\(([^)#\s]+)(#[^)]*)?\)`)

// Links between documents and into the tree lead somewhere.
func TestLinks(t *testing.T) {
	dir := root(t)
	found := 0
	walk(t, dir, func(path string) {
		if filepath.Ext(path) != ".md" {
			return
		}
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, m := range link.FindAllStringSubmatch(string(b), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			found++
			_, err := os.Stat(filepath.Join(filepath.Dir(path), filepath.FromSlash(m[1])))
			require.NoError(t, err, "%s links to %s", path, m[1])
		}
	})
	require.Positive(t, found)
}

// README shows the library by the lines of a tested example.
func TestReadmeExample(t *testing.T) {
	dir := root(t)
	source, err := os.ReadFile(filepath.Join(dir, "sparsify", "calib", "example_test.go"))
	require.NoError(t, err)
	_, rest, ok := strings.Cut(string(source), "// README: the lines from here on stand there, too.\n")
	require.True(t, ok)
	lines, _, ok := strings.Cut(rest, "\t// README ends.\n")
	require.True(t, ok)
	var want []string
	for _, l := range strings.Split(strings.TrimRight(lines, "\n"), "\n") {
		want = append(want, strings.TrimPrefix(l, "\t"))
	}
	readme, err := os.ReadFile(filepath.Join(dir, "README.md"))
	require.NoError(t, err)
	require.Contains(t, string(readme), "```go\n"+strings.Join(want, "\n")+"\n```\n", "README's library example is not the tested one")
}

var verb = regexp.MustCompile(`(?m)^\t(\w+)\s+\w+Cmd\s`)

// README's table has every verb of the command.
func TestReadmeVerbs(t *testing.T) {
	dir := root(t)
	source, err := os.ReadFile(filepath.Join(dir, "tools", "onnx-rewrite", "main.go"))
	require.NoError(t, err)
	readme, err := os.ReadFile(filepath.Join(dir, "README.md"))
	require.NoError(t, err)
	verbs := verb.FindAllStringSubmatch(string(source), -1)
	require.NotEmpty(t, verbs)
	for _, v := range verbs {
		require.Regexp(t, "(?m)^\\|.*`"+strings.ToLower(v[1])+"`", string(readme), "README's table of verbs lacks %s", v[1])
	}
}

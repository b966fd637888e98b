package layout

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// allowed is a row of docs/imports.txt.
type allowed struct {
	ours, outside []string
	any           bool // everything of ours but what is for tests
	testsOnly     bool
}

func readTable(t *testing.T) map[string]allowed {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root(t), "docs", "imports.txt"))
	require.NoError(t, err)
	table, err := parseTable(string(b))
	require.NoError(t, err)
	return table
}

// outsideFits reports whether the import path is in one of the modules.
func (a allowed) outsideFits(path string) bool {
	return slices.ContainsFunc(a.outside, func(m string) bool { return path == m || strings.HasPrefix(path, m+"/") })
}

// violations lists what the package imports and may not.
func violations(p pkg, table map[string]allowed) []string {
	row, ok := table[p.name()]
	if !ok {
		return []string{p.name() + " is not in the table"}
	}
	var bad []string
	for _, path := range p.Imports {
		name, ours := strings.CutPrefix(path, module+"/")
		switch first, _, _ := strings.Cut(path, "/"); {
		case ours && (slices.Contains(row.ours, name) || row.any && !table[name].testsOnly):
		case ours:
			bad = append(bad, p.name()+" imports "+name)
		case !strings.Contains(first, "."): // the standard library
		case !row.outsideFits(path):
			bad = append(bad, p.name()+" imports "+path)
		}
	}
	return bad
}

func TestImportsFollowTheTable(t *testing.T) {
	table := readTable(t)
	for _, goos := range []string{"linux", "darwin", "windows"} {
		seen := map[string]bool{}
		for _, p := range goList(t, goos, "./...") {
			seen[p.name()] = true
			require.Empty(t, violations(p, table), "on %s: docs/imports.txt is the contract; change it only with the design", goos)
		}
		for name := range table {
			require.True(t, seen[name], "docs/imports.txt lists %s, which does not exist", name)
		}
	}
}

func TestViolationsAreSeen(t *testing.T) {
	table, err := parseTable("a | b | x.org/y | job\nb | - | - | job\nc | - | - | tests only: job\nd | any | - | job\n")
	require.NoError(t, err)
	of := func(name string, imports ...string) []string {
		return violations(pkg{ImportPath: module + "/" + name, Imports: imports}, table)
	}
	require.Empty(t, of("a", "fmt", module+"/b", "x.org/y", "x.org/y/z"))
	require.Equal(t, []string{"b imports a"}, of("b", module+"/a"))
	require.Equal(t, []string{"a imports x.org/yy"}, of("a", "x.org/yy"))
	require.Equal(t, []string{"d imports c"}, of("d", module+"/a", module+"/c"))
	require.Equal(t, []string{"e is not in the table"}, of("e"))
	_, err = parseTable("a | b | job")
	require.ErrorContains(t, err, "line 1")
	_, err = parseTable("a | b | - | job")
	require.ErrorContains(t, err, "b has no row")
}

// What `go install` fetches is what the table says, and no framework that only a bridge needs.
func TestCommandLinks(t *testing.T) {
	table := readTable(t)
	direct := map[string]bool{}
	for _, row := range table {
		if !row.testsOnly {
			for _, m := range row.outside {
				direct[m] = true
			}
		}
	}
	// What those modules need in turn.
	indirect := []string{"github.com/mattn/go-runewidth", "github.com/mitchellh/colorstring", "github.com/rivo/uniseg", "golang.org/x/text", "github.com/clipperhouse/uax29/v2", "github.com/clipperhouse/stringish"}
	for _, p := range goList(t, "linux", "-deps", "./tools/onnx-rewrite") {
		if p.Standard || p.Module == nil || p.Module.Path == module {
			require.False(t, table[p.name()].testsOnly, "the command links %s", p.name())
			continue
		}
		require.True(t, direct[p.Module.Path] || slices.Contains(indirect, p.Module.Path), "the command links %s", p.ImportPath)
	}
}

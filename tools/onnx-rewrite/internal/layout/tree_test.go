package layout

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The top level is fixed. Files that .gitignore names at the top may lie there.
func TestTopLevel(t *testing.T) {
	dir := root(t)
	fixed := []string{"go.mod", "go.sum", "onnxio", "graph", "passes", "runtime", "sparsify", "tools", "testmodels", "README.md", "docs", "LICENSE", "SECURITY.md"}
	ignored, err := os.ReadFile(filepath.Join(dir, ".gitignore"))
	require.NoError(t, err)
	var patterns []string
	for _, line := range strings.Fields(string(ignored)) {
		patterns = append(patterns, strings.Trim(line, "/"))
	}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		fits := func(pattern string) bool { ok, _ := filepath.Match(pattern, e.Name()); return ok }
		if strings.HasPrefix(e.Name(), ".") || slices.ContainsFunc(patterns, fits) {
			continue
		}
		require.Contains(t, fixed, e.Name(), "the top level has only %v", fixed)
	}
	for _, name := range fixed {
		require.FileExists(t, filepath.Join(dir, name, fileIn(name)))
	}
}

// fileIn is a file that a folder of the top level has, "" for a file.
func fileIn(name string) string {
	switch name {
	case "tools":
		return filepath.Join("onnx-rewrite", "main.go")
	case "docs":
		return "imports.txt"
	case "onnxio", "graph", "passes", "runtime", "sparsify", "testmodels":
		return "doc.go"
	}
	return ""
}

// `go install module/tools/onnx-rewrite@latest` refuses a module with replace directives; nested modules need one, back to the root.
func TestModules(t *testing.T) {
	dir := root(t)
	b, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	require.NoError(t, err)
	require.NotRegexp(t, `(?m)^\s*(replace|exclude)\b`, string(b))
	require.Regexp(t, `(?m)^go 1\.26`, string(b))
	nested := 0
	walk(t, dir, func(path string) {
		rel, _ := filepath.Rel(dir, path)
		if filepath.Base(path) != "go.mod" || rel == "go.mod" {
			return
		}
		nested++
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		if strings.Contains(string(b), module+" v") {
			back := strings.Repeat("../", strings.Count(filepath.ToSlash(rel), "/")-1) + ".."
			require.Contains(t, string(b), "replace "+module+" => "+back, rel)
		}
	})
	require.Positive(t, nested)
}

// Every package says what it is for, in doc.go unless it is a single file.
func TestPackagesAreDocumented(t *testing.T) {
	for _, p := range goList(t, "linux", "./...") {
		require.Regexp(t, `^(Package|Command) `+regexp.QuoteMeta(filepath.Base(p.Dir))+`\b`, p.Doc, p.ImportPath)
		files, err := filepath.Glob(filepath.Join(p.Dir, "*.go"))
		require.NoError(t, err)
		files = slices.DeleteFunc(files, func(f string) bool { return strings.HasSuffix(f, "_test.go") })
		if len(files) > 1 {
			require.FileExists(t, filepath.Join(p.Dir, "doc.go"))
		}
	}
}

// walk visits every file but those of version control.
func walk(t *testing.T, dir string, visit func(path string)) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if d.Name() == ".git" || d.Name() == "testdata" || d.Name() == "onnx-rewrite-demo" {
				return filepath.SkipDir
			}
			return nil
		}
		visit(path)
		return nil
	}))
}

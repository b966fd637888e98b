package onnxio

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/testmodels"
)

// eachArchived calls visit for the files of all conformance archives whose name keep accepts.
func eachArchived(t testing.TB, keep func(name string) bool, visit func(name string, data []byte)) {
	t.Helper()
	archives, err := filepath.Glob(filepath.Join(testmodels.Shared(t, "conformance"), "*.tar.gz"))
	require.NoError(t, err)
	require.NotEmpty(t, archives)
	for _, path := range archives {
		testmodels.EachArchived(t, path, func(name string, data []byte) {
			if keep(name) {
				visit(name, data)
			}
		})
	}
}

// sharedModels is the paths of all models beside the checkout.
func sharedModels(t testing.TB) []string {
	t.Helper()
	var list []string
	require.NoError(t, filepath.WalkDir(testmodels.Shared(t, "models"), func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && strings.HasSuffix(path, ".onnx") {
			list = append(list, path)
		}
		return err
	}))
	require.NotEmpty(t, list)
	return list
}

func isModel(name string) bool { return strings.HasSuffix(name, ".onnx") }

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return b
}

// encoded is what Encode writes.
func encoded(t testing.TB, encode func(io.Writer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, encode(&b))
	return b.Bytes()
}

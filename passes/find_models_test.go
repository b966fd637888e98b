package passes_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
	"github.com/onnx-rewrite/onnx-rewrite/passes"
	"github.com/onnx-rewrite/onnx-rewrite/testmodels"
)

// blockCount is a line of testdata/ffn_blocks.tsv.
type blockCount struct {
	path             string
	blocks, declined int
}

func blockCounts(t *testing.T) []blockCount {
	data, err := os.ReadFile("testdata/ffn_blocks.tsv")
	require.NoError(t, err)
	var list []blockCount
	for _, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		cells := strings.Split(line, "\t")
		require.Len(t, cells, 4, line)
		row := blockCount{path: cells[0]}
		row.blocks, err = strconv.Atoi(cells[1])
		require.NoError(t, err, line)
		row.declined, err = strconv.Atoi(cells[2])
		require.NoError(t, err, line)
		list = append(list, row)
	}
	return list
}

func loadShared(t *testing.T, root, path string) *graph.Model {
	m, err := onnxio.Load(filepath.Join(root, filepath.FromSlash(path)), onnxio.LoadOptions{Lenient: true})
	require.NoError(t, err, path)
	t.Cleanup(func() { m.Close() })
	return m
}

func TestBlocksOfEveryModel(t *testing.T) {
	root := testmodels.Shared(t, "models")
	listed := map[string]bool{}
	for _, want := range blockCounts(t) {
		listed[want.path] = true
		m := loadShared(t, root, want.path)
		before := m.String()
		found, declined := 0, 0
		var reasons []string
		for _, f := range passes.FindFFN(m) {
			require.NotEmpty(t, f.Name)
			if f.Reason == "" {
				found++
				require.NotEmpty(t, f.Act)
				require.Equal(t, f.Gate != nil, f.Gated())
				require.Positive(t, f.Weights())
				continue
			}
			declined++
			reasons = append(reasons, f.Name+": "+f.Reason)
		}
		require.Equal(t, want.blocks, found, "%s: %v", want.path, reasons)
		require.Equal(t, want.declined, declined, "%s: %v", want.path, reasons)
		require.True(t, before == m.String(), "%s: looking has changed the model", want.path)
	}
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".onnx" {
			rel, _ := filepath.Rel(root, path)
			require.True(t, listed[filepath.ToSlash(rel)], "%s is not in the table", rel)
		}
		return err
	})
	require.NoError(t, err)
}

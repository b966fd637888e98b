package onnxio

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
)

// maxExported is the size of the models that TestExportTexts writes out, without the numbers in data files.
const maxExported = 256 << 10

// With ONNX_REWRITE_EXPORT=DIR this writes pairs N.onnx and N.txt, the text of it as Print writes it with notes, for .ci/text.py to read
// with onnx.parser: every conformance model and every shared model of up to 256 KiB.
func TestExportTexts(t *testing.T) {
	dir := os.Getenv("ONNX_REWRITE_EXPORT")
	if dir == "" {
		t.Skip("ONNX_REWRITE_EXPORT is not set")
	}
	n := 0
	one := func(name string, data []byte) {
		if len(data) > maxExported {
			return
		}
		m, err := Decode(data, LoadOptions{Lenient: true, External: ExternalSkip})
		require.NoError(t, err, name)
		var text bytes.Buffer
		require.NoError(t, m.Print(&text, graph.PrintOptions{MaxInline: -1, Notes: true}))
		path := filepath.Join(dir, fmt.Sprintf("%04d", n))
		require.NoError(t, os.WriteFile(path+".onnx", data, 0o644))
		require.NoError(t, os.WriteFile(path+".txt", text.Bytes(), 0o644))
		require.NoError(t, os.WriteFile(path+".name", []byte(name), 0o644))
		n++
	}
	eachArchived(t, isModel, one)
	for _, path := range sharedModels(t) {
		one(filepath.Base(filepath.Dir(path))+"/"+filepath.Base(path), readFile(t, path))
	}
	t.Logf("%d models", n)
}

// With ONNX_REWRITE_PRINTED=DIR this reads the texts N.printed, which onnx.printer wrote, and writes the models N.back that they are; a text
// that is refused leaves N.refused with the reason.
func TestReadPrintedTexts(t *testing.T) {
	dir := os.Getenv("ONNX_REWRITE_PRINTED")
	if dir == "" {
		t.Skip("ONNX_REWRITE_PRINTED is not set")
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.printed"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	refused := 0
	for _, file := range files {
		base := strings.TrimSuffix(file, ".printed")
		m, err := graph.ParseModel(string(readFile(t, file)), graph.ParseOptions{})
		if err != nil {
			refused++
			require.NoError(t, os.WriteFile(base+".refused", []byte(err.Error()), 0o644))
			continue
		}
		var b bytes.Buffer
		require.NoError(t, Encode(&b, m), file)
		require.NoError(t, os.WriteFile(base+".back", b.Bytes(), 0o644))
	}
	t.Logf("%d texts, %d refused", len(files), refused)
}

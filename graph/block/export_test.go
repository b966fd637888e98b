package block_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
	"github.com/onnx-rewrite/onnx-rewrite/testmodels"
)

// TestExportVariants writes a small model of each variant at several opsets into the folder ONNX_REWRITE_EXPORT, for other runtimes to
// check. All variants of one family and activation share their weights.
func TestExportVariants(t *testing.T) {
	dir := os.Getenv("ONNX_REWRITE_EXPORT")
	if dir == "" {
		t.Skip("ONNX_REWRITE_EXPORT is not set: nothing to write")
	}
	for _, v := range testmodels.BlockVariants() {
		for _, opset := range []int64{11, 12, 13, 17, 18, 21} {
			m, err := testmodels.BlockCall(v, opset)
			require.NoError(t, err)
			var buf bytes.Buffer
			require.NoError(t, onnxio.Encode(&buf, m))
			require.NoError(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s.%d.onnx", v.Name(), opset)), buf.Bytes(), 0o644))
		}
	}
}

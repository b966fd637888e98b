package main

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestLinkedPackages: the binary holds no bridge to other frameworks and no test support. What else it may hold is in docs/imports.txt.
func TestLinkedPackages(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	require.NoError(t, err)
	list := strings.Fields(string(out))
	require.Contains(t, list, "github.com/onnx-rewrite/onnx-rewrite/runtime")
	require.NotContains(t, list, "testing")
	for _, p := range list {
		for _, word := range []string{"gorgonia", "onnx-go", "onnxgo", "testify", "graphtest", "kerneltest", "onnxpb"} {
			require.NotContains(t, p, word)
		}
	}
}

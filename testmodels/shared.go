package testmodels

import (
	"os"
	"path/filepath"
	"testing"
)

// RequireShared is the environment variable that turns a missing ../shared into a failure instead of a skip.
const RequireShared = "ONNX_REWRITE_SHARED_REQUIRED"

// Shared returns the folder of reference models and data that lies beside the checkout, joined with elem. Without it the test is
// skipped, or fails where RequireShared is set to 1.
func Shared(t testing.TB, elem ...string) string {
	t.Helper()
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(append([]string{root, "..", "shared"}, elem...)...)
	if _, err := os.Stat(dir); err != nil {
		if os.Getenv(RequireShared) == "1" {
			t.Fatalf("reference data is required here and missing: %v", err)
		}
		t.Skipf("reference data is not present: %v", err)
	}
	return dir
}

func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", os.ErrNotExist
		}
		dir = parent
	}
}

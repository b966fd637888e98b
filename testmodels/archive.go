package testmodels

import (
	"archive/tar"
	"compress/gzip"
	"io"
	"os"
	"path"
	"strings"
	"testing"
)

// EachArchived calls visit for each regular file of a tar.gz archive, in its order.
func EachArchived(t testing.TB, archive string, visit func(name string, data []byte)) {
	t.Helper()
	if err := eachArchived(archive, func(h *tar.Header) bool { return true }, visit); err != nil {
		t.Fatalf("%s: %v", archive, err)
	}
}

// BackendTests is the tests of an archive of the ONNX backend suite: for each name its files by path below the test's folder.
func BackendTests(t testing.TB, archive string) map[string]map[string][]byte {
	t.Helper()
	tests := map[string]map[string][]byte{}
	EachArchived(t, archive, func(name string, data []byte) {
		parts := strings.SplitN(path.Clean(name), "/", 3) // group, test, file
		if len(parts) < 3 {
			return
		}
		if tests[parts[1]] == nil {
			tests[parts[1]] = map[string][]byte{}
		}
		tests[parts[1]][parts[2]] = data
	})
	return tests
}

func eachArchived(archive string, keep func(*tar.Header) bool, visit func(name string, data []byte)) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if h.Typeflag != tar.TypeReg || !keep(h) {
			continue
		}
		data, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		visit(h.Name, data)
	}
}

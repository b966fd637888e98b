package onnxio

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
)

// The bounds that one malformed file must keep to.
const (
	malformedTime   = 100 * time.Millisecond
	malformedMemory = 64 << 20
)

// malformed runs files through the whole way in (Load, Verify, Lint, op.Check, op.Infer) and counts what became of them.
type malformed struct {
	t              *testing.T
	dir            string
	files          int
	refused, legal map[string]int
	slowest        time.Duration
	largest        uint64
}

// verdict is why a model file is refused, by the first who does; empty when nobody does.
func verdict(path string) (by string, err error) {
	m, err := Load(path, LoadOptions{})
	if err != nil {
		return "load", err
	}
	defer m.Close()
	if err := graph.Err(m.Verify()); err != nil {
		return "verify", err
	}
	if err := graph.Err(Lint(m)); err != nil {
		return "lint", err
	}
	if err := graph.Err(op.Check(m)); err != nil {
		return "check", err
	}
	report, err := op.Infer(m, op.InferOptions{})
	for _, s := range report.Stopped {
		if strings.Contains(s.Reason, "internal error") {
			return "", fmt.Errorf("inference panics: %+v", s)
		}
	}
	if err = errors.Join(err, graph.Err(report.Conflicts)); err != nil {
		return "infer", err
	}
	return "", Encode(io.Discard, m)
}

func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// file judges one file of content, or the one at the path when content is nil. The limits hold for the best of some tries, so that a busy
// machine fails nothing.
func (c *malformed) file(kind, name string, content []byte) (by string) {
	c.t.Helper()
	path := filepath.Join(c.dir, "m.onnx")
	if content == nil {
		path = name
	} else if err := os.WriteFile(path, content, 0o666); err != nil {
		c.t.Fatal(err)
	}
	var err error
	took, used := time.Duration(1<<62), uint64(1<<62)
	for try := 0; try < 8 && (took > malformedTime || used > malformedMemory); try++ {
		before, start := allocated(), time.Now()
		by, err = verdict(path)
		took, used = min(took, time.Since(start)), min(used, allocated()-before)
	}
	c.files++
	c.slowest, c.largest = max(c.slowest, took), max(c.largest, used)
	if took > malformedTime || used > malformedMemory {
		c.t.Errorf("%s, %s: took %v and %d MiB", kind, name, took, used>>20)
	}
	switch {
	case by != "":
		c.refused[kind+" by "+by]++
		if err.Error() == "" {
			c.t.Errorf("%s, %s: refused without a reason", kind, name)
		}
	case err != nil:
		c.t.Errorf("%s, %s: %v", kind, name, err)
	default:
		c.legal[kind]++
	}
	return by
}

// must judges a file that is to be refused.
func (c *malformed) must(kind, name string, content []byte) {
	c.t.Helper()
	if by := c.file(kind, name, content); by == "" {
		c.t.Errorf("%s, %s: nobody refuses it", kind, name)
	}
}

func sum(m map[string]int) (n int) {
	for _, k := range m {
		n += k
	}
	return n
}

func newMalformed(t *testing.T) *malformed {
	return &malformed{t: t, dir: t.TempDir(), refused: map[string]int{}, legal: map[string]int{}}
}

func (c *malformed) log() {
	for _, m := range []map[string]int{c.refused, c.legal} {
		for _, kind := range slices.Sorted(maps.Keys(m)) {
			c.t.Logf("%6d %s", m[kind], kind)
		}
	}
	c.t.Logf("%d files: %d refused, %d are sound models; the slowest took %v, the largest %d KiB", c.files, sum(c.refused), sum(c.legal), c.slowest, c.largest>>10)
}

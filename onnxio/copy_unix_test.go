//go:build unix

package onnxio

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// noise is storage whose bytes are made when they are written: random ones, different for each seed.
type noise struct {
	n    int64
	seed uint64
}

func (s noise) Bytes() []byte { panic("asked for all bytes at once") }
func (s noise) Len() int64    { return s.n }
func (s noise) WriteTo(w io.Writer) (int64, error) {
	rnd := rand.NewPCG(s.seed, 1)
	buf := make([]byte, copyChunk)
	for at := int64(0); at < s.n; {
		for i := 0; i < len(buf); i += 8 {
			binary.LittleEndian.PutUint64(buf[i:], rnd.Uint64())
		}
		n, err := w.Write(buf[:min(int64(len(buf)), s.n-at)])
		at += int64(n)
		if err != nil {
			return at, err
		}
	}
	return s.n, nil
}

// noisy is a model with tensors of so many bytes each.
func noisy(tensors int, bytes int64) *graph.Model {
	m := graph.NewModel(8, 18)
	g := m.Graph
	v := g.AddInput("x", graph.TensorType(tensor.Uint8, graph.ShapeOf(graph.Const(1))))
	for i := range tensors {
		w, err := tensor.New(tensor.Uint8, []int64{bytes}, noise{bytes, uint64(i)})
		if err != nil {
			panic(err)
		}
		out := g.NewValue("h", graph.Type{})
		g.Append(graph.NewNode(graph.OpID{Op: "Add"}, []*graph.Value{v, g.AddInit(fmt.Sprint("w", i), w)}, []*graph.Value{out}))
		v = out
	}
	v.Type = graph.TensorType(tensor.Uint8, graph.ShapeOf(graph.Const(bytes)))
	g.AddOutput(v)
	return m
}

// noSync is a disk that does not wait for the device, as cp does not.
type noSync struct{ osDisk }

func (noSync) syncDir(string) error { return nil }
func (d noSync) create(path string) (sink, error) {
	f, err := d.osDisk.create(path)
	if err != nil {
		return nil, err
	}
	f.(*osFile).eager = false
	return noSyncSink{f}, nil
}

type noSyncSink struct{ sink }

func (noSyncSink) Sync() error { return nil }

// Loading and saving a model beside cp of the same files, turn by turn: medians, and the speed of the save as a share of cp's.
//
//	ONNXIO_COPY_DIR=/some/disk ONNXIO_COPY_GB=10 ONNXIO_COPY_TURNS=5 go test ./onnxio -run CopySpeed -v -timeout 1h
//
// The folder needs room for twice the model. A save waits for the device, cp does not; so both are measured both ways.
func TestCopySpeed(t *testing.T) {
	dir := os.Getenv("ONNXIO_COPY_DIR")
	if dir == "" {
		t.Skip("ONNXIO_COPY_DIR names no folder")
	}
	number := func(name string, def int) int {
		if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
			return n
		}
		return def
	}
	gb, turns := number("ONNXIO_COPY_GB", 1), number("ONNXIO_COPY_TURNS", 5)
	dir, err := os.MkdirTemp(dir, "copy")
	require.NoError(t, err)
	defer os.RemoveAll(dir)
	for _, name := range []string{"from", "to"} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, name), 0o777))
	}
	path := filepath.Join(dir, "from", "m.onnx")
	require.NoError(t, Save(noisy(16*gb, 64<<20), path, SaveOptions{External: ExternalAlways}))
	script := func(text string) func() {
		return func() {
			out, err := exec.Command("sh", "-c", "cd "+dir+" && "+text).CombinedOutput()
			require.NoError(t, err, string(out))
		}
	}
	save := func(d disk) func() {
		return func() {
			m, err := Load(path, LoadOptions{})
			require.NoError(t, err)
			require.NoError(t, (&saver{disk: d}).save(m, filepath.Join(dir, "to", "m.onnx")))
			require.NoError(t, m.Close())
		}
	}
	ways := []struct {
		name string
		do   func()
	}{
		{"cp", script("cp from/* to")},
		{"save, not synced", save(noSync{})},
		{"cp and sync", script("cp from/* to && sync to/*")},
		{"save", save(osDisk{})},
	}
	took, cpu := make([][]time.Duration, len(ways)), make([]time.Duration, len(ways))
	clean := script("rm -f to/* && sync -f .")
	for range turns {
		for i, w := range ways {
			clean()
			start, used := time.Now(), cpuTime(t)
			w.do()
			cpu[i] += (cpuTime(t) - used) / time.Duration(turns)
			took[i] = append(took[i], time.Since(start))
		}
	}
	var lines []string
	medians := make([]time.Duration, len(ways))
	for i, w := range ways {
		slices.Sort(took[i])
		medians[i] = took[i][len(took[i])/2]
		lines = append(lines, fmt.Sprintf("%-18s %6.2f s (%.2f to %.2f)  %.2f GB/s  %.2f s of a processor", w.name, medians[i].Seconds(), took[i][0].Seconds(), took[i][len(took[i])-1].Seconds(), float64(gb)*(1<<30)/1e9/medians[i].Seconds(), cpu[i].Seconds()))
	}
	t.Logf("%d GiB, %d turns\n%s\nspeed of save: %.0f %% of cp and sync; not synced: %.0f %% of cp; peak memory %s", gb, turns, strings.Join(lines, "\n"),
		100*medians[2].Seconds()/medians[3].Seconds(), 100*medians[0].Seconds()/medians[1].Seconds(), peak())
}

// cpuTime is what this process and its children used.
func cpuTime(t *testing.T) time.Duration {
	var sum time.Duration
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var r unix.Rusage
		require.NoError(t, unix.Getrusage(who, &r))
		sum += time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	return sum
}

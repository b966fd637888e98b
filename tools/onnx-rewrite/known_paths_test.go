package main

import (
	"bytes"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
)

// refusesPlace demands that external_data which says keys is refused wherever the tensor stands, from a file and from memory.
func refusesPlace(t *testing.T, dir, want string, keys ...string) {
	t.Helper()
	for _, build := range pbPlaces {
		data := build(pbRefer(keys...))
		refuses(t, knownFile(t, dir, data), want)
		_, err := onnxio.Decode(data, onnxio.LoadOptions{})
		require.Error(t, err)
	}
}

func link(t *testing.T, target, name string) {
	t.Helper()
	if err := os.Symlink(filepath.FromSlash(target), name); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
}

// knownPaths are ways out of the model's folder.
var knownPaths = []knownCase{
	{"CVE-2022-25882", "a location with ../ (also onnx#3991, onnx#4400)", func(t *testing.T) {
		_, dir := knownFolder(t)
		refusesPlace(t, dir, "outside of the model's folder", "location", "../secret")
		refusesPlace(t, dir, "outside of the model's folder", "location", "../../../../../../../../etc/passwd")
	}},
	{"CVE-2024-27318", "a/../../x passed the first repair (GHSA-whh8-fjgc-qp73)", func(t *testing.T) {
		_, dir := knownFolder(t)
		for _, loc := range []string{"sub/../../secret", "sub/./../../secret", "sub/..", "./../secret"} {
			refusesPlace(t, dir, "outside of the model's folder", "location", loc)
		}
	}},
	{"CVE-2026-27489", "a parent folder that is a link (GHSA-3r9x-f23j-gc73)", func(t *testing.T) {
		_, dir := knownFolder(t)
		link(t, "..", filepath.Join(dir, "up"))
		refusesPlace(t, dir, "escapes", "location", "up/secret")
		refusesPlace(t, dir, "escapes", "location", "up/model/w")
	}},
	{"CVE-2026-34447", "a data file that is a link (GHSA-p433-9wv8-28xj)", func(t *testing.T) {
		base, dir := knownFolder(t)
		link(t, "../secret", filepath.Join(dir, "relative"))
		link(t, filepath.Join(base, "secret"), filepath.Join(dir, "absolute"))
		refusesPlace(t, dir, "escapes", "location", "relative")
		refusesPlace(t, dir, "escapes", "location", "absolute")
	}},
	{"CVE-2026-34446", "a data file with a second name elsewhere (GHSA-cmw6-hcpp-c6jp, onnx#7686, onnx#7717)", func(t *testing.T) {
		base, dir := knownFolder(t)
		if err := os.Link(filepath.Join(base, "secret"), filepath.Join(dir, "hard")); err != nil {
			t.Skipf("no hard links here: %v", err)
		}
		refusesPlace(t, dir, "hard links", "location", "hard")
		m, err := onnxio.Load(knownFile(t, dir, pbPlaces["initializer"](pbRefer("location", "hard"))), onnxio.LoadOptions{HardLinks: true})
		require.NoError(t, err, "whoever keeps one copy of equal files can say so")
		require.NoError(t, m.Close())
	}},
	{"CVE-2026-34445", "keys that set attributes of objects, a length that exhausts memory (GHSA-538c-55jv-c5g9, onnx#7751)", func(t *testing.T) {
		_, dir := knownFolder(t)
		for _, key := range []string{"__class__", "__dict__", "info", "prepacked"} {
			refusesPlace(t, dir, "key", "location", "w", key, "x")
		}
		refusesPlace(t, dir, "too few", "location", "w", "length", "9223372036854775807")
		refusesPlace(t, dir, "too few", "location", "w", "offset", "9223372036854775807", "length", "16")
		refusesPlace(t, dir, "twice", "location", "w", "location", "secret")
		refusesPlace(t, dir, "whole number", "location", "w", "length", "-1")
	}},
	{"GHSA-q56x-g2fj-4rj6", "the file is exchanged between the check and the opening (onnxruntime#29606, onnx#7790)", func(t *testing.T) {
		base, dir := knownFolder(t)
		link(t, "../secret", filepath.Join(dir, "a"))
		path := knownFile(t, dir, pbPlaces["initializer"](pbRefer("location", "data")))
		stop := make(chan struct{})
		var swapping sync.WaitGroup
		swapping.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				temp := filepath.Join(dir, "temp")
				if i%2 == 0 {
					_ = os.Symlink(filepath.Join(base, "secret"), temp)
				} else {
					_ = os.WriteFile(temp, make([]byte, 16), 0o666)
				}
				_ = os.Rename(temp, filepath.Join(dir, "data"))
			}
		})
		for range 500 {
			m, err := onnxio.Load(path, onnxio.LoadOptions{})
			if err != nil {
				continue
			}
			require.Equal(t, make([]byte, 16), m.Graph.Inits[0].Const.Bytes())
			require.NoError(t, m.Close())
		}
		close(stop)
		swapping.Wait()
	}},
	{"onnxruntime#28709", "sparse tensors and attributes were not checked", func(t *testing.T) {
		_, dir := knownFolder(t)
		for place, build := range pbPlaces {
			path := knownFile(t, dir, build(pbRefer("location", "../secret")))
			refuses(t, path, "outside of the model's folder")
			require.Contains(t, do(t, exitFailed, "check", "--security", path).out, "outside of the model's folder", place)
		}
	}},
	{"onnxruntime#27430", "a model from bytes found data in the working folder (numpy_helper of onnx 1.22 too)", func(t *testing.T) {
		_, dir := knownFolder(t)
		t.Chdir(dir)
		for place, build := range pbPlaces {
			_, err := onnxio.Decode(build(pbRefer("location", "w")), onnxio.LoadOptions{})
			require.ErrorContains(t, err, "no folder", place)
		}
	}},
	{"onnxruntime#26776", "absolute locations; a cache whose files are links (onnxruntime#27353, onnxruntime#27374, rten#1334)", func(t *testing.T) {
		base, dir := knownFolder(t)
		refusesPlace(t, dir, "outside of the model's folder", "location", filepath.ToSlash(filepath.Join(base, "secret")))
		blobs, snapshot := filepath.Join(base, "blobs"), filepath.Join(base, "snapshots", "1")
		require.NoError(t, os.MkdirAll(blobs, 0o777))
		require.NoError(t, os.MkdirAll(snapshot, 0o777))
		require.NoError(t, os.WriteFile(filepath.Join(blobs, "aa"), pbPlaces["initializer"](pbRefer("location", "m.onnx_data")), 0o666))
		require.NoError(t, os.WriteFile(filepath.Join(blobs, "bb"), make([]byte, 16), 0o666))
		link(t, "../../blobs/aa", filepath.Join(snapshot, "m.onnx"))
		link(t, "../../blobs/bb", filepath.Join(snapshot, "m.onnx_data"))
		m, err := onnxio.Load(filepath.Join(snapshot, "m.onnx"), onnxio.LoadOptions{})
		require.NoError(t, err)
		require.NoError(t, m.Close())
	}},
	{"onnxruntime#7635", "external data can be forbidden", func(t *testing.T) {
		_, dir := knownFolder(t)
		for _, build := range pbPlaces {
			_, err := onnxio.Load(knownFile(t, dir, build(pbRefer("location", "w"))), onnxio.LoadOptions{External: onnxio.ExternalRefuse})
			require.ErrorContains(t, err, "forbid")
		}
		require.Contains(t, do(t, exitUsage, "inspect", "--no-external-data", filepath.Join(dir, "m.onnx")).err, "forbid")
	}},
	{"onnx-gomlx/containment", "a Go loader joins folder and location as they are", func(t *testing.T) {
		_, dir := knownFolder(t)
		for _, loc := range []string{"sub/../../secret", "/etc/passwd", `..\secret`, "C:/secret", `\\host\share`} {
			_, err := onnxio.Load(knownFile(t, dir, pbPlaces["initializer"](pbRefer("location", loc))), onnxio.LoadOptions{})
			require.Error(t, err, loc)
		}
	}},
	{"SecuritySkills#1385", "a data file is exchanged for another of the same size, unnoticed", func(t *testing.T) {
		dir := t.TempDir()
		path := filepath.Join(dir, "m.onnx")
		require.NoError(t, onnxio.Save(smallMLP(1), path, onnxio.SaveOptions{External: onnxio.ExternalAlways, Threshold: 1}))
		do(t, exitFine, "check", "--integrity", path)
		m, err := onnxio.Load(path, onnxio.LoadOptions{})
		require.NoError(t, err)
		name := filepath.Join(dir, onnxio.Locations(m)[0])
		require.NoError(t, m.Close())
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(name, bytes.Repeat([]byte{0x3f}, len(data)), 0o666))
		require.Contains(t, do(t, exitFailed, "check", "--integrity", path, "--json").out, "integrity/checksum")
	}},
	{"modelscan/onnx", "a scanner that does not look into ONNX files: ours gives findings for machines", func(t *testing.T) {
		_, dir := knownFolder(t)
		path := knownFile(t, dir, pbPlaces["subgraph"](pbRefer("location", "../secret")))
		var report struct {
			Errors   int
			Findings []struct{ Severity, Rule, Where, Message string }
		}
		doJSON(t, exitFailed, &report, "check", "--security", path)
		require.Positive(t, report.Errors)
		require.Equal(t, "error", report.Findings[0].Severity)
		require.Equal(t, "security/external-location", report.Findings[0].Rule)
	}},
}

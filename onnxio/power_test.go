package onnxio

import (
	"fmt"
	"hash/maphash"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// recorder is a disk that notes what was done to the files of one folder, for replaying it up to a loss of power.
type recorder struct {
	osDisk
	names map[string]int // the folder as running processes see it: a number for each file
	files int
	log   []record
}

// record is one call. Only what a loss of power can undo is recorded.
type record struct {
	op   string // create, write, sync, rename, remove, syncDir
	file int
	name string
	to   string
	data []byte
}

func (r *recorder) note(c record) { r.log = append(r.log, c) }

func (r *recorder) create(path string) (sink, error) {
	f, err := r.osDisk.create(path)
	if err != nil {
		return nil, err
	}
	return &recorderSink{f, r, r.made(filepath.Base(path))}, nil
}

func (r *recorder) made(name string) int {
	r.files++
	r.names[name] = r.files
	r.note(record{op: "create", file: r.files, name: name})
	return r.files
}

func (r *recorder) open(path string) (input, error) {
	f, err := r.osDisk.open(path)
	if err != nil {
		return nil, err
	}
	return &recorderInput{f, r, r.names[filepath.Base(path)]}, nil
}

func (r *recorder) rename(from, to string) error {
	if err := r.osDisk.rename(from, to); err != nil {
		return err
	}
	a, b := filepath.Base(from), filepath.Base(to)
	file := r.names[a]
	r.note(record{op: "rename", file: file, name: a, to: b})
	delete(r.names, a)
	r.names[b] = file
	return nil
}

func (r *recorder) remove(path string) error {
	if err := r.osDisk.remove(path); err != nil {
		return err
	}
	r.note(record{op: "remove", name: filepath.Base(path)})
	delete(r.names, filepath.Base(path))
	return nil
}

func (r *recorder) syncDir(string) error { r.note(record{op: "syncDir"}); return nil }

type recorderSink struct {
	sink
	r    *recorder
	file int
}

func (s *recorderSink) Write(b []byte) (int, error) {
	n, err := s.sink.Write(b)
	s.r.note(record{op: "write", file: s.file, data: slices.Clone(b[:n])})
	return n, err
}

func (s *recorderSink) Sync() error { s.r.note(record{op: "sync", file: s.file}); return nil }

type recorderInput struct {
	input
	r    *recorder
	file int
}

func (f *recorderInput) Sync() error { f.r.note(record{op: "sync", file: f.file}); return nil }

// machine is what of a recorded run is on the device for certain, and what is not. The model is that of POSIX: nothing but fsync makes
// the content of a file durable, nothing but fsync of the folder its names, and what is not durable may be there or not, each by itself,
// in any order; a rename is there whole or not at all.
type machine struct {
	content map[int][]byte   // durable, by file
	loose   map[int][]record // writes after it
	names   map[string]int   // durable
	moves   []record         // changes of names after it
}

func newMachine() *machine {
	return &machine{content: map[int][]byte{}, loose: map[int][]record{}, names: map[string]int{}}
}

func (m *machine) step(c record) {
	switch c.op {
	case "write":
		m.loose[c.file] = append(m.loose[c.file], c)
	case "sync":
		for _, w := range m.loose[c.file] {
			m.content[c.file] = append(m.content[c.file], w.data...)
		}
		delete(m.loose, c.file)
	case "syncDir":
		m.names = m.namesAfter(-1)
		m.moves = nil
	default:
		m.moves = append(m.moves, c)
	}
}

// namesAfter is the folder when those changes of names happened whose bits are set.
func (m *machine) namesAfter(set int) map[string]int {
	names := maps.Clone(m.names)
	for i, c := range m.moves {
		if set>>i&1 == 0 {
			continue
		}
		switch c.op {
		case "create":
			names[c.name] = c.file
		case "rename":
			if names[c.name] == c.file {
				delete(names, c.name)
			}
			names[c.to] = c.file
		case "remove":
			delete(names, c.name)
		}
	}
	return names
}

// contentAfter is one of the contents that a file may have: variant 0 has no loose writes, 1 all, others some, whole or in part, with
// zeros or old bytes of the device where one is missing.
func (m *machine) contentAfter(file, variant int, rnd *rand.Rand) []byte {
	b := slices.Clone(m.content[file])
	for _, w := range m.loose[file] {
		part := slices.Clone(w.data)
		if variant > 1 {
			switch rnd.IntN(5) {
			case 0: // is there
			case 1: // not there; the file ends here unless more follows
				if rnd.IntN(2) == 0 {
					return b
				}
				clear(part)
			case 2: // its beginning is there
				clear(part[rnd.IntN(len(part)+1):])
			case 3: // its end is there
				clear(part[:rnd.IntN(len(part)+1)])
			case 4: // its beginning is there, and the file ends
				return append(b, part[:rnd.IntN(len(part)+1)]...)
			}
			if rnd.IntN(3) == 0 {
				for i := range part {
					if part[i] == 0 {
						part[i] = byte(rnd.Uint32())
					}
				}
			}
		} else if variant == 0 {
			return b
		}
		b = append(b, part...)
	}
	return b
}

// mark is a moment of a run: from then on, the path may hold these models (by producer) after a loss of power.
type mark struct {
	at    int // number of calls before it
	fresh []string
}

// powerStep is one save of a run.
type powerStep struct {
	fill byte
	opt  SaveOptions
}

var powerRuns = map[string][]powerStep{
	"data file":         {{1, SaveOptions{External: ExternalAlways}}, {3, SaveOptions{External: ExternalAlways}}, {5, SaveOptions{External: ExternalAlways}}},
	"data with gaps":    {{1, SaveOptions{External: ExternalAlways, Align: 5000, Threshold: 1}}, {3, SaveOptions{External: ExternalAlways, Align: 6000, Threshold: 1}}},
	"same data":         {{1, SaveOptions{External: ExternalAlways}}, {1, SaveOptions{External: ExternalAlways}}},
	"in and out":        {{1, SaveOptions{}}, {3, SaveOptions{External: ExternalAlways}}, {5, SaveOptions{External: ExternalNever}}, {5, SaveOptions{External: ExternalAlways}}},
	"fixed name":        {{1, SaveOptions{External: ExternalAlways, DataName: "w.bin"}}, {3, SaveOptions{External: ExternalAlways, DataName: "w.bin"}}, {1, SaveOptions{External: ExternalAlways, DataName: "w.bin"}}},
	"names change":      {{1, SaveOptions{External: ExternalAlways, DataName: "a.bin"}}, {1, SaveOptions{External: ExternalAlways}}, {1, SaveOptions{External: ExternalAlways, DataName: "b.bin"}}, {3, SaveOptions{External: ExternalAlways}}},
	"only in the model": {{1, SaveOptions{}}, {3, SaveOptions{}}},
}

// The power goes after every call of a run of saves, with every choice of what was on its way to the device by then. Wherever it goes,
// the path holds the model before the save or the one after, whole, with its data; and when Save has returned, the one after.
func TestPowerLoss(t *testing.T) {
	total, distinct := 0, map[uint64]bool{}
	for _, name := range slices.Sorted(maps.Keys(powerRuns)) {
		r, marks := powerRun(t, powerRuns[name])
		n, torn := replay(t, name, r.log, marks, 200, distinct)
		require.Empty(t, torn, "%s: %d of %d states", name, len(torn), n)
		total += n
	}
	t.Logf("%d states after a loss of power, %d of them different, none torn", total, len(distinct))
	require.Greater(t, len(distinct), 10_000)
}

// The replay finds what goes wrong without one of the calls that make things durable: each is needed.
func TestPowerLossFindsMissingSync(t *testing.T) {
	for _, op := range []string{"sync", "syncDir"} {
		r, marks := powerRun(t, powerRuns["data file"])
		for i := range r.log {
			if r.log[i].op == op {
				r.log[i].op = "nothing"
			}
		}
		_, torn := replay(t, op, r.log, marks, 24, map[uint64]bool{})
		require.NotEmpty(t, torn, "nothing is torn without %s", op)
	}
}

func powerRun(t *testing.T, steps []powerStep) (*recorder, []mark) {
	dir := t.TempDir()
	r := &recorder{names: map[string]int{}}
	marks := []mark{{0, []string{""}}}
	last := ""
	for i, s := range steps {
		m := small(s.fill)
		m.Producer = fmt.Sprint("save ", i, " ", s.fill)
		marks = append(marks, mark{len(r.log), []string{last, m.Producer}})
		require.NoError(t, (&saver{disk: r, opt: s.opt}).save(m, filepath.Join(dir, "m.onnx")))
		marks = append(marks, mark{len(r.log), []string{m.Producer}})
		last = m.Producer
	}
	return r, marks
}

// replay goes through the states and returns how many there were and what was wrong with those that were torn.
func replay(t *testing.T, name string, log []record, marks []mark, variants int, distinct map[uint64]bool) (n int, torn []string) {
	rnd := rand.New(rand.NewPCG(1, 2))
	m := newMachine()
	for at := 0; at <= len(log); at++ {
		if at > 0 {
			if c := log[at-1]; c.op == "nothing" && at < len(log) {
				continue
			} else {
				m.step(c)
			}
		}
		allowed := allowedAt(marks, at)
		for _, set := range subsets(len(m.moves), rnd) {
			names := m.namesAfter(set)
			for variant := range variants {
				files := map[string][]byte{}
				loose := false
				for name, file := range names {
					files[name] = m.contentAfter(file, variant, rnd)
					loose = loose || len(m.loose[file]) > 0
				}
				n++
				distinct[fingerprint(files)] = true
				if what := judge(files, allowed); what != "" {
					torn = append(torn, fmt.Sprintf("%s, after call %d, names %b, variant %d: %s", name, at, set, variant, what))
				} else if n%997 == 0 {
					inFolder(t, files)
				}
				if !loose {
					break // all variants are the same
				}
			}
		}
	}
	return n, torn
}

func allowedAt(marks []mark, at int) []string {
	var now []string
	for _, k := range marks {
		if k.at <= at {
			now = k.fresh
		}
	}
	return now
}

// subsets is all subsets of n things as bit sets, or many of them when there are too many.
func subsets(n int, rnd *rand.Rand) []int {
	var list []int
	if n <= 7 {
		for set := range 1 << n {
			list = append(list, set)
		}
		return list
	}
	for range 128 {
		list = append(list, int(rnd.Uint64()&(1<<n-1)))
	}
	return append(list, 0, 1<<n-1)
}

func fingerprint(files map[string][]byte) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(&h, "%q %d ", name, len(files[name]))
		h.Write(files[name])
	}
	return h.Sum64()
}

var seed = maphash.MakeSeed()

// judge says what is wrong with the folder; "" is nothing.
func judge(files map[string][]byte, allowed []string) string {
	b, there := files["m.onnx"]
	if !there {
		if slices.Contains(allowed, "") {
			return ""
		}
		return "there is no model"
	}
	m, err := Decode(b, LoadOptions{External: ExternalSkip})
	if err != nil {
		return err.Error()
	}
	if !slices.Contains(allowed, m.Producer) {
		return fmt.Sprintf("it is %q, not one of %q", m.Producer, allowed)
	}
	var i, fill int
	if _, err := fmt.Sscanf(m.Producer, "save %d %d", &i, &fill); err != nil {
		return err.Error()
	}
	got := map[string][32]byte{}
	for _, v := range m.Graph.Inits {
		c := v.Const
		if c.Storage() == nil {
			ref, _, err := parseReference(c.Meta.External, false)
			if err != nil {
				return err.Error()
			}
			data := files[ref.location]
			if int64(len(data)) < ref.offset+ref.length {
				return fmt.Sprintf("%s has %d bytes", ref.location, len(data))
			}
			if c, err = tensor.FromBytes(c.Elem, c.Shape, data[ref.offset:ref.offset+ref.length]); err != nil {
				return err.Error()
			}
		}
		got[v.Name] = c.Hash()
	}
	if !maps.Equal(got, valuesOfSmall(byte(fill))) {
		return "other values"
	}
	return ""
}

var smallValues = map[byte]map[string][32]byte{}

func valuesOfSmall(fill byte) map[string][32]byte {
	if smallValues[fill] == nil {
		smallValues[fill] = values(small(fill))
	}
	return smallValues[fill]
}

// inFolder puts the files into a folder and reads the model and collects the garbage, as a user would after the loss.
func inFolder(t *testing.T, files map[string][]byte) {
	dir := t.TempDir()
	for name, b := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), b, 0o666))
	}
	_, err := GC(dir, GCOptions{})
	require.NoError(t, err)
	left, err := Leftovers(dir)
	require.NoError(t, err)
	require.Empty(t, left)
	path := filepath.Join(dir, "m.onnx")
	if _, there := files["m.onnx"]; there {
		m := load(t, path)
		require.Contains(t, []string{"save"}, m.Producer[:4])
		return
	}
	_, err = os.Stat(path)
	require.ErrorIs(t, err, fs.ErrNotExist)
}

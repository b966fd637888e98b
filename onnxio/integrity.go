package onnxio

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// IntegrityOptions says how Integrity reads.
type IntegrityOptions struct {
	Load     LoadOptions             // limits and where data files may lie; what a strict reader refuses is a finding
	Ctx      context.Context         // ends the reading; nil: nothing does
	Progress func(done, total int64) // is told the bytes read of all data files; nil: nobody is
}

// Integrity reads the data files of the model at path, whole, and reports where they are not what the model says: checksums (SHA-1 of
// the file, as TensorProto.external_data has them; SHA-256 is known by its length; and what the name of a file that Save made says),
// tensors that lie outside of their file or partly inside one another, bytes that belong to no tensor, and what killed saves left in the
// model's folder. Rules begin with "integrity/". It holds no more than a buffer of a file in memory. The error says that the model itself
// cannot be read, or that Ctx ended it.
func Integrity(path string, opt IntegrityOptions) ([]graph.Finding, error) {
	c := &integrity{opt: opt, files: map[string]*dataUse{}}
	if c.opt.Ctx == nil {
		c.opt.Ctx = context.Background()
	}
	load := opt.Load
	load.External, load.Lenient = ExternalSkip, true
	load.Report = func(f graph.Finding) {
		f.Rule = cmp.Or(f.Rule, "integrity/tensor")
		c.found = append(c.found, f)
	}
	m, err := Load(path, load)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	c.collect(m)
	if err := c.read(path); err != nil {
		return nil, err
	}
	return c.found, c.leftovers(filepath.Dir(path))
}

type integrity struct {
	opt         IntegrityOptions
	found       []graph.Finding
	files       map[string]*dataUse // by location
	stripped    int
	done, total int64
}

// dataUse is a data file and what the model says about it.
type dataUse struct {
	location string
	spans    []span
	sums     map[string]string // checksum -> a tensor that has it

	f    *os.File
	size int64
}

// span is the place of a tensor in its data file.
type span struct {
	begin, end int64
	tensor     string
}

func (c *integrity) add(s graph.Severity, rule, where, fix, format string, args ...any) {
	c.found = append(c.found, graph.Finding{Severity: s, Rule: "integrity/" + rule, Where: where, Message: fmt.Sprintf(format, args...), Fix: fix})
}

// collect enters the places of all tensors that are in data files. What is wrong with a reference, the reader has reported.
func (c *integrity) collect(m *graph.Model) {
	names := map[*tensor.Tensor]string{}
	m.Walk(func(g *graph.Graph) {
		for _, v := range g.Inits {
			if v.Const != nil {
				names[v.Const] = v.Name
			}
		}
	})
	e := &encoder{counting: true, visit: func(t *tensor.Tensor, _ bool) {
		if t.Meta == nil || t.Meta.Carrier != tensor.CarrierExternal {
			return
		}
		name := names[t]
		if name == "" {
			name = t.Meta.Name
		}
		if strippedHash(t) != "" {
			c.stripped++
			return
		}
		r, _, err := parseReference(t.Meta.External, c.opt.Load.ExternalRoot != "")
		if err != nil {
			return
		}
		length, err := tensor.ByteSize(t.Elem, t.Shape)
		switch {
		case err != nil:
			c.add(graph.Error, "tensor", "tensor "+quote(name), "", "%v", err)
			return
		case r.hasLength && r.length != length:
			c.add(graph.Error, "length", "tensor "+quote(name), "", "%s%v needs %d bytes, external_data gives %d", t.Elem, t.Shape, length, r.length)
			length = r.length
		}
		if r.offset > r.offset+length {
			c.add(graph.Error, "range", "tensor "+quote(name), "", "%d bytes at offset %d lie beyond any file", length, r.offset)
			return
		}
		loc := path.Clean(r.location)
		u := c.files[loc]
		if u == nil {
			u = &dataUse{location: loc, sums: map[string]string{}}
			c.files[loc] = u
		}
		u.spans = append(u.spans, span{r.offset, r.offset + length, name})
		if r.checksum != "" {
			u.sums[strings.ToLower(r.checksum)] = name
		}
	}}
	e.model(m)
	if c.stripped > 0 {
		c.add(graph.Warning, "stripped", "model", "onnx-rewrite refill puts them back", "the values of %d tensors were left out", c.stripped)
	}
}

// read opens all files and then reads them, so that the total is known.
func (c *integrity) read(model string) error {
	x := newExternals(model, c.opt.Load)
	var list []*dataUse
	defer func() {
		for _, u := range list {
			u.f.Close()
		}
	}()
	for _, loc := range slices.Sorted(maps.Keys(c.files)) {
		u := c.files[loc]
		if c.opt.Load.External == ExternalRefuse {
			c.add(graph.Error, "file", "data file "+quote(loc), "", "%d tensors have their values there, which the options forbid; it was not opened", len(u.spans))
			continue
		}
		var err error
		if u.f, u.size, err = x.open(filepath.FromSlash(loc)); err != nil {
			c.add(graph.Error, "file", "data file "+quote(loc), "put the file beside the model", "%v", err)
			continue
		}
		list = append(list, u)
		c.total += u.size
	}
	for _, u := range list {
		if err := c.file(u); err != nil {
			return err
		}
	}
	return nil
}

// file checks one data file in one pass.
func (c *integrity) file(u *dataUse) error {
	where := "data file " + quote(u.location)
	free := c.spans(u, where)
	sums := map[string]hash.Hash{}
	want := ownHash(path.Base(u.location))
	for s := range u.sums {
		switch checksumKind(s) {
		case "SHA-1":
			sums["SHA-1"] = sha1.New()
		case "SHA-256":
			sums["SHA-256"] = sha256.New()
		}
	}
	if want != "" {
		sums["SHA-1"] = sha1.New()
	}
	f := &freeBytes{spans: free}
	buf := make([]byte, copyChunk)
	for at := int64(0); ; {
		if err := c.opt.Ctx.Err(); err != nil {
			return err
		}
		n, err := u.f.Read(buf)
		for _, h := range sums {
			h.Write(buf[:n])
		}
		f.look(at, buf[:n])
		at += int64(n)
		c.done += int64(n)
		if c.opt.Progress != nil {
			c.opt.Progress(c.done, c.total)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			c.add(graph.Error, "file", where, "", "%v", err)
			return nil
		}
	}
	c.checksums(u, where, sums, want)
	c.orphans(u, where, f)
	return nil
}

func (c *integrity) checksums(u *dataUse, where string, sums map[string]hash.Hash, own string) {
	const again = "get the file again from where it came: its values are not those that the model was saved with"
	for _, s := range slices.Sorted(maps.Keys(u.sums)) {
		kind := checksumKind(s)
		if kind == "" {
			c.add(graph.Warning, "checksum-form", where, "", "tensor %s has the checksum %s, which is no SHA-1 in hex", quote(u.sums[s]), quote(s))
			continue
		}
		if is := hex.EncodeToString(sums[kind].Sum(nil)); is != s {
			c.add(graph.Error, "checksum", where, again, "its %s is %s, tensor %s says %s", kind, is, quote(u.sums[s]), s)
		}
	}
	if len(u.sums) > 1 {
		c.add(graph.Error, "checksum", where, "", "its tensors give %d different checksums", len(u.sums))
	}
	if own != "" && len(u.sums) == 0 {
		if is := hex.EncodeToString(sums["SHA-1"].Sum(nil)); !strings.HasPrefix(is, own) {
			c.add(graph.Error, "checksum", where, again, "its SHA-1 is %s, its name says that it begins with %s", is, own)
		}
	}
	if own == "" && len(u.sums) == 0 {
		c.add(graph.Info, "no-checksum", where, "a save with this program records one", "no checksum is recorded, so damage cannot be seen")
	}
}

// spans reports tensors outside of the file and such that lie partly inside one another, and returns what no tensor has.
func (c *integrity) spans(u *dataUse, where string) (free []span) {
	slices.SortFunc(u.spans, func(a, b span) int { return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(b.end, a.end)) })
	at, widest, overlaps := int64(0), -1, 0
	for i, s := range u.spans {
		if s.end > u.size {
			c.add(graph.Error, "range", "tensor "+quote(s.tensor), "get the data file again: it may have been cut short", "bytes %d to %d of %s, which has %d", s.begin, s.end, quote(u.location), u.size)
		}
		if s.begin == s.end {
			continue
		}
		if widest >= 0 {
			if w := u.spans[widest]; s.begin < w.end && (s.begin != w.begin || s.end != w.end) {
				if overlaps++; overlaps <= 10 {
					c.add(graph.Warning, "overlap", where, "write the model anew, which gives each tensor its place", "tensors %s (bytes %d to %d) and %s (%d to %d) share bytes", quote(w.tensor), w.begin, w.end, quote(s.tensor), s.begin, s.end)
				}
			}
		}
		if s.begin > at {
			free = append(free, span{at, s.begin, ""})
		}
		if widest < 0 || s.end > u.spans[widest].end {
			widest = i
		}
		at = max(at, s.end)
	}
	if overlaps > 10 {
		c.add(graph.Warning, "overlap", where, "", "and %d more", overlaps-10)
	}
	if at < u.size {
		free = append(free, span{at, u.size, ""})
	}
	return free
}

// maxPadding is the most zeros between two tensors that count as alignment: a page, of the systems with large ones.
const maxPadding = 64 << 10

func (c *integrity) orphans(u *dataUse, where string, f *freeBytes) {
	share := func(n int64) string {
		return fmt.Sprintf("%d of %d bytes (%.2f %%)", n, u.size, 100*float64(n)/float64(max(1, u.size)))
	}
	const anew = "write the model anew: rewrite, external or embed copy only what tensors have"
	switch {
	case f.filled > 0:
		c.add(graph.Warning, "orphans", where, anew, "%s belong to no tensor, %d of them are not zero", share(f.total), f.filled)
	case f.wide > 0:
		c.add(graph.Warning, "orphans", where, anew, "%s belong to no tensor; they are zero", share(f.total))
	case f.total > 0:
		c.add(graph.Info, "padding", where, "", "%s are zeros between tensors", share(f.total))
	}
}

// freeBytes looks at the bytes that no tensor has, while a file goes by.
type freeBytes struct {
	spans               []span // sorted
	total, wide, filled int64  // of them; in places larger than any alignment; that are not zero
}

func (f *freeBytes) look(at int64, b []byte) {
	end := at + int64(len(b))
	for len(f.spans) > 0 && f.spans[0].begin < end {
		s := f.spans[0]
		from, to := max(s.begin, at), min(s.end, end)
		f.filled += to - from - int64(bytes.Count(b[from-at:to-at], []byte{0}))
		f.total += to - from
		if s.end-s.begin > maxPadding {
			f.wide += to - from
		}
		if s.end > end {
			return
		}
		f.spans = f.spans[1:]
	}
}

// checksumKind is the function that a checksum comes from, by its length; "" when it is none.
func checksumKind(s string) string {
	switch {
	case isHex(s, 2*sha1.Size):
		return "SHA-1"
	case isHex(s, 2*sha256.Size):
		return "SHA-256"
	}
	return ""
}

// leftovers reports what saves that were killed left beside the model.
func (c *integrity) leftovers(dir string) error {
	list, err := GC(dir, GCOptions{DryRun: true, Ctx: c.opt.Ctx})
	if err != nil {
		return err
	}
	for _, g := range list {
		s, fix := graph.Warning, "onnx-rewrite gc removes it"
		if g.Kept != "" {
			s, fix = graph.Info, ""
		}
		c.add(s, "leftover", "file "+quote(filepath.Base(g.Path)), fix, "%s (%d bytes) %s", g.Why, g.Bytes, g.Kept)
	}
	return nil
}

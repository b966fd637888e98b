package onnxio

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// SecurityOptions says how Security looks at a file.
type SecurityOptions struct {
	Load     LoadOptions              // the rules that the file is held against
	Ctx      context.Context          // ends the look; nil: nothing does
	Standard func(id graph.OpID) bool // reports whether an operator is of the standard or of a known runtime; nil: only domains are looked at
}

// SecurityReport is what Security found.
type SecurityReport struct {
	Findings []graph.Finding `json:"findings"`
	Sizes    []LimitUse      `json:"limits"`
}

// LimitUse is how much of a limit a model uses.
type LimitUse struct {
	Name  string `json:"name"`
	Value int64  `json:"value"`
	Limit int64  `json:"limit"`
}

// Security looks at a model file from a stranger, without reading its weights: where its external data lie and whether they stay in the
// folder, links of both kinds, bytes that nothing refers to, fields that the format does not know, sizes against the limits, text that
// deceives who reads it, operators that need code from elsewhere or replace standard ones, and nodes that ask for gigabytes. Rules begin
// with "security/". Errors are what Load with the same options refuses; warnings are for a person to look at; notes are good to know.
//
// A file that Load refuses, or that is damaged, gets a report as well. The error says that there is no file to look at, or that Ctx ended
// the look.
func Security(file string, opt SecurityOptions) (*SecurityReport, error) {
	if opt.Ctx == nil {
		opt.Ctx = context.Background()
	}
	main, _, err := openMapped(file)
	if err != nil {
		return nil, err
	}
	defer main.close()
	return securityOf(main.b, file, opt)
}

// securityOf looks at the bytes of a model file that lies at the path.
func securityOf(b []byte, file string, opt SecurityOptions) (*SecurityReport, error) {
	r := &review{opt: opt, file: file, findings: findings{prefix: "security/", counts: map[string]int{}}}
	s := &scanner{ctx: opt.Ctx, found: &r.findings, sizes: map[string]int64{"file": int64(len(b))}, words: map[string]bool{}, unknown: map[unknownKey]*unknownUse{}}
	s.push("model", -1)
	s.message(modelSchema, view{b: b})
	r.strangeFields(s)
	r.external(s.refs)
	r.structure(b, s)
	if err := opt.Ctx.Err(); err != nil {
		return nil, err
	}
	return &SecurityReport{Findings: r.finish(), Sizes: r.sizes(s)}, nil
}

// findings collects findings, the first of each rule.
type findings struct {
	prefix string
	list   []graph.Finding
	counts map[string]int
	rules  []string
}

// maxAlike is how many findings of a rule are listed. A file can hold millions.
const maxAlike = 20

func (f *findings) add(s graph.Severity, rule, where, fix, format string, args ...any) {
	if f.counts[rule]++; f.counts[rule] == 1 {
		f.rules = append(f.rules, rule)
	}
	if f.counts[rule] <= maxAlike {
		f.list = append(f.list, graph.Finding{Severity: s, Rule: f.prefix + rule, Where: where, Message: fmt.Sprintf(format, args...), Fix: fix})
	}
}

// finish is the list, with the number of those that were left out, worst first.
func (f *findings) finish() []graph.Finding {
	for _, rule := range f.rules {
		if n := f.counts[rule] - maxAlike; n > 0 {
			f.list = append(f.list, graph.Finding{Severity: graph.Info, Rule: f.prefix + rule, Where: "model", Message: fmt.Sprintf("and %d more of this rule", n)})
		}
	}
	slices.SortStableFunc(f.list, func(a, b graph.Finding) int { return cmp.Compare(b.Severity, a.Severity) })
	if f.list == nil {
		f.list = []graph.Finding{}
	}
	return f.list
}

type review struct {
	findings
	opt  SecurityOptions
	file string
}

func (r *review) strangeFields(s *scanner) {
	for _, k := range s.order {
		u := s.unknown[k]
		severity := graph.Info
		if u.bytes > 1024 {
			severity = graph.Warning
		}
		r.add(severity, "unknown-fields", u.first, "ask who made the file; this program keeps the bytes when it writes the model",
			"%d fields of number %d that the format does not know in a %s, %d bytes in all", u.count, k.num, k.message, u.bytes)
	}
	if n := len(s.urls); n > 0 {
		r.add(graph.Info, "url", "model", "", "%d texts have an address, the first is %s; nothing here follows them", n, s.urls[0])
	}
}

// sizes compares what was counted with the limits.
func (r *review) sizes(s *scanner) []LimitUse {
	limits := r.opt.Load.Limits.withDefaults(int(s.sizes["file"]))
	var list []LimitUse
	for _, row := range limits.rows() {
		if row.Name != "memory" {
			list = append(list, LimitUse{row.Name, s.sizes[row.Name], row.get()})
		}
	}
	return list
}

// structure reads the model without its data files, under the rules, and looks at what it would do.
func (r *review) structure(b []byte, s *scanner) {
	strict := r.opt.Load
	strict.External, strict.Lenient, strict.Report = ExternalSkip, false, nil
	m, err := Decode(b, strict)
	if err != nil {
		fix := "do not use the file"
		var l *LimitError
		if errors.As(err, &l) {
			fix = fmt.Sprintf("if you trust it, raise the limit %q", l.Name)
		}
		r.add(graph.Error, "refused", "model", fix, "is not loaded: %v", err)
		strict.Lenient = true
		if m, err = Decode(b, strict); err != nil {
			return
		}
	}
	r.operators(m)
	calls := newCallWalk(m, scanDepth)
	for i := range m.Functions {
		n, err := calls.deep(i)
		if err != nil {
			break // told by the reader
		}
		s.more("calls", int64(n))
	}
}

// external looks at the data files.
func (r *review) external(refs []scanRef) {
	uses := map[string]*dataUse{}
	var order []string
	folded := map[string]string{}
	for _, ref := range refs {
		where := "tensor " + quote(ref.name)
		if ref.inline > 0 {
			r.add(graph.Warning, "hidden-bytes", where, "write the model without them", "has %d bytes of values in the model though they are said to be in a data file", ref.inline)
		}
		p, odd, err := parseReference(ref.external, r.opt.Load.ExternalRoot != "")
		for _, what := range odd {
			r.add(graph.Error, "external-key", where, "remove the key", "%s", what)
		}
		if err != nil {
			r.add(graph.Error, "external-location", where, "do not load it with a tool that follows it", "%v", err)
			continue
		}
		loc := path.Clean(p.location)
		u := uses[loc]
		if u == nil {
			u = &dataUse{location: loc}
			uses[loc] = u
			order = append(order, loc)
			if other, clash := folded[strings.ToLower(loc)]; clash {
				r.add(graph.Warning, "case-clash", where, "rename one", "%s and %s are one file on systems that do not tell case apart", quote(other), quote(loc))
			}
			folded[strings.ToLower(loc)] = loc
		}
		size, err := tensor.ByteSize(ref.elem, ref.shape)
		n := p.length
		switch {
		case err != nil && p.hasLength && ref.elem.Bits() == 0 && ref.elem > tensor.Undefined && ref.elem != tensor.String:
			// a type of a later version
		case err != nil:
			r.add(graph.Error, "external-length", where, "", "%v", err)
		case !p.hasLength:
			n = size
		case n != size:
			r.add(graph.Error, "external-length", where, "", "%s%s needs %d bytes, external_data gives %d", ref.elem, shorten(ref.shape), size, n)
		}
		if p.offset > p.offset+n {
			r.add(graph.Error, "external-range", where, "", "%d bytes at offset %d lie beyond any file", n, p.offset)
			continue
		}
		u.spans = append(u.spans, span{p.offset, p.offset + n, ref.name})
	}
	slices.Sort(order)
	for _, loc := range order {
		r.dataFile(uses[loc])
	}
}

// dataFile looks at one data file, without reading it.
func (r *review) dataFile(u *dataUse) {
	where := "data file " + quote(u.location)
	if u.location == strippedLocation {
		r.add(graph.Info, "stripped", where, "onnx-rewrite refill puts them back", "the weights were left out")
		return
	}
	if r.opt.Load.External == ExternalRefuse {
		r.add(graph.Error, "external-data", where, "", "%d tensors have their values there, which the options forbid; it was not opened", len(u.spans))
		return
	}
	r.add(graph.Info, "external-data", where, "", "%d tensors have their values there", len(u.spans))
	dir := filepath.Dir(r.file)
	at := ""
	for _, part := range strings.Split(u.location, "/") {
		at = filepath.Join(at, part)
		if info, err := os.Lstat(filepath.Join(dir, at)); err == nil && info.Mode()&fs.ModeSymlink != 0 {
			target, _ := os.Readlink(filepath.Join(dir, at))
			r.add(graph.Info, "link", where, "", "%s is a link to %s", quote(filepath.ToSlash(at)), quote(target))
		}
	}
	look := r.opt.Load
	look.HardLinks = true
	f, size, err := newExternals(r.file, look).open(filepath.FromSlash(u.location))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.add(graph.Error, "external-missing", where, "get the file, too", "does not exist")
		return
	case errors.Is(err, ErrOutside):
		r.add(graph.Error, "external-outside", where, "do not load it with a tool that follows it", "%v", err)
		return
	case err != nil:
		r.add(graph.Error, "external-file", where, "do not load it with a tool that opens it", "%v", err)
		return
	}
	defer f.Close()
	if n := linkCount(f); n > 1 {
		severity := graph.Error
		if r.opt.Load.HardLinks {
			severity = graph.Info
		}
		r.add(severity, "hard-link", where, "copy the file", "has %d names: it may be a file from elsewhere", n)
	}
	if model, err := os.Stat(r.file); err == nil {
		if info, err := f.Stat(); err == nil && os.SameFile(model, info) {
			r.add(graph.Warning, "external-self", where, "", "is the model file itself")
		}
	}
	u.size = size
	slices.SortFunc(u.spans, func(a, b span) int { return cmp.Compare(a.begin, b.begin) })
	end, unused := int64(0), int64(0)
	for _, s := range u.spans {
		if s.end > size {
			r.add(graph.Error, "external-range", "tensor "+quote(s.tensor), "get the data file again", "bytes %d to %d of %s, which has %d", s.begin, s.end, quote(u.location), size)
		}
		if gap := min(s.begin, size) - end; gap > maxPadding {
			unused += gap
		}
		end = max(end, s.end)
	}
	if size > end {
		unused += size - end
	}
	if unused > 0 {
		r.add(graph.Warning, "hidden-bytes", where, "check --integrity looks at them; a model that is written anew leaves them out",
			"%d of %d bytes (%.2f %%) belong to no tensor", unused, size, 100*float64(unused)/float64(size))
	}
}

package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/term"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
)

type textCmd struct {
	Model   string `arg:"" help:"The model."`
	Out     string `short:"o" placeholder:"FILE" help:"Where to write the text; else it is printed."`
	Weights string `enum:"hash,inline" default:"hash" help:"hash: large tensors by their hash, for build to find again; inline: all numbers."`
	Side    string `placeholder:"FILE" help:"Also write the tensors that the text names by hash into this file (an ONNX model of weights only)."`
	Plain   bool   `help:"Without the notes, lines that begin with #@: only what the syntax itself has a place for."`
	Types   bool   `help:"Infer the types of all values first."`
}

func (*textCmd) Help() string {
	return `Examples:

  onnx-rewrite text model.onnx
  onnx-rewrite text model.onnx -o model.txt --side weights.onnx
  onnx-rewrite build model.txt -o edited.onnx --side weights.onnx
  onnx-rewrite text small.onnx --weights inline

The text is ONNX's own textual syntax, which onnx.parser reads as well. What the syntax has no place for stands in notes, comments that
begin with #@; docs/text.md describes them. Tensors of more than 16 elements are named by their hash, tensors in a data file by the
reference to it; build finds both in the original model, the former also in the side file.`
}

// maxInline is the largest tensor that the text shows in full with --weights hash.
const maxInline = 16

func (c *textCmd) Run(a *app) error {
	m, err := a.load(c.Model)
	if err != nil {
		return err
	}
	defer m.Close()
	if c.Types {
		typed := m.Clone()
		if _, err := op.Infer(typed, op.InferOptions{Record: true}); err != nil {
			return fmt.Errorf("%s: %w", c.Model, err)
		}
		m = typed
	}
	opt := graph.PrintOptions{MaxInline: maxInline, Notes: !c.Plain}
	if c.Weights == "inline" {
		opt.MaxInline = -1
	}
	if c.Side != "" {
		if err := checkOut(c.Side); err != nil {
			return err
		}
		if err := c.writeSide(a, m); err != nil {
			return err
		}
	}
	if c.Out == "" {
		w := bufio.NewWriter(a.textOut())
		if err := m.Print(w, opt); err != nil {
			return fmt.Errorf("%s: %w", c.Model, err)
		}
		if err := w.Flush(); err != nil {
			return err
		}
	} else {
		if err := checkOut(c.Out); err != nil {
			return err
		}
		if err := a.writeFile(c.Out, func(w io.Writer) error { return m.Print(w, opt) }); err != nil {
			return err
		}
	}
	if !c.Plain {
		if why := unsaid(m, opt); why != "" {
			a.errorf("note: %s: the text does not say all of the model: %s\n", c.Model, why)
		}
	}
	return nil
}

// maxReread is the largest model, in bytes, whose text is read again to see whether it says all.
const maxReread = 256 << 20

// unsaid reads the text of m again; it is empty when the model of the text is written as m is, and else says what became of it.
func unsaid(m *graph.Model, opt graph.PrintOptions) string {
	if size, err := onnxio.EncodedSize(m); err != nil || size > maxReread {
		return ""
	}
	var text strings.Builder
	if err := m.Print(&text, opt); err != nil {
		return err.Error()
	}
	known := map[string]*tensor.Tensor{}
	if opt.MaxInline >= 0 {
		tensorsOf(m, func(t *tensor.Tensor) {
			if t.Len() > opt.MaxInline && !t.IsReference() {
				known[hashText(t)] = t
			}
		})
	}
	back, err := graph.ParseModel(text.String(), graph.ParseOptions{Resolve: func(hash string) (*tensor.Tensor, error) {
		if t := known[hash]; t != nil {
			return t, nil
		}
		return nil, errors.New("not in the model")
	}})
	if err != nil {
		return "it cannot be read again: " + err.Error()
	}
	var sums [2][]byte
	for i, x := range []*graph.Model{m, back} {
		h := sha256.New()
		if err := onnxio.Encode(h, x); err != nil {
			return err.Error()
		}
		sums[i] = h.Sum(nil)
	}
	if !bytes.Equal(sums[0], sums[1]) {
		return "the model that build makes of it differs in its bytes; compare them with diff"
	}
	return ""
}

// textOut is where text of models goes: made visible on a terminal, as it is elsewhere, for build to read.
func (a *app) textOut() io.Writer {
	if f, ok := a.plain.(*os.File); a.plain == nil || ok && term.IsTerminal(int(f.Fd())) {
		return a.out
	}
	return a.plain
}

// writeFile writes a file whole or not at all.
func (a *app) writeFile(path string, write func(io.Writer) error) (err error) {
	a.saving.Add(1)
	defer a.saving.Add(-1)
	f, err := os.CreateTemp(filepath.Dir(path), ".onnx-rewrite-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	w := bufio.NewWriter(&stoppable{f, a})
	if err = write(w); err != nil {
		return err
	}
	if err = errors.Join(w.Flush(), f.Chmod(0o644), f.Sync()); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// stoppable refuses to write once the command was interrupted.
type stoppable struct {
	w io.Writer
	a *app
}

func (s *stoppable) Write(p []byte) (int, error) {
	if err := s.a.ctx.Err(); err != nil {
		return 0, err
	}
	return s.w.Write(p)
}

func hashText(t *tensor.Tensor) string {
	h := t.Hash()
	return hex.EncodeToString(h[:])
}

// tensorsOf calls visit for every tensor of a model: initializers and attributes, everywhere.
func tensorsOf(m *graph.Model, visit func(t *tensor.Tensor)) {
	one := func(t *tensor.Tensor) {
		if t != nil {
			visit(t)
		}
	}
	sparse := func(s *tensor.Sparse) {
		if s != nil {
			one(s.Values)
			one(s.Indices)
		}
	}
	attr := func(at *graph.Attr) {
		one(at.T)
		for _, t := range at.Tensors {
			one(t)
		}
		sparse(at.Sparse)
		for _, s := range at.Sparses {
			sparse(s)
		}
	}
	inGraph := func(g *graph.Graph) {
		for _, v := range g.Inits {
			one(v.Const)
			sparse(v.Sparse)
		}
		for n := range g.Nodes() {
			for _, at := range n.Attrs {
				attr(at)
			}
		}
	}
	m.Walk(inGraph)
	for _, f := range m.Functions {
		for _, d := range f.Attrs {
			if d.Default == nil {
				continue
			}
			attr(d.Default)
			for _, g := range append([]*graph.Graph{d.Default.G}, d.Default.Graphs...) {
				if g != nil {
					g.Walk(inGraph)
				}
			}
		}
	}
	for _, t := range m.Training {
		for _, g := range []*graph.Graph{t.Initialization, t.Algorithm} {
			if g != nil {
				g.Walk(inGraph)
			}
		}
	}
}

// writeSide writes a model that holds the large tensors of m, each once, named by their hash.
func (c *textCmd) writeSide(a *app, m *graph.Model) error {
	side := graph.NewModel(8, 17)
	side.Graph.Name = "weights"
	seen := map[string]bool{}
	tensorsOf(m, func(t *tensor.Tensor) {
		if t.Len() <= maxInline || t.IsReference() {
			return
		}
		if h := hashText(t); !seen[h] {
			seen[h] = true
			plain := *t
			plain.Meta = nil
			side.Graph.AddInit(h, &plain)
		}
	})
	return a.save(side, c.Side, (&saveFlags{External: "auto"}).options())
}

type buildCmd struct {
	Text string   `arg:"" help:"A model in ONNX's textual syntax."`
	Side []string `sep:"none" placeholder:"FILE" help:"Models to find the tensors in that the text names by hash: the side file of text, or the original. May be repeated."`
	saveFlags
}

func (*buildCmd) Help() string {
	return `Examples:

  onnx-rewrite build model.txt -o model.onnx
  onnx-rewrite text big.onnx -o big.txt && onnx-rewrite build big.txt -o edited.onnx --side big.onnx

The inverse of text. The result is checked before it is written.`
}

func (c *buildCmd) Run(a *app) error {
	if err := checkOut(c.Out); err != nil {
		return err
	}
	text, err := os.ReadFile(c.Text)
	if err != nil {
		return err
	}
	known, inFiles := map[string]*tensor.Tensor{}, map[string]*tensor.Tensor{}
	for _, path := range c.Side {
		side, err := a.load(path)
		if err != nil {
			return err
		}
		defer side.Close()
		tensorsOf(side, func(t *tensor.Tensor) {
			if t.IsReference() {
				inFiles[referenceText(t)] = t
				return
			}
			known[hashText(t)] = t
		})
	}
	m, err := graph.ParseModel(string(text), graph.ParseOptions{Resolve: func(hash string) (*tensor.Tensor, error) {
		t := known[hash]
		if t == nil {
			return nil, hint(fmt.Errorf("no tensor with hash %.12s… is in the side files", hash), "give the original model with --side FILE")
		}
		plain := *t
		plain.Meta = nil
		return &plain, nil
	}})
	if err != nil {
		return fmt.Errorf("%s: %w", c.Text, err)
	}
	missing := 0
	tensorsOf(m, func(t *tensor.Tensor) {
		if !t.IsReference() || t.Storage() != nil {
			return
		}
		if found := inFiles[referenceText(t)]; found != nil {
			t.SetStorage(found.Storage())
			return
		}
		missing++
	})
	if err := graph.Err(append(m.Verify(), op.Check(m)...)); err != nil {
		return hint(fmt.Errorf("%s: %w", c.Text, err), "nothing was written")
	}
	if err := a.save(m, c.Out, c.options()); err != nil {
		if missing > 0 {
			err = hint(err, fmt.Sprintf("the text refers to data files for %s: give the original model with --side FILE", plural(missing, "tensor")))
		}
		return err
	}
	a.printf("written to %s\n", c.Out)
	return nil
}

// referenceText is what a reference to a data file says, and of what type it is.
func referenceText(t *tensor.Tensor) string {
	return fmt.Sprintf("%s %v %v", t.Elem, t.Shape, t.Meta.External)
}

package main

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/term"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
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

The text is ONNX's own textual syntax. Tensors of more than 16 elements are named by their hash; build finds them in the side file or in the original model.`
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
		return w.Flush()
	}
	if err := checkOut(c.Out); err != nil {
		return err
	}
	return a.writeFile(c.Out, func(w io.Writer) error { return m.Print(w, opt) })
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
	sparse := func(s *tensor.Sparse) {
		if s != nil {
			visit(s.Values)
			visit(s.Indices)
		}
	}
	m.Walk(func(g *graph.Graph) {
		for _, v := range g.Inits {
			if v.Const != nil {
				visit(v.Const)
			}
			sparse(v.Sparse)
		}
		for n := range g.Nodes() {
			for _, at := range n.Attrs {
				if at.T != nil {
					visit(at.T)
				}
				for _, t := range at.Tensors {
					visit(t)
				}
				sparse(at.Sparse)
				for _, s := range at.Sparses {
					sparse(s)
				}
			}
		}
	})
}

// writeSide writes a model that holds the large tensors of m, each once, named by their hash.
func (c *textCmd) writeSide(a *app, m *graph.Model) error {
	side := graph.NewModel(8, 17)
	side.Graph.Name = "weights"
	seen := map[string]bool{}
	tensorsOf(m, func(t *tensor.Tensor) {
		if t.Len() <= maxInline {
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
	known := map[string]*tensor.Tensor{}
	for _, path := range c.Side {
		side, err := a.load(path)
		if err != nil {
			return err
		}
		defer side.Close()
		tensorsOf(side, func(t *tensor.Tensor) { known[hashText(t)] = t })
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
	if err := graph.Err(append(m.Verify(), op.Check(m)...)); err != nil {
		return hint(fmt.Errorf("%s: %w", c.Text, err), "nothing was written")
	}
	if err := a.save(m, c.Out, c.options()); err != nil {
		return err
	}
	a.printf("written to %s\n", c.Out)
	return nil
}

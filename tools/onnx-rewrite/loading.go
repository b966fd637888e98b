package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
)

// loadFlags say what a model file may make the reader do. They are the same for every verb.
type loadFlags struct {
	LoadLimit         []string `group:"load" sep:"none" placeholder:"NAME=N" help:"Change a limit on what a model may hold: ${limits}. May be repeated."`
	NoExternalData    bool     `group:"load" help:"Refuse a model that has data files."`
	AllowHardLinks    bool     `group:"load" help:"Read data files that have a second name (stores that keep equal files once)."`
	AllowExternalRoot string   `group:"load" placeholder:"DIR" help:"Also read data files that lie in DIR, where a link or the model's own words lead there."`
}

// loadGroup is the title that the flags have in the help of each verb.
const loadGroup = "Reading models:"

// limitNames lists the limits for the help.
func limitNames() string {
	var list []string
	for _, l := range onnxio.LimitTable() {
		list = append(list, l.Name)
	}
	return strings.Join(list, ", ")
}

func (f *loadFlags) options() (onnxio.LoadOptions, error) {
	opt := onnxio.LoadOptions{HardLinks: f.AllowHardLinks, ExternalRoot: f.AllowExternalRoot}
	if f.NoExternalData {
		opt.External = onnxio.ExternalRefuse
	}
	if f.AllowExternalRoot != "" {
		if info, err := os.Stat(f.AllowExternalRoot); err != nil || !info.IsDir() {
			return opt, hint(fmt.Errorf("--allow-external-root %s is no folder", f.AllowExternalRoot), "give the folder that the data files lie in")
		}
	}
	for _, text := range f.LoadLimit {
		name, value, ok := strings.Cut(text, "=")
		n, err := strconv.ParseInt(value, 10, 64)
		if !ok || err != nil {
			return opt, hint(fmt.Errorf("--load-limit %s: want NAME=N with a whole number", text), "names are "+limitNames())
		}
		if err := opt.Limits.Set(name, n); err != nil {
			if n < 1 {
				return opt, fmt.Errorf("--load-limit %s: must be at least 1", text)
			}
			return opt, fmt.Errorf("--load-limit %s: %w", text, unknown("limit", name, strings.Split(limitNames(), ", ")))
		}
	}
	return opt, nil
}

// load reads a model; the error says what may be done about it.
func (a *app) load(path string) (*graph.Model, error) { return a.loadWith(path, a.read) }

// loadWith is load with options that are not the command line's.
func (a *app) loadWith(path string, opt onnxio.LoadOptions) (*graph.Model, error) {
	if err := a.ctx.Err(); err != nil {
		return nil, err
	}
	m, err := onnxio.Load(path, opt)
	if err != nil {
		return nil, loadError(path, err)
	}
	return m, nil
}

func loadError(path string, err error) error {
	full := withPath(path, err)
	var d *onnxio.DecodeError
	var l *onnxio.LimitError
	switch {
	case errors.As(err, &l):
		return hint(full, fmt.Sprintf("if you trust the file, --load-limit %s=N raises the limit", l.Name))
	case errors.Is(err, onnxio.ErrOutside):
		return hint(full, "move the data file there, or name the folder it is in with --allow-external-root DIR")
	case errors.Is(err, onnxio.ErrHardLinks):
		return hint(full, "copy it, or read it with --allow-hard-links")
	case errors.Is(err, onnxio.ErrRefused):
		return hint(full, "leave out --no-external-data")
	case errors.Is(err, fs.ErrNotExist):
		if _, gone := os.Stat(path); gone != nil {
			return hint(full, "give the path of an .onnx file")
		}
		return hint(full, "put the data file beside the model")
	case errors.As(err, &d):
		return hint(full, "the file is damaged or no ONNX model")
	}
	return full
}

// Command quality measures what the rewrites cost on trained language models and holds it against the reference results that lie beside
// them: published methods implemented in another framework on the same weights and data.
//
//	cd tools/quality && go run . -trained ../../../shared/models/trained
//	go run . -trained DIR -models charlm_relu -rows topk -json
//	go run . -trained DIR -python ~/venv/bin/python        the same in ONNX Runtime, on the files that we write
//
// A row passes when its perplexity is at most 1.01 times the reference's (rows that compute the reference's function itself: within 1e-4
// nats; rows marked "shown": any), and when ONNX Runtime gets the same nats within 1e-4 and the checker accepts the file. Exit code 1: a
// row fails.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
)

type options struct {
	trained, python, keep string
	models, rows          string
	threads               int
	json                  bool
}

func main() {
	var o options
	flag.StringVar(&o.trained, "trained", "../../../shared/models/trained", "folder of the trained models and REFERENCE.tsv")
	flag.StringVar(&o.python, "python", "", "a Python with onnx, onnxruntime and numpy, for the cross-check")
	flag.StringVar(&o.keep, "keep", "", "leave the written models in this folder")
	flag.StringVar(&o.models, "models", "", "only these models, by comma")
	flag.StringVar(&o.rows, "rows", "", "only rows whose method contains this")
	flag.IntVar(&o.threads, "threads", 0, "threads of the runtime; 0 is all cores")
	flag.BoolVar(&o.json, "json", false, "print one JSON document")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ok, err := run(ctx, o, os.Stdout, os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, "quality:", err)
		os.Exit(2)
	}
	if !ok {
		os.Exit(1)
	}
}

// run measures the chosen rows and prints them; ok is false when one fails.
func run(ctx context.Context, o options, out, progress io.Writer) (ok bool, err error) {
	refs, err := readReference(o.trained)
	if err != nil {
		return false, err
	}
	dir := o.keep
	if dir == "" {
		if dir, err = os.MkdirTemp("", "quality"); err != nil {
			return false, err
		}
		defer os.RemoveAll(dir)
	} else if err := os.MkdirAll(dir, 0o755); err != nil {
		return false, err
	}
	chosen := map[string]bool{}
	for _, name := range strings.Split(o.models, ",") {
		chosen[name] = true
	}
	var list []*result
	for _, c := range cases() {
		if o.models != "" && !chosen[c.Model] || !strings.Contains(c.Method, o.rows) {
			continue
		}
		ref, found := refs[key{c.Model, c.Method, c.Setting}]
		if !found {
			return false, fmt.Errorf("REFERENCE.tsv has no row %s %s %s", c.Model, c.Method, c.Setting)
		}
		fmt.Fprintf(progress, "%s %s %s\n", c.Model, c.Method, c.Setting)
		r, err := measure(ctx, o, c, ref, dir)
		if err != nil {
			return false, fmt.Errorf("%s %s %s: %w", c.Model, c.Method, c.Setting, err)
		}
		list = append(list, r)
	}
	if len(list) == 0 {
		return false, errors.New("no row is chosen")
	}
	if o.python != "" {
		if err := crossCheck(ctx, o, list, progress); err != nil {
			return false, err
		}
	}
	ok = true
	for _, r := range list {
		r.judge()
		ok = ok && r.OK
	}
	if o.json {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return ok, e.Encode(list)
	}
	printTable(out, list)
	return ok, nil
}

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// key names a row of REFERENCE.tsv.
type key struct{ model, method, setting string }

// reference is what a row of REFERENCE.tsv measured.
type reference struct{ Nats, Perplexity float64 }

// readReference reads the language models' rows of REFERENCE.tsv in dir.
func readReference(dir string) (map[key]reference, error) {
	path := filepath.Join(dir, "REFERENCE.tsv")
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	column := map[string]int{}
	rows := map[key]reference{}
	for i, line := range strings.Split(strings.TrimRight(string(b), "\n"), "\n") {
		cells := strings.Split(line, "\t")
		if i == 0 {
			for k, name := range cells {
				column[name] = k
			}
			for _, name := range []string{"model", "method", "setting", "val_nats", "val_ppl"} {
				if _, ok := column[name]; !ok {
					return nil, fmt.Errorf("%s: no column %s", path, name)
				}
			}
			continue
		}
		cell := func(name string) string {
			if k := column[name]; k < len(cells) {
				return cells[k]
			}
			return ""
		}
		if cell("val_ppl") == "-" {
			continue // a classifier's row
		}
		nats, err := strconv.ParseFloat(cell("val_nats"), 64)
		if err != nil {
			return nil, fmt.Errorf("%s, line %d: nats: %w", path, i+1, err)
		}
		ppl, err := strconv.ParseFloat(cell("val_ppl"), 64)
		if err != nil {
			return nil, fmt.Errorf("%s, line %d: perplexity: %w", path, i+1, err)
		}
		rows[key{cell("model"), cell("method"), cell("setting")}] = reference{nats, ppl}
	}
	return rows, nil
}

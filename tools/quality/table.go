package main

import (
	"fmt"
	"io"
	"strings"
)

// printTable writes the rows as a Markdown table, and what is wrong below it.
func printTable(w io.Writer, list []*result) {
	fmt.Fprintln(w, "| model | method | setting | perplexity | reference | ratio | nats | ONNX Runtime | weights | FLOPs per token | |")
	fmt.Fprintln(w, "|---|---|---|---:|---:|---:|---:|---:|---:|---:|---|")
	for _, r := range list {
		ort, word := "-", "ok"
		if r.ORT != nil {
			ort = fmt.Sprintf("%+.1e", *r.ORT-r.Nats)
		}
		switch {
		case !r.OK:
			word = "FAIL"
		case r.shown:
			word = "shown"
		}
		method := strings.ReplaceAll(r.Method, "|", `\|`)
		if r.Note != "" {
			method += " (" + r.Note + ")"
		}
		fmt.Fprintf(w, "| %s | %s | %s | %.4f | %.4f | %.4f | %.5f | %s | %s | %s | %s |\n", r.Model, method, r.Setting, r.Value, r.Reference.Perplexity,
			r.Value/r.Reference.Perplexity, r.Nats, ort, share(r.WeightsAfter, r.WeightsBefore), share(r.FLOPsAfter, r.FLOPsBefore), word)
	}
	for _, r := range list {
		for _, p := range r.Problems {
			fmt.Fprintf(w, "\n%s %s %s: %s\n", r.Model, r.Method, r.Setting, p)
		}
	}
}

// share is after in percent of before.
func share(after, before int64) string {
	if before == 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f %%", 100*float64(after)/float64(before))
}

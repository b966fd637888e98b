package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
)

//go:embed ort.py
var ortProgram string

// crossCheck measures every row's file in ONNX Runtime.
func crossCheck(ctx context.Context, o options, list []*result, progress io.Writer) error {
	type request struct {
		File string `json:"file"`
		IDs  string `json:"ids"`
	}
	var requests []request
	for _, r := range list {
		requests = append(requests, request{r.file, r.ids})
	}
	in, err := json.Marshal(requests)
	if err != nil {
		return err
	}
	fmt.Fprintln(progress, "ONNX Runtime:")
	cmd := exec.CommandContext(ctx, o.python, "-c", ortProgram)
	cmd.Stdin = bytes.NewReader(in)
	cmd.Stderr = progress
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%s: %w", o.python, err)
	}
	var answers []struct {
		Nats    float64 `json:"nats"`
		Checker string  `json:"checker"`
	}
	if err := json.Unmarshal(out, &answers); err != nil {
		return fmt.Errorf("%s: %w", o.python, err)
	}
	if len(answers) != len(list) {
		return fmt.Errorf("%s gave %d answers for %d models", o.python, len(answers), len(list))
	}
	for i, a := range answers {
		list[i].ORT, list[i].Checker = &a.Nats, a.Checker
	}
	return nil
}

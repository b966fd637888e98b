package main

import (
	"errors"
	"fmt"
	"strings"
)

// The exit codes.
const (
	exitFine        = 0
	exitFailed      = 1 // a check failed, or nothing was changed
	exitUsage       = 2 // bad usage or bad input
	exitInterrupted = 130
)

// failedError says that the command did its work and the answer is no.
type failedError struct{ text string }

func (e *failedError) Error() string { return e.text }

func failed(format string, args ...any) error {
	return &failedError{fmt.Sprintf(format, args...)}
}

// hint adds what to do to an error.
func hint(err error, do string) error {
	return fmt.Errorf("%w; %s", err, do)
}

// unknown is the error for a name that is not in the list, with the nearest one.
func unknown(what, name string, known []string) error {
	err := fmt.Errorf("unknown %s %q", what, name)
	if n := nearest(name, known); n != "" {
		return hint(err, fmt.Sprintf("did you mean %q?", n))
	}
	if len(known) == 0 {
		return errors.New(err.Error() + ", there is none")
	}
	return hint(err, "known are "+strings.Join(known, ", "))
}

// nearest is the known name at the smallest edit distance, "" when none is close.
func nearest(name string, known []string) string {
	best, at := "", max(2, len(name)/2)+1
	for _, k := range known {
		d := distance(name, k)
		if name != "" && (strings.HasPrefix(k, name) || strings.HasSuffix(k, "-"+name)) {
			d = min(d, 1)
		}
		if d < at {
			best, at = k, d
		}
	}
	return best
}

// distance is the number of bytes to insert, delete or replace to get from a to b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = min(diagonal, row[j], row[j+1]) + 1
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}

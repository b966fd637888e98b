// Package graphtest reads golden text files: one file a topic, several cases each, rewritten with -rewrite.
//
// A case is comment lines, one command line, the input, a line "----", the expected output, and an empty line before the next case:
//
//	# A bias keeps the block eligible.
//	pass split-experts experts=4
//	g (float[N,8] x) => (float[N,8] y) { … }
//	----
//	g (float[N,8] x) => (float[N,8] y) { … }
package graphtest

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var rewrite = flag.Bool("rewrite", false, "write what the code gives now into the golden files")

// Case is one case of a golden file.
type Case struct {
	Comment string            // with its '#'
	Command string            // first word of the command line
	Args    []string          // other words without '='
	Opts    map[string]string // words key=value
	Input   string
	Want    string
	line    string
}

const divider = "----"

// Golden runs f over every case of every file that the pattern fits, and compares its result with what the file says.
func Golden(t *testing.T, pattern string, f func(t *testing.T, c Case) string) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	require.NoError(t, err)
	require.NotEmpty(t, files, "no golden file fits %s", pattern)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			cases := parse(t, string(data))
			for i := range cases {
				got := strings.TrimRight(f(t, cases[i]), "\n")
				if !*rewrite {
					require.Equal(t, cases[i].Want, got, "%s: %s\n%s", file, cases[i].line, cases[i].Input)
				}
				cases[i].Want = got
			}
			if *rewrite {
				require.NoError(t, os.WriteFile(file, []byte(format(cases)), 0o644))
			}
		})
	}
}

func parse(t *testing.T, data string) []Case {
	var cases []Case
	for _, block := range strings.Split(strings.TrimSpace(data), "\n\n") {
		var c Case
		lines := strings.Split(block, "\n")
		for len(lines) > 0 && strings.HasPrefix(lines[0], "#") {
			c.Comment += lines[0] + "\n"
			lines = lines[1:]
		}
		require.NotEmpty(t, lines, "a case without a command:\n%s", block)
		c.line = lines[0]
		c.Opts = map[string]string{}
		for i, w := range strings.Fields(lines[0]) {
			if k, v, ok := strings.Cut(w, "="); ok && i > 0 {
				c.Opts[k] = v
			} else if i == 0 {
				c.Command = w
			} else {
				c.Args = append(c.Args, w)
			}
		}
		in, want, ok := strings.Cut(strings.Join(lines[1:], "\n"), divider)
		require.True(t, ok, "a case without %s:\n%s", divider, block)
		c.Input, c.Want = strings.TrimRight(in, "\n"), strings.Trim(want, "\n")
		cases = append(cases, c)
	}
	return cases
}

func format(cases []Case) string {
	var parts []string
	for _, c := range cases {
		parts = append(parts, c.Comment+c.line+"\n"+c.Input+"\n"+divider+"\n"+c.Want)
	}
	return strings.Join(parts, "\n\n") + "\n"
}

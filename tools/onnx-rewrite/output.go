package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// jsonFlag is on every verb that reports.
type jsonFlag struct {
	JSON bool `name:"json" help:"Print the result as JSON, nothing else."`
}

// printJSON writes v, indented, with a final newline.
func (a *app) printJSON(v any) error {
	e := json.NewEncoder(a.out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// errorf writes to stderr what may hold text from a model.
func (a *app) errorf(format string, args ...any) {
	_, _ = a.err.Write(appendVisible(nil, fmt.Appendf(nil, format, args...), false)) // nobody is left to tell
}

func (a *app) printf(format string, args ...any) { fmt.Fprintf(a.out, format, args...) }

// newTable is a plain table without frames. Columns whose title starts with ">" are aligned to the right.
func newTable(title string, columns ...string) *report {
	t := &report{table.NewWriter(), title}
	style := table.StyleDefault
	style.Options = table.Options{SeparateHeader: true}
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	style.Box.MiddleHorizontal = "-"
	style.Format.Header = text.FormatDefault
	t.SetStyle(style)
	t.SuppressTrailingSpaces()
	var head table.Row
	var configs []table.ColumnConfig
	for i, c := range columns {
		name := strings.TrimPrefix(c, ">")
		head = append(head, name)
		if name != c {
			configs = append(configs, table.ColumnConfig{Number: i + 1, Align: text.AlignRight, AlignHeader: text.AlignRight})
		} else {
			configs = append(configs, table.ColumnConfig{Number: i + 1, WidthMax: 90, WidthMaxEnforcer: text.WrapSoft})
		}
	}
	t.AppendHeader(head)
	t.SetColumnConfigs(configs)
	return t
}

// report is a table with a line above it.
type report struct {
	table.Writer
	title string
}

// printTable prints a table that has rows.
func printTable(w io.Writer, t *report) {
	if t.Length() == 0 {
		return
	}
	if t.title != "" {
		fmt.Fprintln(w, t.title)
	}
	fmt.Fprintf(w, "%s\n", t.Render())
}

// count writes a number with its magnitude: 1234567 is 1.23 M.
func count(n int64) string {
	switch f := float64(n); {
	case n < 0:
		return "-" + count(-n)
	case n < 10_000:
		return strconv.FormatInt(n, 10)
	case n < 1_000_000:
		return fmt.Sprintf("%.1f k", f/1e3)
	case n < 1_000_000_000:
		return fmt.Sprintf("%.2f M", f/1e6)
	default:
		return fmt.Sprintf("%.2f G", f/1e9)
	}
}

// bytesText writes a number of bytes: 1536 is 1.5 KiB.
func bytesText(n int64) string {
	f, unit := float64(n), 0
	for f >= 1024 && unit < 4 {
		f, unit = f/1024, unit+1
	}
	if unit == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", f, []string{"B", "KiB", "MiB", "GiB", "TiB"}[unit])
}

// change writes b against a: "1.2 M -> 0.9 M (-25 %)".
func change(a, b int64) string {
	if a == b {
		return count(a)
	}
	if a == 0 {
		return count(a) + " -> " + count(b)
	}
	return fmt.Sprintf("%s -> %s (%+.0f %%)", count(a), count(b), 100*(float64(b)/float64(a)-1))
}

// figure writes a float with four significant digits.
func figure(x float64) string {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return fmt.Sprint(x)
	}
	return strconv.FormatFloat(x, 'g', 4, 64)
}

// lasts writes a duration with three digits.
func lasts(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%.1f µs", float64(d.Nanoseconds())/1e3)
	case d < time.Second:
		return fmt.Sprintf("%.2f ms", float64(d.Nanoseconds())/1e6)
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}

// number is a float whose JSON is null where JSON has no number for it.
type number float64

// MarshalJSON implements json.Marshaler.
func (n number) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(n)) || math.IsInf(float64(n), 0) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

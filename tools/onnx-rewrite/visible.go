package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/table"
)

// visible is text from a model as one line of a terminal: characters that would move the cursor, change colours or turn the direction of
// text are written as their numbers.
func visible(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r == '\n' || r == '\t' || isHidden(r) || r == utf8.RuneError }) {
		return s
	}
	return string(appendVisible(nil, []byte(s), true))
}

// isHidden reports whether a terminal obeys the character instead of showing it: the controls but for the end of a line and the tab,
// and the marks and overrides of direction of Unicode's bidirectional algorithm.
func isHidden(r rune) bool {
	switch {
	case r == '\n' || r == '\t':
		return false
	case r < ' ' || r >= 0x7f && r < 0xa0:
		return true
	}
	return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0x200e || r == 0x200f || r == 0x061c
}

// appendVisible appends b to dst. The escapes are those of JSON, so that JSON stays JSON and means the same; a byte that is no UTF-8 has
// none there, and none is ever in it.
func appendVisible(dst, b []byte, oneLine bool) []byte {
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		switch {
		case r == utf8.RuneError && n == 1:
			dst = fmt.Appendf(dst, "\\x%02x", b[0])
		case isHidden(r), oneLine && (r == '\n' || r == '\t'):
			dst = fmt.Appendf(dst, "\\u%04x", r)
		default:
			dst = append(dst, b[:n]...)
		}
		b = b[n:]
	}
	return dst
}

// visibleWriter writes text as visible does, lines apart. A character may come in two pieces.
type visibleWriter struct {
	w    io.Writer
	rest []byte
}

// Write implements io.Writer.
func (v *visibleWriter) Write(b []byte) (int, error) {
	all := append(v.rest, b...)
	end := len(all)
	for back := 1; back < utf8.UTFMax && back <= len(all); back++ {
		if c := all[len(all)-back]; utf8.RuneStart(c) {
			if c >= utf8.RuneSelf && !utf8.FullRune(all[len(all)-back:]) {
				end = len(all) - back
			}
			break
		}
	}
	out := appendVisible(nil, all[:end], false)
	v.rest = append([]byte(nil), all[end:]...)
	if n, err := v.w.Write(out); err != nil {
		return min(n, len(b)), err
	}
	return len(b), nil
}

// AppendRow adds a row whose text is visible.
func (t *report) AppendRow(row table.Row, configs ...table.RowConfig) {
	for i, cell := range row {
		switch x := cell.(type) {
		case string:
			row[i] = visible(x)
		case error:
			row[i] = visible(x.Error())
		case fmt.Stringer:
			row[i] = visible(x.String())
		}
	}
	t.Writer.AppendRow(row, configs...)
}

package graph

import (
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"
)

// lexer cuts ONNX text into tokens: identifiers, numbers, quoted strings, punctuation. '#' starts a comment; "#@" a note, which is read
// as a whole and waits in notes for what it describes, the token behind it.
type lexer struct {
	src    string
	pos    int
	tok    token
	err    error
	notes  []*note
	inNote bool
}

type tokenKind uint8

const (
	tokEOF tokenKind = iota
	tokIdent
	tokNumber
	tokString
	tokPunct
)

type token struct {
	kind tokenKind
	text string // of a string: without quotes and escapes
	pos  int
	hex  bool // a string written as x"…"
}

// String is the token for an error message.
func (t token) String() string {
	switch {
	case t.kind == tokEOF:
		return "the end"
	case t.text == "\n":
		return "the end of the line"
	}
	return fmt.Sprintf("%.40q", t.text)
}

func newLexer(src string) *lexer {
	l := &lexer{src: src}
	l.next()
	return l
}

// maxErrorText bounds an error that quotes the text.
const maxErrorText = 300

// fail records the first error, at the current token, and ends the input.
func (l *lexer) fail(format string, args ...any) { l.failAt(l.tok.pos, format, args...) }

func (l *lexer) failAt(pos int, format string, args ...any) {
	if l.err == nil {
		before := l.src[:min(pos, len(l.src))]
		line := 1 + strings.Count(before, "\n")
		column := 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
		what := fmt.Sprintf(format, args...)
		if len(what) > maxErrorText {
			what = what[:maxErrorText] + "…"
		}
		l.err = fmt.Errorf("line %d, column %d: %s", line, column, what)
	}
	l.tok = token{kind: tokEOF, pos: len(l.src)}
	l.pos, l.notes = len(l.src), nil
}

// space skips blanks and comments; inside a note it stops at the end of the line, and before a note.
func (l *lexer) space() {
	for l.pos < len(l.src) {
		switch c := l.src[l.pos]; {
		case c == '\n' && l.inNote:
			return
		case c == ' ' || c >= '\t' && c <= '\r':
			l.pos++
		case c == '#' && !l.inNote:
			if strings.HasPrefix(l.src[l.pos:], noteMark) {
				return
			}
			end := strings.IndexByte(l.src[l.pos:], '\n')
			if end < 0 {
				end = len(l.src) - l.pos
			}
			l.pos += end
		default:
			return
		}
	}
}

// next takes the next token, and the notes before it.
func (l *lexer) next() {
	if len(l.notes) > 0 && !l.inNote {
		n := l.notes[0]
		l.failAt(n.pos, "a note of a %s, which does not stand here", n.kind)
		return
	}
	l.space()
	for !l.inNote && l.err == nil && strings.HasPrefix(l.src[l.pos:], noteMark) {
		l.readNote()
		l.space()
	}
	if l.err == nil {
		l.scanToken()
	}
}

func (l *lexer) scanToken() {
	start := l.pos
	l.tok = token{kind: tokEOF, pos: start}
	if start == len(l.src) {
		return
	}
	c := l.src[start]
	switch {
	case c == '"':
		l.str()
		return
	case c == 'x' && strings.HasPrefix(l.src[start:], `x"`):
		l.hexString()
		return
	case isLetter(c):
		for l.pos < len(l.src) && (isLetter(l.src[l.pos]) || isDigit(l.src[l.pos])) {
			l.pos++
		}
		l.tok = token{kind: tokIdent, text: l.src[start:l.pos], pos: start}
		return
	case startsNumber(l.src[start:]):
		l.tok = token{kind: tokNumber, text: l.number(), pos: start}
		return
	}
	l.pos++
	if c == '=' && l.pos < len(l.src) && l.src[l.pos] == '>' {
		l.pos++
	}
	l.tok = token{kind: tokPunct, text: l.src[start:l.pos], pos: start}
}

// number scans what looks like a number: digits, letters, points, and signs behind an exponent's e.
func (l *lexer) number() string {
	start := l.pos
	for l.pos++; l.pos < len(l.src); l.pos++ {
		c := l.src[l.pos]
		prev := l.src[l.pos-1]
		if !isLetter(c) && !isDigit(c) && c != '.' && !((c == '-' || c == '+') && (prev == 'e' || prev == 'E')) {
			break
		}
	}
	return l.src[start:l.pos]
}

func startsNumber(s string) bool {
	if s[0] == '-' && len(s) > 1 {
		s = s[1:]
		if s[0] == 'i' || s[0] == 'n' { // -inf, -nan
			return true
		}
	}
	if s[0] == '.' && len(s) > 1 {
		s = s[1:]
	}
	return isDigit(s[0])
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isLetter(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// str reads a quoted string. A backslash makes the character behind it stand for itself; in a note, which is one line, \n and \r are the
// ends of lines.
func (l *lexer) str() {
	start := l.pos
	from := start + 1
	var b strings.Builder
	for i := from; i < len(l.src); i++ {
		switch c := l.src[i]; {
		case c == '\\':
			b.WriteString(l.src[from:i])
			i++
			from = i
			if i < len(l.src) && l.inNote && (l.src[i] == 'n' || l.src[i] == 'r') {
				b.WriteByte(map[byte]byte{'n': '\n', 'r': '\r'}[l.src[i]])
				from++
			}
		case c == '"':
			text := l.src[from:i]
			if b.Len() > 0 {
				text = b.String() + text
			}
			l.pos = i + 1
			l.tok = token{kind: tokString, text: text, pos: start}
			return
		case c == '\n' && l.inNote:
			l.fail("a string in a note ends on its line; write \\n for the end of a line")
			return
		}
	}
	l.fail("string without an end")
}

// hexString reads x"0aff", a string of any bytes.
func (l *lexer) hexString() {
	start := l.pos
	text, _, ok := strings.Cut(l.src[start+2:], `"`)
	b, err := hex.DecodeString(text)
	if !ok || err != nil {
		l.fail(`x"…" wants two hexadecimal digits for each byte`)
		return
	}
	l.pos = start + 2 + len(text) + 1
	l.tok = token{kind: tokString, text: string(b), pos: start, hex: true}
}

// peek is the token behind the current one.
func (l *lexer) peek() token {
	c := *l
	c.notes = nil
	c.next()
	return c.tok
}

// is reports whether the next token is that punctuation.
func (l *lexer) is(p string) bool { return l.tok.kind == tokPunct && l.tok.text == p }

// accept takes punctuation p if it is next.
func (l *lexer) accept(p string) bool {
	if !l.is(p) {
		return false
	}
	l.next()
	return true
}

// expect takes punctuation p, or fails.
func (l *lexer) expect(p string) {
	if !l.accept(p) {
		l.fail("want %q, have %s", p, l.tok)
	}
}

// name takes an identifier or quoted name.
func (l *lexer) name() string {
	if l.tok.kind != tokIdent && l.tok.kind != tokString {
		l.fail("want a name, have %s", l.tok)
		return ""
	}
	s := l.tok.text
	l.next()
	return s
}

// list reads items up to the closing punctuation, with commas between them.
func (l *lexer) list(end string, item func()) {
	for i := 0; l.err == nil && !l.accept(end); i++ {
		if i > 0 {
			if !l.is(",") {
				l.fail("want \",\" or %q, have %s", end, l.tok)
				return
			}
			l.next()
		}
		if l.err == nil {
			item()
		}
		if l.tok.kind == tokEOF {
			l.fail("want \",\" or %q, have the end", end)
		}
	}
}

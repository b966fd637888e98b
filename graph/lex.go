package graph

import (
	"fmt"
	"strings"
)

// lexer cuts ONNX text into tokens: identifiers, numbers, quoted strings, punctuation. '#' starts a comment.
type lexer struct {
	src string
	pos int
	tok token
	err error
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
}

func newLexer(src string) *lexer {
	l := &lexer{src: src}
	l.next()
	return l
}

func (l *lexer) fail(format string, args ...any) {
	if l.err == nil {
		line := 1 + strings.Count(l.src[:min(l.tok.pos, len(l.src))], "\n")
		l.err = fmt.Errorf("line %d: %s", line, fmt.Sprintf(format, args...))
	}
	l.tok = token{kind: tokEOF, pos: len(l.src)}
	l.pos = len(l.src)
}

func (l *lexer) space() {
	for l.pos < len(l.src) {
		switch c := l.src[l.pos]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			l.pos++
		case c == '#':
			for l.pos < len(l.src) && l.src[l.pos] != '\n' {
				l.pos++
			}
		default:
			return
		}
	}
}

func (l *lexer) next() {
	l.space()
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
	case isIdent(string(c)):
		l.scan(func(c byte) bool { return c == '_' || isAlnum(c) })
		l.tok = token{tokIdent, l.src[start:l.pos], start}
		return
	case startsNumber(l.src[start:]):
		l.pos++
		l.scan(func(c byte) bool {
			prev := l.src[l.pos-1]
			return c == '.' || isAlnum(c) || (c == '-' || c == '+') && (prev == 'e' || prev == 'E')
		})
		l.tok = token{tokNumber, l.src[start:l.pos], start}
		return
	}
	for _, p := range []string{"=>", "..."} {
		if strings.HasPrefix(l.src[start:], p) {
			l.pos += len(p)
			l.tok = token{tokPunct, p, start}
			return
		}
	}
	l.pos++
	l.tok = token{tokPunct, l.src[start:l.pos], start}
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
	return s[0] >= '0' && s[0] <= '9'
}

func isAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func (l *lexer) scan(more func(c byte) bool) {
	for l.pos < len(l.src) && more(l.src[l.pos]) {
		l.pos++
	}
}

func (l *lexer) str() {
	start := l.pos
	var b strings.Builder
	for i := start + 1; i < len(l.src); i++ {
		switch l.src[i] {
		case '\\':
			if i++; i < len(l.src) {
				b.WriteByte(l.src[i])
			}
		case '"':
			l.pos = i + 1
			l.tok = token{tokString, b.String(), start}
			return
		default:
			b.WriteByte(l.src[i])
		}
	}
	l.fail("string without an end")
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
		l.fail("want %q, have %q", p, l.tok.text)
	}
}

// name takes an identifier or quoted name.
func (l *lexer) name() string {
	if l.tok.kind != tokIdent && l.tok.kind != tokString {
		l.fail("want a name, have %q", l.tok.text)
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
			l.expect(",")
		}
		if l.err == nil {
			item()
		}
		if l.tok.kind == tokEOF && l.err == nil {
			l.fail("want %q, have the end", end)
		}
	}
}

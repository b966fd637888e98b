// Package layout holds the tests of how the project is laid out: which package imports what (docs/imports.txt), what the command links, what
// lies at the top level, that documents and code agree.
//
// It has no code of its own.
package layout

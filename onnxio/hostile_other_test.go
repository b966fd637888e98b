//go:build !unix

package onnxio

import "testing"

// hostileFiles puts files into dir that are none; this system has no such files.
func hostileFiles(*testing.T, string) []hostile { return nil }

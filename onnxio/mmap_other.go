//go:build !unix

package onnxio

const openNonblock = 0

func dropPages([]byte) {}

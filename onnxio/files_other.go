//go:build !unix

package onnxio

// syncDir does nothing: there is no such operation for folders here.
func syncDir(string) error { return nil }

func lockDir(string) (func(), error) { return func() {}, nil }

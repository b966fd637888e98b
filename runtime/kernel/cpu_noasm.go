//go:build !amd64 || noasm

package kernel

import goruntime "runtime"

func detectLevel() Level { return Portable }

func detectModel() string { return "" }

func pause() { goruntime.Gosched() }

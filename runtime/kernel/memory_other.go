//go:build !linux

package kernel

func adviseHuge(start, size uintptr) {}

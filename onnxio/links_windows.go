package onnxio

import (
	"os"

	"golang.org/x/sys/windows"
)

// linkCount is the number of names an open file has.
func linkCount(f *os.File) uint64 {
	var info windows.ByHandleFileInformation
	if windows.GetFileInformationByHandle(windows.Handle(f.Fd()), &info) != nil {
		return 1
	}
	return uint64(info.NumberOfLinks)
}

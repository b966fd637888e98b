package onnxio

import (
	"os"

	"golang.org/x/sys/windows"
)

// linkCountOf is the number of names an open file has.
func linkCountOf(f *os.File, _ os.FileInfo) uint64 {
	var info windows.ByHandleFileInformation
	if windows.GetFileInformationByHandle(windows.Handle(f.Fd()), &info) != nil {
		return 1
	}
	return uint64(info.NumberOfLinks)
}

package testmodels

import (
	"archive/tar"
	"path/filepath"
	"strings"
	"sync"
)

// smallModel is the size in bytes up to which SmallModels takes a model.
const smallModel = 1200

var small = sync.OnceValue(func() [][]byte {
	root, err := moduleRoot()
	if err != nil {
		return nil
	}
	var list [][]byte
	for _, archive := range []string{"simple", "pytorch-operator", "node-late", "node"} {
		list = append(list, archived(filepath.Join(root, "..", "shared", "conformance", archive+".tar.gz"))...)
	}
	return list
})

// SmallModels returns at most n small model files of the conformance archives beside the checkout, spread over them and in a fixed order:
// the seeds of fuzz targets. Without the archives there are none.
func SmallModels(n int) [][]byte {
	all := small()
	if len(all) <= n {
		return all
	}
	var list [][]byte
	for i := range n {
		list = append(list, all[i*len(all)/n])
	}
	return list
}

// archived is the small models of an archive, as far as it can be read.
func archived(path string) [][]byte {
	var list [][]byte
	_ = eachArchived(path, func(h *tar.Header) bool { return strings.HasSuffix(h.Name, ".onnx") && h.Size <= smallModel },
		func(_ string, data []byte) { list = append(list, data) })
	return list
}

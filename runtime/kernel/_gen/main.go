// Command _gen writes the assembly of package kernel with avo. One family of
// kernels is one row of the table and one Go file beside this one.
//
//	go run . -kernel gemm -pkg kernel -out ../gemm_amd64.s -stubs ../gemm_stubs_amd64.go
//
// gen.sh in the parent folder runs every row.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/mmcloughlin/avo/build"
)

// families is the table of kernel families: the value emits every function of
// the family into avo's global context.
var families = []struct {
	name string
	emit func()
}{
	{"cpu", cpuFamily},
	{"gemm", gemmFamily},
	{"topk", topkFamily},
	{"sparse", sparseFamily},
	{"rows", rowsFamily},
	{"conv", convFamily},
	{"math", mathFamily},
	{"act", actFamily},
	{"elementwise", elementwiseFamily},
	{"reduce", reduceFamily},
	{"softmax", softmaxFamily},
	{"norm", normFamily},
	{"rotary", rotaryFamily},
	{"half", halfFamily},
	{"transpose", transposeFamily},
	{"optimizer", optimizerFamily},
}

var which = flag.String("kernel", "", "kernel family to generate")

func main() {
	list := flag.Bool("list", false, "print the family names, one a line")
	flag.Parse()
	if *list {
		for _, f := range families {
			fmt.Println(f.name)
		}
		return
	}
	for _, f := range families {
		if f.name == *which {
			build.ConstraintExpr("!noasm")
			f.emit()
			build.Generate()
			return
		}
	}
	fmt.Fprintf(os.Stderr, "unknown kernel family %q\n", *which)
	os.Exit(2)
}

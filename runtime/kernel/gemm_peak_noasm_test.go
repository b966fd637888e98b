//go:build !amd64 || noasm

package kernel

func peakFMA(Level, int) int { return 0 }

func readMemory(x []float32) {
	var s float32
	for _, v := range x {
		s += v
	}
	sink = s
}

var sink float32

package sparsify

import "math"

// MagnitudeBins is the number of bins of a magnitude histogram: one for |x| < 2^-40 (zeros among them), 64 per power of two from 2^-40 to
// 2^24, one for the rest. Bins are fixed, so counts merge exactly; a bin is at most 1.6 % wide.
const MagnitudeBins = 64*64 + 2

const magLow = (127 - 40) << 6

func magnitudeBin(x float32) int {
	key := int(math.Float32bits(x)&0x7fffffff) >> 17
	return min(max(key-magLow+1, 0), MagnitudeBins-1)
}

// magnitudeEdge is the lower edge of a bin.
func magnitudeEdge(bin int) float64 {
	if bin == 0 {
		return 0
	}
	return float64(math.Float32frombits(uint32(magLow+bin-1) << 17))
}

// DeviationBins is the number of bins of a histogram of (x-mean)/std: 64 per unit from -16 to 48; the end bins hold the rest.
const DeviationBins = 64 * 64

func deviationBin(z float64) int {
	return int(min(max(math.Floor((z+16)*64), 0), DeviationBins-1))
}

func deviationEdge(bin int) float64 { return float64(bin)/64 - 16 }

// upperQuantile returns the point with the share keep of all counts at or above it, linear inside its bin. Zero counts give 0.
func upperQuantile(counts []int64, edge func(int) float64, keep float64) float64 {
	var total int64
	for _, c := range counts {
		total += c
	}
	if total == 0 {
		return 0
	}
	want := min(max(keep, 0), 1) * float64(total)
	var above float64
	for b := len(counts) - 1; b >= 0; b-- {
		c := float64(counts[b])
		if c > 0 && above+c >= want {
			lo, hi := edge(b), edge(b+1)
			return hi - (hi-lo)*(want-above)/c
		}
		above += c
	}
	return edge(0)
}

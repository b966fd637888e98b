package kernel

// Peak runs n rounds of independent FMAs of the level's width and returns the
// number of floating-point operations done; 0 at the portable level.
func Peak(l Level, n int) int { return peakFMA(l, n) }

// ReadMemory reads x (up to a multiple of 64 values) and does nothing with it.
func ReadMemory(x []float32) { readMemory(x) }

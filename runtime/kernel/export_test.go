package kernel

// Peak runs n rounds of independent FMAs of the level's width and returns the
// number of floating-point operations done; 0 at the portable level.
func Peak(l Level, n int) int { return peakFMA(l, n) }

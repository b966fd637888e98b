package kernel

import (
	"fmt"
	"sync/atomic"
)

// Level names an instruction set the kernels are written for. A higher level
// includes the lower ones.
type Level int

// The levels. AVX2 means AVX2 with FMA; AVX512 means the F, BW, DQ and VL
// parts together.
const (
	Portable Level = iota
	AVX2
	AVX512
)

// String returns "portable", "avx2" or "avx512".
func (l Level) String() string {
	switch l {
	case Portable:
		return "portable"
	case AVX2:
		return "avx2"
	case AVX512:
		return "avx512"
	}
	return fmt.Sprintf("Level(%d)", int(l))
}

var (
	detected = detectLevel()
	active   atomic.Int32
	machine  = detectModel()
)

func init() { active.Store(int32(detected)) }

// ActiveLevel returns the level the kernels use now: what the CPU and the
// operating system offer, unless SetLevel lowered it.
func ActiveLevel() Level { return Level(active.Load()) }

// SetLevel makes the kernels use level l, or the best one the CPU has when l is
// higher, and returns a function that puts the old level back. It serves tests
// and debugging; it is not meant to be called while kernels run.
func SetLevel(l Level) (restore func()) {
	old := active.Swap(int32(max(Portable, min(l, detected))))
	return func() { active.Store(old) }
}

// Levels returns all levels this machine can run, lowest first.
func Levels() []Level {
	var ls []Level
	for l := Portable; l <= detected; l++ {
		ls = append(ls, l)
	}
	return ls
}

// Describe names the core (when known) and the active level, for reports:
// "zen4 avx512", "zen5 avx512", "x86 family 6 model 143 avx2" or just the level.
func Describe() string {
	if machine == "" {
		return ActiveLevel().String()
	}
	return machine + " " + ActiveLevel().String()
}

//go:build !noasm

package kernel

import (
	"fmt"

	"golang.org/x/sys/cpu"
)

func detectLevel() Level {
	x := &cpu.X86
	if !x.HasAVX2 || !x.HasFMA || !x.HasBMI2 {
		return Portable
	}
	if x.HasAVX512F && x.HasAVX512BW && x.HasAVX512DQ && x.HasAVX512VL {
		return AVX512
	}
	return AVX2
}

// cpuModel returns the display family and model of CPUID leaf 1, and whether
// the vendor is AMD.
func cpuModel() (family, model int, amd bool) {
	_, b, c, d := cpuid(0, 0)
	amd = b == 0x68747541 && d == 0x69746e65 && c == 0x444d4163
	a, _, _, _ := cpuid(1, 0)
	family, model = int(a>>8&15), int(a>>4&15)
	if family == 15 {
		family += int(a >> 20 & 0xff)
	}
	if family >= 6 {
		model += int(a>>16&15) << 4
	}
	return family, model, amd
}

// detectModel names the AMD cores we tune for (family 0x19: Zen 3 and Zen 4,
// which only the latter has AVX-512; 0x1A: Zen 5) and numbers the others.
func detectModel() string {
	family, model, amd := cpuModel()
	switch {
	case amd && family == 0x1a:
		return "zen5"
	case amd && family == 0x19 && cpu.X86.HasAVX512F:
		return "zen4"
	case amd && family == 0x19:
		return "zen3"
	}
	return fmt.Sprintf("x86 family %d model %d", family, model)
}

// pause hints the CPU that the caller spins, for very roughly 16 x 40 cycles.
func pause() { spinPause(16) }

package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func cpuFamily() {
	TEXT("cpuid", NOSPLIT, "func(leaf, sub uint32) (a, b, c, d uint32)")
	Doc("cpuid executes the CPUID instruction for one leaf and sub-leaf.")
	Load(Param("leaf"), reg.EAX)
	Load(Param("sub"), reg.ECX)
	CPUID()
	Store(reg.EAX, Return("a"))
	Store(reg.EBX, Return("b"))
	Store(reg.ECX, Return("c"))
	Store(reg.EDX, Return("d"))
	RET()

	TEXT("spinPause", NOSPLIT, "func(n int)")
	Doc("spinPause executes n PAUSE instructions (n > 0).")
	n := Load(Param("n"), GP64())
	Label("pause")
	PAUSE()
	DECQ(n)
	JNZ(operand.LabelRef("pause"))
	RET()
}

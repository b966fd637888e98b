package kernel

// Epilogue is work done on each finished part of C while it is in cache, in
// this order: c += Bias[column]; c = Act(c); c *= Mul; c += Add. Nil slices and
// ActNone are absent. Mul and Add have C's layout (same leading dimension) and
// must not overlap C.
type Epilogue struct {
	Bias     []float32
	Act      Act
	Mul, Add []float32
}

// row applies the epilogue to the elements of C at offset off, which belong to
// the columns from col on.
func (ep *Epilogue) row(c []float32, off, col int) {
	if ep == nil {
		return
	}
	if ep.Bias != nil {
		Add(c, c, ep.Bias[col:][:len(c)])
	}
	ep.tail(c, off, false)
}

// tail is row without the bias and, if skipAct, without the activation.
func (ep *Epilogue) tail(c []float32, off int, skipAct bool) {
	if ep.Act != ActNone && !skipAct {
		Activate(ep.Act, c, c)
	}
	if ep.Mul != nil {
		Mul(c, c, ep.Mul[off:][:len(c)])
	}
	if ep.Add != nil {
		Add(c, c, ep.Add[off:][:len(c)])
	}
}

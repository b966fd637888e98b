//go:build !amd64 || noasm

package kernel

func (b *dotBlock) runFast(m, n int) bool { return false }

func axpyListFast(y, w []float32, ldw int, idx []int32, coef []float32) bool { return false }

func (p *pieces) runFast(idx []int32, coef []float32) bool { return false }

func (g *panelGemm) blockFast(c, cols, l, kb int, b []float32) bool { return false }

// Package kerneltest is the frame every kernel of package kernel is tested in:
// all levels the CPU can run, lengths 0..130, odd offsets, guard bands around
// every buffer, and values from ordinary ones to NaN, infinities and subnormals.
// Tests import it from package kernel_test:
//
//	var expTol = kerneltest.Tolerance{Name: "Exp", ULP: 2}
//
//	func TestExp(t *testing.T) {
//		kerneltest.Unary(t, expTol, kernel.Exp, math.Exp)
//	}
package kerneltest

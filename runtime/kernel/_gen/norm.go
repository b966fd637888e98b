package main

import "github.com/mmcloughlin/avo/reg"

// normFamily emits the last step of the normalisations; runtime/kernel/norm_ref.go says what each is.
func normFamily() {
	for _, form := range []struct{ name, inputs string }{{"normApply", ""}, {"normApplyScale", "gamma"}, {"normApplyAffine", "gamma, beta"}} {
		args := "(dst, x *float32, n int, mean, inv float32)"
		if form.inputs != "" {
			args = "(dst, x, " + form.inputs + " *float32, n int, mean, inv float32)"
		}
		both(form.name, args, "is normApplyRef over n > 0 elements.", func(v *simd) {
			dst, x, n := pointer("dst"), pointer("x"), pointer("n")
			p := []reg.Register{dst, x}
			if form.inputs != "" {
				p = append(p, pointer("gamma"))
			}
			if form.inputs == "gamma, beta" {
				p = append(p, pointer("beta"))
			}
			mean, inv := v.param("mean"), v.param("inv")
			v.stream(n, p, 4, func(k int) {
				y := v.mul(v.sub(v.load(x, k), mean), inv)
				switch len(p) {
				case 3:
					y = v.mul(y, v.load(p[2], k))
				case 4:
					y = v.fma(y, v.load(p[2], k), v.load(p[3], k))
				}
				v.store(y, dst, k)
			})
		})
	}
}

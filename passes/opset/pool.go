package opset

import (
	"slices"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
)

// window is what a pool's attributes say, spread over the spatial axes of the input.
type window struct{ kernel, strides, dilations, begin, end, in []int64 }

// window reads the pool; ok is false when it is padded automatically or sizes are not known.
func (s *site) window() (w window, ok bool) {
	w.kernel = s.n.Attrs.Ints("kernel_shape")
	k := len(w.kernel)
	list := func(name string, n int, v int64) []int64 {
		if x := s.n.Attrs.Ints(name); len(x) == n {
			return x
		}
		return slices.Repeat([]int64{v}, n)
	}
	w.strides, w.dilations = list("strides", k, 1), list("dilations", k, 1)
	pads := list("pads", 2*k, 0)
	w.begin, w.end = pads[:k], pads[k:]
	d, known := dims(s.n.In(0))
	if !known || len(d) != k+2 || s.n.Attrs.String("auto_pad", "NOTSET") != "NOTSET" {
		return w, false
	}
	w.in = d[2:]
	for i := range k {
		if w.strides[i] < 1 || w.kernel[i] < 1 || w.dilations[i] < 1 {
			return w, false
		}
	}
	return w, true
}

// ceilAdds reports whether rounding the number of windows up adds one. A window that starts in the padding behind the input is none.
func (s *site) ceilAdds() (adds, known bool) {
	w, ok := s.window()
	if !ok {
		return false, false
	}
	for i := range w.kernel {
		rest := w.in[i] + w.begin[i] + w.end[i] - w.dilations[i]*(w.kernel[i]-1) - 1
		if rest < 0 || rest%w.strides[i] == 0 {
			continue
		}
		if last := (rest/w.strides[i] + 1) * w.strides[i]; last < w.in[i]+w.begin[i] {
			return true, true
		}
	}
	return false, true
}

// ceilMode: the number of windows was rounded down. Where that makes no difference, the attribute goes.
func ceilMode(s *site) error {
	if s.n.Attrs.Int("ceil_mode", 0) == 0 {
		s.drop("ceil_mode")
		return nil
	}
	switch adds, known := s.ceilAdds(); {
	case !known:
		return refuse(NoShape, "", "whether ceil_mode = 1 makes a difference is not known: the input's shape is not, or it is padded automatically")
	case adds:
		return refuse(NoAttr, "", "attribute ceil_mode = 1 adds a window, and came with version %d", s.newer.Since)
	}
	s.drop("ceil_mode")
	return nil
}

// ceilStart: before 22 the text counted windows that start in the padding behind. Where those are all that rounding up adds, it goes.
func ceilStart(s *site) error {
	if s.n.Attrs.Int("ceil_mode", 0) != 0 {
		if adds, known := s.ceilAdds(); known && !adds {
			s.drop("ceil_mode")
		}
	}
	return nil
}

// countPad: padding did not count. Where it does, the input is padded before.
func countPad(s *site) error {
	if s.n.Attrs.Int("count_include_pad", 0) == 0 {
		return nil
	}
	pads := s.n.Attrs.Ints("pads")
	if auto := s.n.Attrs.String("auto_pad", "NOTSET"); auto == "SAME_UPPER" || auto == "SAME_LOWER" {
		return refuse(NoAttr, "", "attribute count_include_pad = 1 with automatic padding came with version 7")
	}
	s.drop("count_include_pad")
	if !slices.ContainsFunc(pads, func(v int64) bool { return v != 0 }) {
		return nil
	}
	k := len(pads) / 2
	all := slices.Concat([]int64{0, 0}, pads[:k], []int64{0, 0}, pads[k:])
	s.drop("pads")
	s.put(0, s.unary("Pad", s.n.In(0), graph.IntsAttr("pads", all...)))
	return nil
}

package op

import (
	"fmt"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
)

// einsumOps is Einsum.
func einsumOps() []OpDef {
	return []OpDef{{Op: "Einsum", Since: 12, Prepare: prepareEinsum}}
}

// equation is an Einsum equation: the labels of each operand and of the result. A label is a letter; '.' stands for the dims of an ellipsis.
type equation struct {
	in  []string
	out string
}

func parseEquation(s string, operands int) (equation, error) {
	var eq equation
	s = strings.ReplaceAll(s, " ", "")
	left, right, explicit := strings.Cut(s, "->")
	for _, term := range strings.Split(left, ",") {
		t, err := labels(term)
		if err != nil {
			return eq, err
		}
		eq.in = append(eq.in, t)
	}
	if len(eq.in) != operands {
		return eq, fmt.Errorf("equation %q has %d terms for %d inputs", s, len(eq.in), operands)
	}
	if explicit {
		var err error
		if eq.out, err = labels(right); err != nil {
			return eq, err
		}
		for i, l := range eq.out {
			if !strings.ContainsRune(strings.Join(eq.in, ""), l) && l != '.' || strings.ContainsRune(eq.out[:i], l) {
				return eq, fmt.Errorf("equation %q: label %c of the result", s, l)
			}
		}
		return eq, nil
	}
	// Without a right side: the ellipsis, then every letter that occurs once, in alphabetical order.
	all := strings.Join(eq.in, "")
	if strings.ContainsRune(all, '.') {
		eq.out = "."
	}
	for l := 'A'; l <= 'z'; l++ {
		if strings.Count(all, string(l)) == 1 {
			eq.out += string(l)
		}
	}
	return eq, nil
}

func labels(term string) (string, error) {
	t := strings.Replace(term, "...", ".", 1)
	for i, l := range t {
		letter := l >= 'a' && l <= 'z' || l >= 'A' && l <= 'Z'
		if !letter && !(l == '.' && strings.Count(t, ".") == 1 && strings.Contains(term, "...")) {
			return "", fmt.Errorf("term %q has %q at %d", term, l, i)
		}
	}
	return t, nil
}

func prepareEinsum(p *Prep) (Exec, error) {
	for i := range p.Node.NumIn() {
		if err := want(p, numbers, i); err != nil {
			return nil, err
		}
	}
	eq, err := parseEquation(p.Attrs().String("equation", ""), p.Node.NumIn())
	if err != nil {
		return nil, err
	}
	return ExecFunc(func(c *Call) error { return einsum(c, eq) }), nil
}

// einsumIndex is one summation or result index at run time: an equation's letter, or one dim of the ellipsis.
type einsumIndex struct {
	size    int
	strides []int // per operand, 0 where it does not occur or has size 1
}

// resolve binds labels to sizes. The result's indices come first, in order; the others are summed over.
func (eq equation) resolve(in []*tensor.Tensor) (idx []einsumIndex, outRank int, err error) {
	dots := 0
	for i, t := range in {
		n := len(t.Shape) - len(strings.ReplaceAll(eq.in[i], ".", ""))
		if n < 0 || n > 0 && !strings.Contains(eq.in[i], ".") {
			return nil, 0, fmt.Errorf("input %d of shape %v does not fit term %q", i, t.Shape, eq.in[i])
		}
		dots = max(dots, n)
	}
	order := map[rune]int{} // of a letter in idx
	var dotAt int
	add := func(l rune) {
		if _, ok := order[l]; ok {
			return
		}
		order[l] = len(idx)
		n := 1
		if l == '.' {
			dotAt, n = len(idx), dots
		}
		for range n {
			idx = append(idx, einsumIndex{1, make([]int, len(in))})
		}
	}
	for _, l := range eq.out {
		add(l)
	}
	outRank = len(idx)
	for _, term := range eq.in {
		for _, l := range term {
			add(l)
		}
	}
	for i, t := range in {
		strides, d := rowMajor(t.Shape), 0
		own := len(t.Shape) - len(strings.ReplaceAll(eq.in[i], ".", ""))
		bind := func(k int) error {
			n := int(t.Shape[d])
			if n != 1 {
				if idx[k].size != 1 && idx[k].size != n {
					return fmt.Errorf("dim %d of input %d is %d, elsewhere it is %d", d, i, n, idx[k].size)
				}
				idx[k].size = n
				idx[k].strides[i] += strides[d]
			}
			d++
			return nil
		}
		for _, l := range eq.in[i] {
			if l != '.' {
				if err := bind(order[l]); err != nil {
					return nil, 0, err
				}
				continue
			}
			for j := range own {
				if err := bind(dotAt + dots - own + j); err != nil {
					return nil, 0, err
				}
			}
		}
	}
	return idx, outRank, nil
}

func einsum(c *Call, eq equation) error {
	for i := range eq.in {
		t, err := needInput(c, i)
		if err != nil {
			return err
		}
		if t.Elem != c.In[0].Elem {
			return fmt.Errorf("inputs are %s and %s", c.In[0].Elem, t.Elem)
		}
	}
	idx, outRank, err := eq.resolve(c.In)
	if err != nil {
		return err
	}
	dims := make([]int64, outRank)
	for i := range dims {
		dims[i] = int64(idx[i].size)
	}
	elem := c.In[0].Elem
	if err := sizeOf(elem, dims); err != nil {
		return err
	}
	y := c.Out(0, elem, dims...)
	switch {
	case elem == tensor.Float32 || isHalf(elem):
		out := singleOut(y)
		in := make([][]float32, len(c.In))
		for i, t := range c.In {
			in[i] = single(t)
		}
		if len(in) != 2 || !contract(c, out, in, idx, outRank) {
			sumProducts(out, in, idx, outRank)
		}
		singleDone(y, out)
	case elem == tensor.Float64:
		in := make([][]float64, len(c.In))
		for i, t := range c.In {
			in[i] = tensor.Data[float64](t)
		}
		sumProducts(tensor.Data[float64](y), in, idx, outRank)
	default:
		in := make([][]int64, len(c.In))
		for i, t := range c.In {
			if in[i], err = t.Int64s(); err != nil {
				return err
			}
		}
		out := make([]int64, y.Len())
		sumProducts(out, in, idx, outRank)
		return storeInts(y, out)
	}
	return nil
}

// contract computes a two-operand Einsum as one batched product, if every summed index is in both operands.
func contract(c *Call, y []float32, in [][]float32, idx []einsumIndex, outRank int) bool {
	var batch, left, right, sum []int // numbers of indices
	for i, x := range idx {
		a, b := x.strides[0] != 0, x.strides[1] != 0
		switch {
		case x.size == 1:
		case i >= outRank && a && b:
			sum = append(sum, i)
		case i >= outRank:
			return false
		case a && b:
			batch = append(batch, i)
		case a:
			left = append(left, i)
		case b:
			right = append(right, i)
		}
	}
	size := func(list []int) int {
		n := 1
		for _, i := range list {
			n *= idx[i].size
		}
		return n
	}
	b, m, n, k := size(batch), size(left), size(right), size(sum)
	if b*m*n == 0 {
		return true
	}
	if k == 0 {
		clear(y)
		return true
	}
	arrange := func(op int, groups ...[]int) ([]float32, bool) {
		var dims []int64
		var strides []int
		for _, g := range groups {
			for _, i := range g {
				dims, strides = append(dims, int64(idx[i].size)), append(strides, idx[i].strides[op])
			}
		}
		ns, err := newNest(dims, strides)
		if err != nil {
			return nil, false
		}
		if _, s := ns.inner(); ns.rank == 1 && (s[0] == 1 || ns.n == 1) && ns.n == len(in[op]) {
			return in[op], true
		}
		buf := c.Scratch(ns.n)
		strided(buf, in[op], 0, ns, c.Pool)
		return buf, true
	}
	x, okX := arrange(0, batch, left, sum)
	w, okW := arrange(1, batch, right, sum)
	if !okX || !okW {
		return false
	}
	// The product has its indices in the order batch, left, right; the result may want another.
	order := append(append(append([]int{}, batch...), left...), right...)
	prod := y
	inOrder := true
	for i := 1; i < len(order); i++ {
		inOrder = inOrder && order[i-1] < order[i]
	}
	if !inOrder {
		prod = c.Scratch(len(y))
	}
	kernel.BatchGemm(b, m, n, k, x, m*k, k, false, w, n*k, k, true, 1, prod, m*n, n, c.Pool)
	if inOrder {
		return true
	}
	at := make([]int, len(idx))
	step := 1
	for i := len(order) - 1; i >= 0; i-- {
		at[order[i]] = step
		step *= idx[order[i]].size
	}
	dims, strides := make([]int64, outRank), make([]int, outRank)
	for i := range dims {
		dims[i], strides[i] = int64(idx[i].size), at[i]
	}
	ns, err := newNest(dims, strides)
	if err != nil {
		return false
	}
	strided(y, prod, 0, ns, c.Pool)
	return true
}

// sumProducts is Einsum by its definition.
func sumProducts[T number](y []T, in [][]T, idx []einsumIndex, outRank int) {
	at := make([]int, len(in))
	pos := make([]int, len(idx))
	advance := func(lo, hi int) bool { // next position of idx[lo:hi]; false when it wraps around
		for i := hi - 1; i >= lo; i-- {
			pos[i]++
			for o, s := range idx[i].strides {
				at[o] += s
			}
			if pos[i] < idx[i].size {
				return true
			}
			for o, s := range idx[i].strides {
				at[o] -= s * pos[i]
			}
			pos[i] = 0
		}
		return false
	}
	empty := false
	for _, x := range idx[outRank:] {
		empty = empty || x.size == 0
	}
	for o := range y {
		var s T
		for more := !empty; more; more = advance(outRank, len(idx)) {
			p := T(1)
			for i, v := range in {
				p *= v[at[i]]
			}
			s += p
		}
		y[o] = s
		advance(0, outRank)
	}
}

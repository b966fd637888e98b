package kernel

// pieces is a list of pieces of panelAlign columns, each with rows of its own at pitch ldw and a place for its sums, that
// one list of rows is summed into.
type pieces struct {
	n   int
	ldw int
	far bool                         // the rows are likely out of cache
	at  func(q int) (w, y []float32) // piece q
}

// run adds Σ_i coef[i] * w[idx[i]] to y for every piece. Each element of y is one chain in the order of i.
func (p *pieces) run(idx []int32, coef []float32) {
	if len(idx) == 0 || p.n <= 0 {
		return
	}
	coef = coef[:len(idx)]
	if p.runFast(idx, coef) {
		return
	}
	for q := range p.n {
		w, y := p.at(q)
		axpyListGo(y[:panelAlign], w, p.ldw, idx, coef)
	}
}

// farFloats is the size of a matrix beyond which rows out of order are read ahead.
const farFloats = 1 << 17

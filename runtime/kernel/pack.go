package kernel

// PackedB is a K x N matrix laid out for Gemm: panels of NR columns, each
// stored as K rows of NR contiguous values, the last panel padded with zeros.
// The layout is the same at all levels. It is read-only after packing and may
// be shared.
type PackedB struct {
	K, N, NR int
	data     []float32 // [ceil(N/NR)][K][NR], starts on a cache line
}

// Bytes returns the memory the panels take.
func (b *PackedB) Bytes() int { return 4 * len(b.data) }

// Panels returns the number of panels.
func (b *PackedB) Panels() int { return ceilDiv(b.N, b.NR) }

// Panel returns the K x NR values of panel i, which holds the columns from
// i*NR on. The caller must not write to it.
func (b *PackedB) Panel(i int) []float32 {
	size := b.K * b.NR
	return b.data[i*size : (i+1)*size]
}

// PackB packs b, which is [k,n] with leading dimension ldb or, if trans is set,
// [n,k].
func PackB(k, n int, b []float32, ldb int, trans bool, p *Pool) *PackedB {
	pb := &PackedB{K: k, N: n, NR: panelWidth, data: NewFloats(roundUp(n, panelWidth) * k)}
	packPanels(pb.data, b, ldb, trans, 0, k, 0, n, p)
	return pb
}

// Unpack writes the matrix back into dst, [K,N] row-major without gaps.
func (b *PackedB) Unpack(dst []float32) {
	for i := range b.Panels() {
		w := min(b.NR, b.N-i*b.NR)
		for k, panel := 0, b.Panel(i); k < b.K; k++ {
			copy(dst[k*b.N+i*b.NR:][:w], panel[k*b.NR:])
		}
	}
}

// packPanels packs rows k0..k1 and columns j0..j1 of op(b) into panels.
func packPanels(dst []float32, b []float32, ldb int, trans bool, k0, k1, j0, j1 int, p *Pool) {
	size := (k1 - k0) * panelWidth
	p.For(ceilDiv(j1-j0, panelWidth), 1+packGrain/(size+1), func(lo, hi int) {
		if !trans {
			packRows(dst, b, ldb, k0, k1, j0, j1, lo, hi)
			return
		}
		for i := lo; i < hi; i++ {
			j := j0 + i*panelWidth
			w := min(panelWidth, j1-j)
			panel := dst[i*size:][:size]
			if w < panelWidth {
				clear(panel)
			}
			Transpose(panel, panelWidth, b[j*ldb+k0:], ldb, w, k1-k0)
		}
	})
}

// packGrain is the number of values worth a thread of their own, packGroup the
// number of panels filled together: rows of b are then read in longer stretches.
const (
	packGrain = 1 << 14
	packGroup = 16
)

// packRows packs panels lo..hi of a b that is not transposed.
func packRows(dst []float32, b []float32, ldb int, k0, k1, j0, j1, lo, hi int) {
	size := (k1 - k0) * panelWidth
	for ; lo < hi; lo += packGroup {
		end := min(lo+packGroup, hi)
		from, to := j0+lo*panelWidth, min(j0+end*panelWidth, j1)
		for k := k0; k < k1; k++ {
			row := b[k*ldb+from : k*ldb+to]
			for at := lo*size + (k-k0)*panelWidth; len(row) > 0; at += size {
				d := dst[at:][:panelWidth]
				n := copy(d, row)
				clear(d[n:])
				row = row[n:]
			}
		}
	}
}

// panelWidth is the number of columns of a packed panel: three AVX-512 vectors,
// six of AVX2.
const panelWidth = 48

func ceilDiv(a, b int) int { return (a + b - 1) / b }

func roundUp(a, b int) int { return ceilDiv(a, b) * b }

package kernel

// tile is the argument of the tile kernels: C (mr x up to three vectors) gets
// the product of mr rows of A and k rows of B. The layout of the first fields
// is known to the assembly (_gen/gemm.go); strides are in bytes.
type tile struct {
	a       *float32
	lda     int
	b       *float32
	ldb     int
	c       *float32
	ldc     int
	k       int
	mask    uint64     // lanes of the last vector, AVX-512
	masks   *[8]uint32 // the same for AVX2, all ones or zeros a lane
	bias    *float32   // nil: none; added by column
	rowBias *float32   // nil: none; added by row
	flags   uint64
	alpha   float32

	cols int // columns of the strip
	ref  refTile
}

// refTile is the same for the plain Go tile, strides in elements.
type refTile struct {
	b             []float32
	ldb           int
	bias, rowBias []float32
}

// The flags of a tile, in order of use.
const (
	flagLoad  = 1 // the sums start from C
	flagRelu  = 2 // negative results become 0
	flagScale = 4 // results are multiplied by alpha
)

// laneMask is the mask of the first n lanes of a vector, of at most 16 for
// AVX-512 and 8 for AVX2.
func laneMask(n int) (uint64, *[8]uint32) {
	return 1<<n - 1, (*[8]uint32)(laneMasks[8-min(n, 8):])
}

// laneMasks[8-n:] begins with n lanes set.
var laneMasks = [16]uint32{
	^uint32(0), ^uint32(0), ^uint32(0), ^uint32(0), ^uint32(0), ^uint32(0), ^uint32(0), ^uint32(0),
}

// setB points the tile at a strip of w columns and k rows of B.
func (t *tile) setB(b []float32, ldb, k, w int) {
	t.b, t.ldb, t.k, t.cols = &b[0], 4*ldb, k, w
	t.mask, _ = laneMask((w-1)%16 + 1)
	_, t.masks = laneMask((w-1)%8 + 1)
	t.ref.b, t.ref.ldb = b, ldb
}

// setBias sets or, with nil, removes what is added to each column.
func (t *tile) setBias(bias []float32) {
	t.bias, t.ref.bias = first(bias), bias
}

// setRowBias sets or, with nil, removes what is added to each row.
func (t *tile) setRowBias(bias []float32) {
	t.rowBias, t.ref.rowBias = first(bias), bias
}

func first(x []float32) *float32 {
	if len(x) == 0 {
		return nil
	}
	return &x[0]
}

// run computes mr rows, mr and the strip's width within the level's tile.
func (t *tile) run(l Level, mr int, a []float32, lda int, c []float32, ldc int) {
	if l == Portable {
		tileRef(mr, t.cols, t.k, a, lda, t.ref.b, t.ref.ldb, c, ldc, t.flags, t.alpha, t.ref.bias, t.ref.rowBias)
		return
	}
	t.a, t.lda, t.c, t.ldc = &a[0], 4*lda, &c[0], 4*ldc
	tileAsm(l, mr, t)
}

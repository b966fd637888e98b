package kernel

// convCols is the number of output positions packed at a time.
const convCols = 192

// convScratch is the number of floats of padded input kept at a time.
const convScratch = 1 << 22

// runGemm computes y = W * columns(x), the columns being packed panel by panel
// from the input or its padded copy. Images are taken in groups that keep the
// copies small.
func (c *Conv) runGemm(batch int, plan *convPlan, x, y []float32, p *Pool) {
	s := &c.spec
	ix, oy := s.InChannels*plan.inSize, s.OutChannels*plan.outSize
	if plan.plain {
		c.gemmImages(batch, plan, x, ix, y, p)
		return
	}
	scratch := scratches.Get().(*Scratch)
	defer scratches.Put(scratch)
	size := s.InChannels * plan.plane
	group := max(1, min(batch, convScratch/size))
	buf := grow(&scratch.buf, group*size)
	for b := 0; b < batch; b += group {
		n := min(group, batch-b)
		p.For(n*s.InChannels, 1+(1<<13)/plan.plane, func(lo, hi int) {
			for i := lo; i < hi; i++ {
				plan.spread(buf[i*plan.plane:][:plan.plane], x[b*ix+i*plan.inSize:][:plan.inSize], s)
			}
		})
		c.gemmImages(n, plan, buf, size, y[b*oy:], p)
	}
}

// gemmImages computes images whose sources are stride elements apart.
func (c *Conv) gemmImages(batch int, plan *convPlan, src []float32, stride int, y []float32, p *Pool) {
	s := &c.spec
	outs, ins := s.OutChannels/s.Group, s.InChannels/s.Group
	g := product{level: plan.level, m: outs, n: plan.outSize, k: c.k, lda: c.ldw, ldc: plan.outSize, alpha: 1}
	if s.Act != ActNone {
		g.ep = &Epilogue{Act: s.Act}
	}
	grid := g.split(g.all(), batch*s.Group, p.Threads())
	if grid.nb > convCols {
		grid.nb = convCols
		grid.cols = ceilDiv(g.n, grid.nb)
	}
	parts := grid.rows * grid.cols
	p.For(batch*s.Group*parts, grid.grain, func(lo, hi int) {
		ws := newWorkspace()
		q := &ws.product
		*q = g
		for t := lo; t < hi; t++ {
			image, group := t/parts/s.Group, t/parts%s.Group
			q.a = c.w[group*outs*c.ldw:]
			q.c = y[(image*s.OutChannels+group*outs)*plan.outSize:]
			q.rowBias = from(s.Bias, group*outs)
			ws.convPart(plan, q, grid.part(g.all(), t%parts), src[image*stride+group*ins*plan.plane:])
		}
		ws.release()
	})
}

// convPart computes a part of one group's output.
func (ws *workspace) convPart(plan *convPlan, g *product, r part, src []float32) {
	const nr = panelWidth
	kc := blockingOf(g.level).kc
	for k0 := 0; k0 < g.k; k0 += kc {
		q := r
		q.k0, q.k1 = k0, min(k0+kc, g.k)
		rows := q.k1 - k0
		buf := grow(&ws.b, roundUp(r.j1-r.j0, nr)*rows+16) // the last run may spill
		for i := 0; r.j0+i < r.j1; i += nr {
			ws.runs = plan.runs(ws.runs[:0], r.j0+i, min(nr, r.j1-r.j0-i))
			packRuns(g.level, buf[i*rows:], src, plan.offs[k0:q.k1], ws.runs)
		}
		g.b = matrixB{data: buf, packed: true, rows: rows, k0: k0, j0: r.j0}
		ws.block(g, q)
	}
}

// packRunsRef is the contract of the assembly: row i of the panel gets the runs
// read from offs[i] bytes on.
func packRunsRef(dst, src []float32, offs []int, runs []convRun) {
	for i, off := range offs {
		row, s := dst[i*panelWidth:], src[off/4:]
		for q := range runs {
			r := &runs[q]
			copy(row[r.dst/4:][:r.length()], s[r.src/4:])
		}
	}
}

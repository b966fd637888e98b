package kernel

// gemv computes a product of one row with packed panels, each read as one stream.
func (g *product) gemv(p *Pool) {
	p.For(ceilDiv(g.n, panelWidth), 1+minPartWork/4/(g.k*panelWidth), func(lo, hi int) {
		ws := newWorkspace()
		g.gemvPanels(lo, hi, ws.tmp[:])
		ws.release()
		j0, j1 := lo*panelWidth, min(hi*panelWidth, g.n)
		g.ep.row(g.c[j0:j1], j0, j0)
	})
}

// gemvPanels computes the columns of panels lo..hi; tmp has a panel's width.
func (g *product) gemvPanels(lo, hi int, tmp []float32) {
	load := g.beta != 0
	x := g.a[:g.k]
	for i := lo; i < hi; {
		c, b := g.c[i*panelWidth:min(hi*panelWidth, g.n)], g.b.data[i*g.k*panelWidth:]
		dst := c
		panels := len(c) / panelWidth
		if panels == 0 { // the padded last panel
			dst, panels = tmp, 1
			copy(tmp, c)
		}
		if g.level == Portable {
			tileRef(1, panelWidth, g.k, x, g.k, b, panelWidth, dst, panelWidth, loadFlag(load), 1, nil, nil)
			panels = 1
		} else {
			panels = gemvAsm(g.level, x, b, panels, dst, load)
		}
		if len(c) < panelWidth {
			copy(c, tmp)
		}
		i += panels
	}
}

func loadFlag(load bool) uint64 {
	if load {
		return flagLoad
	}
	return 0
}

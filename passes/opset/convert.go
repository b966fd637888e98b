package opset

import (
	"errors"
	"fmt"
	"sort"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/op"
)

// Options steers Convert.
type Options struct {
	// Domains gives target versions of further domains, for example ai.onnx.ml.
	Domains map[string]int
	// IRVersion is the IR version to write; 0 raises the model's to what the opset needs, and never lowers it.
	IRVersion int64
}

// Convert returns a copy of m that imports opset to of the default domain (0: as it is) and the versions that opt names of others, with
// every node of the graph, its subgraphs and the model's functions carried over, and a report of what changed. m is not touched; tensors
// are shared with it. The error is a *RefusedError when nodes cannot be converted, else says what is wrong with the request or the model.
func Convert(m *graph.Model, to int, opt Options) (*graph.Model, *Report, error) {
	targets, err := targetsOf(m, to, opt)
	if err != nil {
		return nil, nil, err
	}
	c := newConverter(m)
	c.report.IRFrom = m.IRVersion
	if c.m.IRVersion < 3 {
		c.m.IRVersion = 3
	}
	c.remember()
	c.outputs()
	before := c.idle()
	for _, t := range targets {
		c.domain, c.to = t.domain, t.to
		c.prepare()
		c.model()
	}
	if len(c.refused) > 0 {
		return nil, nil, &RefusedError{c.refused}
	}
	c.sweep(before)
	if err := c.irVersion(opt.IRVersion); err != nil {
		return nil, nil, err
	}
	c.report.IRTo = c.m.IRVersion
	c.report.Changes = c.changes()
	c.restore()
	return c.m, &c.report, nil
}

type target struct {
	domain string
	to     int
}

func targetsOf(m *graph.Model, to int, opt Options) ([]target, error) {
	if m.Graph == nil {
		return nil, errors.New("the model has no graph")
	}
	var list []target
	if to != 0 {
		list = append(list, target{"", to})
	}
	for d, v := range opt.Domains {
		d = graph.CanonicalDomain(d)
		if d == "" && to != 0 && v != to {
			return nil, fmt.Errorf("two versions are asked for of the default domain: %d and %d", to, v)
		}
		if d != "" || to == 0 {
			list = append(list, target{d, v})
		}
	}
	if len(list) == 0 {
		return nil, errors.New("no opset to convert to is given")
	}
	sort.Slice(list, func(i, j int) bool { return list[i].domain < list[j].domain })
	for _, t := range list {
		newest := op.Newest(t.domain)
		switch {
		case !op.Known(t.domain):
			return nil, fmt.Errorf("domain %q is not one of the standard's; its versions are not known", t.domain)
		case t.to < 1 || t.to > newest:
			return nil, fmt.Errorf("opset %d of domain %q does not exist; it has 1 to %d", t.to, t.domain, newest)
		}
		if err := checkImports(m, t.domain, newest); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// checkImports refuses imports that are given twice, differ from what is known, or are missing everywhere.
func checkImports(m *graph.Model, domain string, newest int) error {
	found := m.IRVersion < 3 && len(m.Opsets) == 0 && domain == ""
	one := func(where string, list []graph.OpsetID) error {
		n := 0
		for _, o := range list {
			if graph.CanonicalDomain(o.Domain) != domain {
				continue
			}
			n++
			switch {
			case n > 1:
				return fmt.Errorf("%s imports domain %q twice", where, domain)
			case o.Version < 1 || o.Version > int64(newest):
				return fmt.Errorf("%s imports opset %d of domain %q, which has 1 to %d", where, o.Version, domain, newest)
			}
			found = true
		}
		return nil
	}
	if err := one("the model", m.Opsets); err != nil {
		return err
	}
	for _, f := range m.Functions {
		if err := one("function "+f.ID.String(), f.Opsets); err != nil {
			return err
		}
	}
	if !found {
		return fmt.Errorf("the model does not import domain %q", domain)
	}
	return nil
}

// minIR is the IR version of the release that brought an opset of the default domain.
func minIR(opset int) int64 {
	for _, r := range [...]struct {
		opset int
		ir    int64
	}{{28, 14}, {25, 13}, {24, 12}, {23, 11}, {21, 10}, {19, 9}, {15, 8}, {12, 7}, {11, 6}, {10, 5}, {9, 4}} {
		if opset >= r.opset {
			return r.ir
		}
	}
	return 3
}

func (c *converter) irVersion(asked int64) error {
	if v := c.m.Opset(""); v > 0 {
		c.needIR(minIR(int(v)))
	}
	if asked == 0 {
		c.m.IRVersion = max(c.m.IRVersion, c.ir)
		return nil
	}
	if asked < c.ir || asked > op.NewestIR {
		return fmt.Errorf("IR version %d does not do: the converted model needs %d to %d", asked, c.ir, op.NewestIR)
	}
	c.m.IRVersion = asked
	return nil
}

func (c *converter) needIR(v int64) { c.ir = max(c.ir, v) }

package kernel

import "fmt"

// Check says what is wrong with the sizes of a block before [NewFFN] packs it; nil when nothing is.
func (s FFNSpec) Check() error {
	if s.In < 0 || s.Hidden < 0 || s.Out < 0 {
		return fmt.Errorf("negative size: in %d, hidden %d, out %d", s.In, s.Hidden, s.Out)
	}
	return checkLengths([]length{
		{"gate", len(s.Gate), s.In * s.Hidden, s.Gate == nil},
		{"up", len(s.Up), s.In * s.Hidden, false},
		{"down", len(s.Down), s.Hidden * s.Out, false},
		{"gate bias", len(s.GateBias), s.Hidden, s.GateBias == nil},
		{"up bias", len(s.UpBias), s.Hidden, s.UpBias == nil},
		{"out bias", len(s.OutBias), s.Out, s.OutBias == nil},
	})
}

// Check says what is wrong with the sizes of a block before [NewMoE] packs it; nil when nothing is.
func (s MoESpec) Check() error {
	if s.E < 1 || s.In < 0 || s.Hidden < 0 || s.Out < 0 || s.Shared < 0 {
		return fmt.Errorf("bad size: experts %d, in %d, hidden %d, out %d, shared %d", s.E, s.In, s.Hidden, s.Out, s.Shared)
	}
	return checkLengths([]length{
		{"router", len(s.Router), s.In * s.E, s.K >= s.E},
		{"router bias", len(s.RouterBias), s.E, s.RouterBias == nil},
		{"gate", len(s.Gate), s.E * s.In * s.Hidden, s.Gate == nil},
		{"up", len(s.Up), s.E * s.In * s.Hidden, false},
		{"down", len(s.Down), s.E * s.Hidden * s.Out, false},
		{"gate bias", len(s.GateBias), s.E * s.Hidden, s.GateBias == nil},
		{"up bias", len(s.UpBias), s.E * s.Hidden, s.UpBias == nil},
		{"out bias", len(s.OutBias), s.Out, s.OutBias == nil},
		{"mean", len(s.Mean), s.E * s.Out, s.Mean == nil},
		{"shared gate", len(s.SharedGate), s.In * s.Shared, s.Gate == nil},
		{"shared up", len(s.SharedUp), s.In * s.Shared, false},
		{"shared down", len(s.SharedDown), s.Shared * s.Out, false},
		{"shared gate bias", len(s.SharedGateBias), s.Shared, s.SharedGateBias == nil},
		{"shared up bias", len(s.SharedUpBias), s.Shared, s.SharedUpBias == nil},
	})
}

type length struct {
	name      string
	got, want int
	absent    bool
}

func checkLengths(all []length) error {
	for _, l := range all {
		if !l.absent && l.got != l.want {
			return fmt.Errorf("%s has %d elements, want %d", l.name, l.got, l.want)
		}
	}
	return nil
}

package sparsify

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// Criterion scores a weight from its initial value wi and its trained value wf (Zhou et al., arXiv 1905.01067, section 2).
type Criterion uint8

// The criteria.
const (
	LargeFinal         Criterion = iota // |wf|, the lottery ticket's own
	LargeFinalSameSign                  // |wf| where wi and wf have the same sign, else 0
	MagnitudeIncrease                   // |wf| - |wi|
	Movement                            // |wf - wi|
	RandomCriterion                     // uniform: the control
)

var criterionNames = []string{"large_final", "large_final_same_sign", "magnitude_increase", "movement", "random"}

func (c Criterion) String() string {
	if int(c) < len(criterionNames) {
		return criterionNames[c]
	}
	return fmt.Sprintf("criterion %d", c)
}

// CriterionNames lists the names ParseCriterion knows.
func CriterionNames() []string { return append([]string(nil), criterionNames...) }

// ParseCriterion finds a criterion by name.
func ParseCriterion(name string) (Criterion, error) {
	for i, n := range criterionNames {
		if n == name {
			return Criterion(i), nil
		}
	}
	return 0, fmt.Errorf("no mask criterion %q; there are %v", name, criterionNames)
}

// WeightPair is one weight tensor before and after training. Initial may be nil for LargeFinal and RandomCriterion.
type WeightPair struct {
	Name           string
	Shape          []int
	Initial, Final []float32
	Density        float64 // kept share of this tensor, overriding TicketOptions.Density when positive; per layer only
}

// TicketOptions steers TicketMasks.
type TicketOptions struct {
	Criterion Criterion
	Density   float64 // share of the weights kept
	Global    bool    // rank all tensors together instead of each by itself
	AtLeast   int     // weights kept in every tensor whatever the ranking; guards against an emptied layer
	Seed      uint64  // for RandomCriterion
}

// PairScore scores the weights of one pair.
func PairScore(p WeightPair, c Criterion, seed uint64) (Score, error) {
	if c != LargeFinal && c != RandomCriterion && len(p.Initial) != len(p.Final) {
		return nil, fmt.Errorf("weight %q: %d initial values for %d final ones", p.Name, len(p.Initial), len(p.Final))
	}
	s := make(Score, len(p.Final))
	r := source{rand.NewPCG(seed, 0x71cce7)}
	for i, f := range p.Final {
		wf := float64(f)
		switch c {
		case LargeFinal:
			s[i] = math.Abs(wf)
		case LargeFinalSameSign:
			if wi := p.Initial[i]; wi > 0 && f > 0 || wi < 0 && f < 0 {
				s[i] = math.Abs(wf)
			}
		case MagnitudeIncrease:
			s[i] = math.Abs(wf) - math.Abs(float64(p.Initial[i]))
		case Movement:
			s[i] = math.Abs(wf - float64(p.Initial[i]))
		case RandomCriterion:
			s[i] = r.unit()
		default:
			return nil, fmt.Errorf("%v is unknown", c)
		}
	}
	return s, nil
}

// TicketMasks returns one mask per pair with exactly round(density·n) weights alive (of each tensor, or of all together when Global); ties
// go to the earlier weight.
func TicketMasks(pairs []WeightPair, opt TicketOptions) ([]Mask, error) {
	scores, shapes := make([]Score, len(pairs)), make([][]int, len(pairs))
	total := 0
	for i, p := range pairs {
		d := opt.Density
		if p.Density > 0 && !opt.Global {
			d = p.Density
		}
		if !(d >= 0 && d <= 1) {
			return nil, fmt.Errorf("weight %q: density %v is not in 0..1", p.Name, d)
		}
		s, err := PairScore(p, opt.Criterion, opt.Seed+uint64(i))
		if err != nil {
			return nil, err
		}
		scores[i], shapes[i] = s, p.Shape
		total += len(s)
	}
	if opt.Global {
		need := 0
		for _, s := range scores {
			need += min(max(opt.AtLeast, 0), len(s))
		}
		keep := max(int(math.Round(opt.Density*float64(total))), need)
		return MaskGlobal(scores, shapes, keep, opt.AtLeast)
	}
	masks := make([]Mask, len(pairs))
	for i, p := range pairs {
		d := opt.Density
		if p.Density > 0 {
			d = p.Density
		}
		n := len(scores[i])
		keep := max(int(math.Round(d*float64(n))), min(max(opt.AtLeast, 0), n))
		m, err := MaskTop(scores[i], keep, p.Shape...)
		if err != nil {
			return nil, fmt.Errorf("weight %q: %w", p.Name, err)
		}
		masks[i] = m
	}
	return masks, nil
}

// IterativeDensities lists the share alive after 1..rounds rounds that each remove rate of what is left: (1-rate)^k.
func IterativeDensities(rate float64, rounds int) []float64 {
	out := make([]float64, max(rounds, 0))
	d := 1.0
	for k := range out {
		d *= 1 - rate
		out[k] = d
	}
	return out
}

// PruneStep is one round of iterative pruning: it removes the round(rate·alive) lowest scores among the weights alive in m. Of equal scores
// the later weight goes first.
func PruneStep(m Mask, s Score, rate float64) (Mask, error) {
	if err := m.Fits(m.Shape); err != nil {
		return m, err
	}
	if len(s) != m.Len() {
		return m, fmt.Errorf("prune: %d scores for a mask of shape %v", len(s), m.Shape)
	}
	if !(rate >= 0 && rate <= 1) {
		return m, fmt.Errorf("prune: rate %v is not in 0..1", rate)
	}
	var alive []int
	for i := range s {
		if m.Get(i) {
			alive = append(alive, i)
		}
	}
	out, err := NewMask(m.Shape...)
	if err != nil {
		return out, err
	}
	pickTop(s, alive, len(alive)-int(math.Round(rate*float64(len(alive)))), func(i int) { out.Set(i, true) })
	return out, nil
}

package sparsify

import (
	"errors"
	"fmt"
	"math"
	"sort"
	"sync"
)

// ErrMismatch is wrapped by every refusal to combine or use statistics of another model, data set, machine level or setting.
var ErrMismatch = errors.New("statistics do not belong together")

// Deviation chooses the row value whose distance from the row mean, in row standard deviations, is put in a histogram.
type Deviation uint8

// What a tap's deviation histogram looks at.
const (
	DeviationNone   Deviation = iota
	DeviationSigned           // x
	DeviationAbs              // |x|
)

// TapSpec says what is gathered at one tensor of the model.
type TapSpec struct {
	Name      string    // the tensor's name
	Width     int       // length of its last axis: one neuron each
	Fire      float32   // a neuron fires when |x| > Fire
	Gram      bool      // Σ x xᵀ
	CoFire    bool      // how often two neurons fire on the same row
	Magnitude bool      // histogram of |x| over all neurons
	Deviation Deviation // histogram of (v-mean)/std per row, population std; rows with std 0 are left out
}

// Settings identify what statistics were taken of. Two Stats with different settings never merge.
type Settings struct {
	Model       string // hash of the model
	Data        string // hash of the calibration data
	Numerics    string // kernel level the model ran on
	LeafSamples int64  // samples per leaf
	Leaves      int64  // leaves of the whole run; 0 when not planned ahead
	Taps        []TapSpec
}

func (s Settings) validate() error {
	var errs []error
	if s.LeafSamples < 0 || s.Leaves < 0 || s.Leaves > maxLeaf {
		errs = append(errs, fmt.Errorf("leaf samples %d, leaves %d", s.LeafSamples, s.Leaves))
	}
	seen := map[string]bool{}
	for _, t := range s.Taps {
		switch {
		case t.Width <= 0 || t.Width > maxWidth:
			errs = append(errs, fmt.Errorf("tap %q: width %d", t.Name, t.Width))
		case (t.Gram || t.CoFire) && t.Width > maxPairs:
			errs = append(errs, fmt.Errorf("tap %q: width %d is too much for pairs of neurons", t.Name, t.Width))
		case !(t.Fire >= 0) || math.IsInf(float64(t.Fire), 0):
			errs = append(errs, fmt.Errorf("tap %q: fire threshold %v", t.Name, t.Fire))
		case t.Deviation > DeviationAbs:
			errs = append(errs, fmt.Errorf("tap %q: deviation kind %d", t.Name, t.Deviation))
		case seen[t.Name]:
			errs = append(errs, fmt.Errorf("tap %q is given twice", t.Name))
		}
		seen[t.Name] = true
	}
	return errors.Join(errs...)
}

// Diff names the first difference to other, "" when there is none.
func (s Settings) Diff(other Settings) string {
	switch {
	case s.Model != other.Model:
		return fmt.Sprintf("model %q, not %q", other.Model, s.Model)
	case s.Data != other.Data:
		return fmt.Sprintf("data %q, not %q", other.Data, s.Data)
	case s.Numerics != other.Numerics:
		return fmt.Sprintf("kernel level %q, not %q", other.Numerics, s.Numerics)
	case s.LeafSamples != other.LeafSamples || s.Leaves != other.Leaves:
		return fmt.Sprintf("%d leaves of %d samples, not %d of %d", other.Leaves, other.LeafSamples, s.Leaves, s.LeafSamples)
	case len(s.Taps) != len(other.Taps):
		return fmt.Sprintf("%d taps, not %d", len(other.Taps), len(s.Taps))
	}
	for i, t := range s.Taps {
		if t != other.Taps[i] {
			return fmt.Sprintf("tap %+v, not %+v", other.Taps[i], t)
		}
	}
	return ""
}

// Stats holds mergeable calibration statistics. The data set is cut into numbered leaves that depend on data and settings only; whoever
// processes them, in whatever order and with however many workers, gets the same bytes from Save. Safe for concurrent use.
type Stats struct {
	set Settings

	mu     sync.Mutex
	blocks Blocks[[]*tapAcc]
}

// NewStats returns empty statistics. Taps are kept sorted by name.
func NewStats(set Settings) (*Stats, error) {
	set.Taps = append([]TapSpec(nil), set.Taps...)
	sort.Slice(set.Taps, func(i, j int) bool { return set.Taps[i].Name < set.Taps[j].Name })
	if err := set.validate(); err != nil {
		return nil, err
	}
	s := &Stats{set: set}
	s.blocks = Blocks[[]*tapAcc]{Join: joinTaps, Same: sameTaps}
	return s, nil
}

// Settings returns what the statistics were taken of; the taps are sorted by name.
func (s *Stats) Settings() Settings {
	set := s.set
	set.Taps = append([]TapSpec(nil), s.set.Taps...)
	return set
}

// Check refuses statistics of another model.
func (s *Stats) Check(modelHash string) error {
	if s.set.Model != modelHash {
		return fmt.Errorf("%w: taken of model %q, this is %q", ErrMismatch, s.set.Model, modelHash)
	}
	return nil
}

// Leaves counts the leaves present.
func (s *Stats) Leaves() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int64(s.blocks.Leaves())
}

// Leaf gathers the rows of one leaf. It is not safe for concurrent use; several leaves may be open at once.
type Leaf struct {
	id   uint64
	taps []*tapAcc
	set  *Settings
	done bool
}

// NewLeaf opens leaf id.
func (s *Stats) NewLeaf(id int64) (*Leaf, error) {
	if id < 0 || id >= maxLeaf || s.set.Leaves > 0 && id >= s.set.Leaves {
		return nil, fmt.Errorf("leaf %d is outside the %d planned", id, s.set.Leaves)
	}
	return &Leaf{id: uint64(id), taps: newTaps(s.set.Taps), set: &s.set}, nil
}

// Observe adds rows [T, Width] at a tap, in sample order. Cutting the same rows into other batches gives the same bytes.
func (l *Leaf) Observe(tap string, rows Matrix) error {
	if l.done {
		return fmt.Errorf("leaf %d is closed", l.id)
	}
	i := l.set.tap(tap)
	if i < 0 {
		return fmt.Errorf("no tap %q", tap)
	}
	if err := l.taps[i].observe(rows); err != nil {
		return fmt.Errorf("leaf %d, tap %q: %w", l.id, tap, err)
	}
	return nil
}

func (s *Settings) tap(name string) int {
	i := sort.Search(len(s.Taps), func(i int) bool { return s.Taps[i].Name >= name })
	if i < len(s.Taps) && s.Taps[i].Name == name {
		return i
	}
	return -1
}

// Add closes a leaf and takes it in. A leaf that is already there is compared and dropped.
func (s *Stats) Add(l *Leaf) error {
	if l.set != &s.set {
		return fmt.Errorf("%w: the leaf was opened on other statistics", ErrMismatch)
	}
	if l.done {
		return fmt.Errorf("leaf %d is closed", l.id)
	}
	l.done = true
	for _, t := range l.taps {
		t.flush()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.blocks.Add(BlockID{0, l.id}, l.taps)
}

// Observe is NewLeaf, Leaf.Observe for every tap given, and Add.
func (s *Stats) Observe(leaf int64, rows map[string]Matrix) error {
	l, err := s.NewLeaf(leaf)
	if err != nil {
		return err
	}
	for name, m := range rows {
		if err := l.Observe(name, m); err != nil {
			return err
		}
	}
	return s.Add(l)
}

// Merge takes in the leaves of other, which is left as it was. Different settings give an error that wraps ErrMismatch.
func (s *Stats) Merge(other *Stats) error {
	if s == other {
		return nil
	}
	if d := s.set.Diff(other.set); d != "" {
		return fmt.Errorf("%w: %s", ErrMismatch, d)
	}
	other.mu.Lock()
	ids := other.blocks.IDs()
	parts := make([][]*tapAcc, len(ids))
	for i, id := range ids {
		p, _ := other.blocks.Get(id)
		parts[i] = cloneTaps(p)
	}
	other.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, id := range ids {
		if err := s.blocks.Add(id, parts[i]); err != nil {
			return err
		}
	}
	return nil
}

// Tap joins all leaves present and returns the results at one tap. Leaves may be missing; Leaves tells.
func (s *Stats) Tap(name string) (*TapStats, error) {
	i := s.set.tap(name)
	if i < 0 {
		return nil, fmt.Errorf("no tap %q", name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	total := newTapAcc(s.set.Taps[i])
	for _, id := range s.blocks.IDs() {
		part, _ := s.blocks.Get(id)
		if err := total.merge(part[i]); err != nil {
			return nil, err
		}
	}
	return &TapStats{TapSpec: s.set.Taps[i], acc: total}, nil
}

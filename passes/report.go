package passes

// Report is what a run of passes did, block by block. Its JSON is the command's --json.
type Report struct {
	Rows []Row `json:"rows"`
}

// Row is one block of one pass.
type Row struct {
	Pass   string `json:"pass"`
	Block  string `json:"block"` // the block's name, from its nodes or weights
	Status Status `json:"status"`
	Reason string `json:"reason,omitempty"` // why it was declined
	// Weights are stored numbers, FLOPs those of one token (a multiplication and an addition count as two).
	WeightsBefore int64    `json:"weights_before"`
	WeightsAfter  int64    `json:"weights_after"`
	FLOPsBefore   int64    `json:"flops_before"`
	FLOPsAfter    int64    `json:"flops_after"`
	Details       []Detail `json:"details,omitempty"`
}

// Status says what happened to a block.
type Status string

// The states.
const (
	Fired    Status = "fired"
	Declined Status = "declined"
)

// Detail is one more figure of a row, in the order in which it is printed.
type Detail struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
}

// Detail returns the figure of that name.
func (r *Row) Detail(name string) (float64, bool) {
	for _, d := range r.Details {
		if d.Name == name {
			return d.Value, true
		}
	}
	return 0, false
}

// Fired counts the rows of blocks that changed.
func (r *Report) Fired() int {
	n := 0
	for _, row := range r.Rows {
		if row.Status == Fired {
			n++
		}
	}
	return n
}

func (e *Env) report(row Row) {
	if e.Report != nil {
		e.Report.Rows = append(e.Report.Rows, row)
	}
	if row.Status == Declined {
		e.logf("%s: %s: declined: %s", row.Pass, row.Block, row.Reason)
	}
}

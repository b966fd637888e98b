package main

import (
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress shows on a terminal's stderr how far something has come, once it has lasted a second.
type progress struct {
	mu    sync.Mutex
	on    bool
	start time.Time
	stage string
	bar   *progressbar.ProgressBar
	app   *app
}

// newProgress is silent where stderr is no terminal, and with quiet.
func (a *app) newProgress(quiet bool) *progress {
	f, ok := a.err.(*os.File)
	return &progress{app: a, start: time.Now(), on: ok && !quiet && term.IsTerminal(int(f.Fd()))}
}

// step says that done of total are over; total 0 is unknown.
func (p *progress) step(stage string, done, total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.on || time.Since(p.start) < time.Second {
		return
	}
	if p.bar == nil || p.stage != stage {
		p.clear()
		if total == 0 {
			total = -1
		}
		p.stage = stage
		p.bar = progressbar.NewOptions(total, progressbar.OptionSetWriter(p.app.err), progressbar.OptionSetDescription(stage),
			progressbar.OptionShowCount(), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(), progressbar.OptionSetWidth(30))
	}
	_ = p.bar.Set(done) // a bar that cannot be drawn is no reason to stop
}

// of is step for one stage.
func (p *progress) of(stage string) func(done, total int) {
	return func(done, total int) { p.step(stage, done, total) }
}

// done removes the bar.
func (p *progress) done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
}

func (p *progress) clear() {
	if p.bar != nil {
		_ = p.bar.Clear()
		p.bar = nil
	}
}

package kernel

import (
	goruntime "runtime"
	"sync"
	"sync/atomic"
)

// Pool is a set of persistent worker goroutines that share the loops of the
// kernels. A nil *Pool runs everything in the calling goroutine. One Pool may
// be used from several goroutines: while one loop is being shared, others run
// serially in their callers. Close it when done.
type Pool struct {
	threads int
	busy    atomic.Bool
	closed  atomic.Bool
	job     atomic.Pointer[job]
	workers []worker // threads-1: the caller is the remaining one
	running sync.WaitGroup
}

// worker is one goroutine's parking place.
type worker struct {
	parked atomic.Bool
	wake   chan struct{} // capacity 1
	_      [64]byte      // keeps the flags of two workers off one cache line
}

// job is one loop. It is never reused, so a worker that looks at it late finds
// no chunk left and does no harm.
type job struct {
	f      func(lo, hi int)
	n      int
	chunk  int
	chunks int64
	next   atomic.Int64 // first unclaimed chunk
	done   atomic.Int64 // finished chunks
	sleep  atomic.Bool  // the caller waits on fin
	fin    chan struct{}
	failed atomic.Pointer[any] // first panic value
}

const (
	spinRounds     = 64 // pauses before a worker parks: some tens of microseconds
	chunksPerShare = 4  // chunks per thread, so that a slow thread holds nobody up
)

// NewPool starts a pool of the given number of threads, the caller's goroutine
// counted; threads <= 0 means GOMAXPROCS. A pool of one thread has no workers.
func NewPool(threads int) *Pool {
	if threads <= 0 {
		threads = goruntime.GOMAXPROCS(0)
	}
	p := &Pool{threads: threads, workers: make([]worker, threads-1)}
	p.running.Add(len(p.workers))
	for i := range p.workers {
		p.workers[i].wake = make(chan struct{}, 1)
		go p.work(&p.workers[i])
	}
	return p
}

// Threads returns the number of threads, 1 for a nil or closed pool.
func (p *Pool) Threads() int {
	if p == nil || p.closed.Load() {
		return 1
	}
	return p.threads
}

// For calls f on ranges that cover [0,n) once, each of at least grain elements
// except the last, and returns when all calls have. The ranges depend on the
// number of threads, so f must compute the same whatever the split. A call from
// inside f runs serially. A panic in f is raised again in the caller.
func (p *Pool) For(n, grain int, f func(lo, hi int)) {
	if n <= 0 {
		return
	}
	grain = max(grain, 1)
	if p == nil || p.threads == 1 || n <= grain || p.closed.Load() || !p.busy.CompareAndSwap(false, true) {
		f(0, n)
		return
	}
	share := p.threads * chunksPerShare
	chunk := max(grain, (n+share-1)/share)
	j := &job{f: f, n: n, chunk: chunk, chunks: int64((n + chunk - 1) / chunk), fin: make(chan struct{}, 1)}
	p.job.Store(j)
	p.wakeUp(int(min(j.chunks, int64(p.threads))) - 1)
	j.run()
	j.wait()
	p.job.Store(nil)
	p.busy.Store(false)
	if v := j.failed.Load(); v != nil {
		panic(*v)
	}
}

// Close stops the workers and returns when they have ended. The pool then runs
// every loop serially. Closing a nil or closed pool does nothing.
func (p *Pool) Close() {
	if p == nil || p.closed.Swap(true) {
		return
	}
	p.wakeUp(len(p.workers))
	p.running.Wait()
}

// wakeUp lets the first n workers look for work.
func (p *Pool) wakeUp(n int) {
	for i := range p.workers[:n] {
		if w := &p.workers[i]; w.parked.Load() && w.parked.CompareAndSwap(true, false) {
			w.wake <- struct{}{}
		}
	}
}

func (p *Pool) work(w *worker) {
	defer p.running.Done()
	for !p.closed.Load() {
		if j := p.waiting(); j != nil {
			j.run()
			continue
		}
		if p.spin() {
			continue
		}
		w.parked.Store(true)
		// A caller that published before it saw the flag did not wake us.
		if (p.waiting() != nil || p.closed.Load()) && w.parked.CompareAndSwap(true, false) {
			continue
		}
		<-w.wake
	}
}

// waiting returns the current job if it has unclaimed chunks.
func (p *Pool) waiting() *job {
	if j := p.job.Load(); j != nil && j.next.Load() < j.chunks {
		return j
	}
	return nil
}

// spin waits a short while and reports whether there is something to do.
func (p *Pool) spin() bool {
	for i := range spinRounds {
		if p.waiting() != nil || p.closed.Load() {
			return true
		}
		pause()
		if i%8 == 7 {
			goruntime.Gosched()
		}
	}
	return false
}

// run claims and runs chunks until none is left.
func (j *job) run() {
	for {
		c := j.next.Add(1) - 1
		if c >= j.chunks {
			return
		}
		j.call(int(c) * j.chunk)
		if j.done.Add(1) == j.chunks && j.sleep.Load() {
			j.fin <- struct{}{}
		}
	}
}

func (j *job) call(lo int) {
	defer func() {
		if v := recover(); v != nil {
			j.failed.CompareAndSwap(nil, &v)
		}
	}()
	j.f(lo, min(lo+j.chunk, j.n))
}

// wait returns when all chunks are finished: it spins, then sleeps.
func (j *job) wait() {
	for i := range spinRounds {
		if j.done.Load() == j.chunks {
			return
		}
		pause()
		if i%8 == 7 {
			goruntime.Gosched()
		}
	}
	j.sleep.Store(true)
	if j.done.Load() == j.chunks {
		return // fin has room for the signal that may or may not have been sent
	}
	<-j.fin
}

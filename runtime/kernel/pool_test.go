package kernel_test

import (
	goruntime "runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel/kerneltest"
	"github.com/stretchr/testify/require"
)

func TestPoolCoversRangeOnce(t *testing.T) {
	kerneltest.EachPool(t, func(t *testing.T, p *kernel.Pool) {
		for _, n := range []int{0, 1, 2, 3, 7, 64, 1000} {
			for _, grain := range []int{0, 1, 3, 100, 2000} {
				hits := make([]atomic.Int32, n)
				p.For(n, grain, func(lo, hi int) {
					if hi != n {
						require.GreaterOrEqual(t, hi-lo, grain)
					}
					for i := lo; i < hi; i++ {
						hits[i].Add(1)
					}
				})
				for i := range hits {
					require.EqualValues(t, 1, hits[i].Load(), "n=%d grain=%d i=%d", n, grain, i)
				}
			}
		}
	})
}

func TestPoolNestedAndConcurrent(t *testing.T) {
	p := kernel.NewPool(3)
	defer p.Close()
	var sum atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 200 {
				p.For(10, 1, func(lo, hi int) {
					p.For(hi-lo, 1, func(a, b int) { sum.Add(int64(b - a)) })
				})
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 4*200*10, sum.Load())
}

func TestPoolParksAndWakes(t *testing.T) {
	p := kernel.NewPool(2)
	defer p.Close()
	for range 5 {
		time.Sleep(2 * time.Millisecond) // long enough to park
		both := make(chan struct{})
		p.For(2, 1, func(lo, hi int) { // two chunks that wait for each other need two threads
			select {
			case both <- struct{}{}:
			case <-both:
			case <-time.After(10 * time.Second):
				t.Error("the worker did not wake")
			}
		})
	}
}

func TestPoolPanicReachesCaller(t *testing.T) {
	p := kernel.NewPool(3)
	defer p.Close()
	for range 20 {
		require.PanicsWithValue(t, "boom", func() {
			p.For(8, 1, func(lo, hi int) {
				if lo == 5 {
					panic("boom")
				}
			})
		})
	}
	n := 0
	p.For(1, 1, func(lo, hi int) { n += hi - lo })
	require.Equal(t, 1, n, "usable afterwards")
}

func TestPoolClose(t *testing.T) {
	before := goruntime.NumGoroutine()
	for range 10 {
		p := kernel.NewPool(4)
		require.Equal(t, 4, p.Threads())
		p.For(100, 1, func(lo, hi int) {})
		p.Close()
		p.Close()
		require.Equal(t, 1, p.Threads())
		done := 0
		p.For(100, 1, func(lo, hi int) { done += hi - lo })
		require.Equal(t, 100, done)
	}
	var none *kernel.Pool
	none.Close()
	require.Equal(t, 1, none.Threads())
	for range 10_000 { // they end on their own
		if goruntime.NumGoroutine() <= before {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("%d goroutines in place of %d", goruntime.NumGoroutine(), before)
}

// BenchmarkPool is the cost of sharing an empty loop: back to back, and after
// serial work of a few microseconds.
func BenchmarkPool(b *testing.B) {
	p := kernel.NewPool(2)
	defer p.Close()
	b.Run("empty", func(b *testing.B) {
		for b.Loop() {
			p.For(8, 1, func(lo, hi int) {})
		}
	})
	x := make([]float32, 1<<14)
	b.Run("between serial work", func(b *testing.B) {
		for b.Loop() {
			kernel.Add(x, x, x)
			p.For(8, 1, func(lo, hi int) {})
		}
	})
}

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"maps"
	"runtime"
	"slices"
	"sync"
)

// Progress is told how far the work on the files is, in bytes of them: packing
// and patching, and reading all of it back. Calls do not overlap.
type Progress func(done, total int64)

// meter counts for a Progress, over everything that is done at the same time.
type meter struct {
	mu    sync.Mutex
	tell  Progress
	total int64 // of the files
	told  int64 // of total
	work  int64 // how often each byte comes by, times the bytes
	done  int64 // of work
}

func (m *meter) Write(p []byte) (int, error) {
	m.add(int64(len(p)))

	return len(p), nil
}

func (m *meter) add(n int64) {
	if m == nil || m.tell == nil || n <= 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.done += n
	// In floating point, because the product may not fit.
	is := m.total
	if m.done < m.work {
		is = int64(float64(m.done) / float64(m.work) * float64(m.total))
	}
	if is > m.told {
		m.told = is
		m.tell(is, m.total)
	}
}

// forEach calls f for 0…n-1, as many at a time as there are workers, and
// returns the first error. The others see their context end and are waited for.
func forEach(ctx context.Context, n, workers int, f func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	var wg sync.WaitGroup
	slots := make(chan struct{}, workers)
	for i := range n {
		slots <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		wg.Go(func() {
			defer func() { <-slots }()
			if err := f(ctx, i); err != nil {
				cancel(err)
			}
		})
	}
	wg.Wait()

	return context.Cause(ctx)
}

func cpus() int { return runtime.GOMAXPROCS(0) }

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"runtime"
	"sync"
)

// Progress is told how many bytes of the files are worked through. Calls do not
// overlap.
type Progress func(done, total int64)

// meter counts for a Progress, over several files at a time.
type meter struct {
	mu    sync.Mutex
	tell  Progress
	done  int64 // each byte comes by twice, when it is packed and when it is read back
	total int64
}

func (m *meter) Write(p []byte) (int, error) {
	if m == nil || m.tell == nil || len(p) == 0 {
		return len(p), nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.done += int64(len(p))
	m.tell(m.done/2, m.total)

	return len(p), nil
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

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import "sync"

// meter reports the progress of all concurrent work, in bytes of input.
type meter struct {
	mu       sync.Mutex
	report   func(done, total int64)
	total    int64 // bytes of input
	reported int64 // of total
	work     int64 // bytes of input, each as often as it is processed
	done     int64 // of work
}

func (m *meter) Write(p []byte) (int, error) {
	m.add(int64(len(p)))

	return len(p), nil
}

func (m *meter) add(n int64) {
	if m == nil || m.report == nil || n <= 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.done += n
	is := m.total
	if m.done < m.work {
		// The product may not fit into an integer.
		is = int64(float64(m.done) / float64(m.work) * float64(m.total))
	}
	if is > m.reported {
		m.reported = is
		m.report(is, m.total)
	}
}

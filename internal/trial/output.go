// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"bytes"
	"sync"
)

// output keeps the start of what is written to it, where a crash prints its cause,
// and the end, where a log does, and whether want was in it. Its size is bounded.
// It is safe for concurrent use: a process that is left running may still write.
type output struct {
	mu   sync.Mutex
	want string
	seen bool
	head []byte
	tail []byte // of everything written, so it may overlap head
	size int64
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := len(p)
	o.size += int64(n)
	o.head = append(o.head, p[:min(n, keptOutput/2-len(o.head))]...)
	// A match across two writes starts in the last len(want)-1 bytes.
	edge := append(o.last(len(o.want)-1), p[:min(n, len(o.want))]...)
	o.seen = o.seen || bytes.Contains(edge, []byte(o.want)) || bytes.Contains(p, []byte(o.want))
	keep := max(keptOutput, len(o.want))
	if n >= keep {
		o.tail = append(o.tail[:0], p[n-keep:]...)
		return n, nil
	}
	o.tail = append(o.last(keep-n), p...)
	return n, nil
}

// last returns a copy of at most n bytes from the end.
func (o *output) last(n int) []byte {
	return bytes.Clone(o.tail[max(0, len(o.tail)-max(n, 0)):])
}

func (o *output) found() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.seen || o.want == ""
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	rest := o.size - int64(len(o.head))
	if rest <= keptOutput/2 {
		return string(o.head) + string(o.last(int(rest)))
	}
	return string(o.head) + "\n[…]\n" + string(o.last(keptOutput/2))
}

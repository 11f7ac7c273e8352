// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package release

import (
	"context"
	"io"
	"time"

	"github.com/choria-io/go-updater/internal/fetch"
)

// Phase is a part of [Source.Binary] that takes time.
type Phase string

// The phases.
const (
	PhaseDownload Phase = "download" // the artifact, as transferred
	PhaseUnpack   Phase = "unpack"   // decompressing the verified artifact, or applying the patch
)

// Progress is how far a phase is, in bytes. Total is 0 when it is unknown. Rate
// is in bytes a second since the phase began, 0 while it is not known.
type Progress struct {
	Phase       Phase
	Done, Total int64
	Rate        float64
}

// report returns a function that reports progress and the rate since its first
// call: a download may continue an earlier one.
func (s *Source) report(phase Phase, total int64) func(done int64) {
	if s.Progress == nil {
		return func(int64) {}
	}
	var began time.Time
	var first int64
	return func(done int64) {
		if began.IsZero() {
			began, first = time.Now(), done
		}
		p := Progress{Phase: phase, Done: done, Total: total}
		if took := time.Since(began).Seconds(); took > 0 {
			p.Rate = float64(done-first) / took
		}
		s.Progress(p)
	}
}

// reporter passes on what is written, reports how much it was, and fails once ctx
// is done.
type reporter struct {
	ctx    context.Context // of the one call that writes
	w      io.Writer
	report func(done int64)
	done   int64
}

func (r *reporter) Write(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.w.Write(p)
	r.done += int64(n)
	r.report(r.done)
	if err != nil {
		err = &fetch.LocalError{Doing: "writing the binary", Err: err}
	}
	return n, err
}

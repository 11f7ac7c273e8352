// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"errors"
	"time"
)

// step is what comes after a failure, see the package doc.
type step int

const (
	stop      step = iota + 1 // return: no server can help
	here                      // ask again here, after the wait
	later                     // ask the other places first, then again here
	unranged                  // ask again here, for the whole file
	untagged                  // ask again here, without an entity tag
	afresh                    // download again here, from the first byte
	elsewhere                 // give this place up
)

const (
	// patience is the longest wait while another place has not been asked.
	patience = time.Second

	// maxTries limits the tries in a row without progress.
	maxTries = 5

	// maxRetryAfter limits one wait that a server asks for, and maxWaiting the sum
	// of all waits of one call, so that servers cannot delay us forever.
	maxRetryAfter = 5 * time.Minute
	maxWaiting    = 20 * time.Minute
)

// failure is what is known when a request, or several at one place, failed. The
// zero value is a success.
type failure struct {
	err       error
	temporary bool // the same may succeed later
	ranged    bool // the request asked for a range
	tagged    bool // the request had an entity tag
	mixed     bool // the wrong hash is of bytes of several answers
	accepted  bool // the answer was, and then its body failed
	progress  bool // enough came to begin counting anew
	ended     bool // the caller's context is done

	failed int           // failures in a row at this place, this one included
	wait   time.Duration // before this place may be asked again
	waited time.Duration // in this call so far
	others bool          // another place is left
}

// next is the one place that decides what comes after a failure.
func (f failure) next() step {
	_, local := errors.AsType[*LocalError](f.err)
	_, answered := errors.AsType[*statusError](f.err)
	spent := f.failed >= maxTries
	switch {
	case f.ended || local:
		return stop
	case errors.Is(f.err, ErrHash) && f.mixed:
		return afresh
	case errors.Is(f.err, ErrHash):
		return elsewhere
	case f.temporary && spent && f.ranged && !f.accepted && !errors.Is(f.err, ErrUnreachable):
		return unranged // what is there stays until the answer is accepted
	case f.temporary && answered && f.failed > 1 && f.tagged:
		return untagged
	case f.temporary && (spent || f.wait > maxRetryAfter || f.waited+f.wait > maxWaiting):
		return elsewhere
	case f.temporary && f.others && (f.wait > patience || f.failed > 1):
		return later
	case f.temporary:
		return here
	case f.ranged:
		return unranged
	case f.tagged:
		return untagged
	default:
		return elsewhere
	}
}

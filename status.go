// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/choria-io/go-updater/internal/install"
	"github.com/choria-io/go-updater/internal/store"
)

// Status is what is known of a target, without asking a repository. An empty field is
// not known, or does not apply.
type Status struct {
	Target  string // symbolic links resolved
	Running string // CurrentVersion
	Wanted  string // Version

	// Of the record beside the target. Installed is Running after a restart.
	Installed string          // the version that the target is
	Backup    bool            // there is one to go back to
	Previous  string          // the version of the backup
	Judge     bool            // the backup can judge whether Installed works
	Probation *Trying         // nil if Installed is not on probation
	Failed    []FailedVersion // what did not work here, or was rolled back, the oldest first
	Floor     string          // the version below which no update goes
	Next      time.Time       // when Wanted may be tried again after a failure

	// Of this process, by its events.
	Checked     time.Time // when a document was last fetched and verified
	CheckedFor  string    // of this version
	LastError   error     // of the last call that failed
	LastErrorAt time.Time

	Off         error  // what Apply returns at once: ErrOff, ErrDisabled or ErrPanic; nil if it works
	NotReadable string // why this user cannot read the record
}

// Trying is a probation.
type Trying struct {
	Starts  int           // counted so far
	Limit   int           // of starts, 0 without
	Elapsed time.Duration // from the first start to the last, while the machine was up
	Time    time.Duration // the limit of Elapsed, 0 without
}

// FailedVersion is a version that did not work here, or was rolled back.
type FailedVersion struct {
	Version string    // "" if it is not known
	Hash    string    // SHA-256 of its binary, in hex
	Reason  string    // of the last failure, in words
	Count   int       // failures
	First   time.Time // of them
	Last    time.Time
	Next    time.Time // when it may be tried again
	GivenUp bool      // it is not tried again by itself, see RetryFailed
}

// Status returns what is known of the target. It reads a few small files, and uses
// neither the network nor a lock: it may be called at any time, from any goroutine and
// from [OnEvent]. For a user who may not update, and may not read the record, that part
// is left out, and NotReadable says why.
//
// If the record is damaged, which the next update repairs, it returns the rest, and
// [ErrJournal], or [ErrState] for a file in [StateDir].
func (u *Updater) Status() (*Status, error) {
	s := u.settings
	status := &Status{Target: s.target, Running: s.current, Wanted: s.version}
	if status.Off = s.off(); install.Disabled {
		status.Off = ErrDisabled
	}
	checked, failed := s.history.last()
	status.Checked, status.CheckedFor = checked.Time, checked.Version
	status.LastError, status.LastErrorAt = failed.Err, failed.Time
	w := &walk{settings: s}
	err := w.report(status)
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, store.ErrForeign) {
		status.NotReadable, err = unbroken(err.Error()), nil
	}
	return status, oneLine(err)
}

// report adds what is remembered of the target.
func (w *walk) report(status *Status) (err error) {
	if w.dir, err = w.place(); errors.Is(err, fs.ErrNotExist) {
		return nil // nothing is installed
	}
	if err != nil {
		return err
	}
	if target, err := filepath.EvalSymlinks(w.target); err == nil {
		status.Target = target
	}
	record, memory := w.read(nil)
	switch {
	case errors.Is(memory, fs.ErrNotExist):
		memory = nil
	case w.set.stateDir != "" && memory != nil:
		memory = fmt.Errorf("%w: %s: %w", ErrState, w.memoryPath(), memory)
	}
	f := w.facts
	status.Installed, status.Backup, status.Previous, status.Judge = f.Version, f.Backup, f.Previous, f.Judge
	if f.Probation {
		status.Probation = &Trying{Starts: f.Starts, Limit: f.Limit, Elapsed: f.Elapsed, Time: f.Time}
	}
	for _, v := range f.Failed {
		status.Failed = append(status.Failed, FailedVersion{
			Version: v.Version, Hash: v.Hash, Reason: string(v.Reason), Count: v.Count,
			First: v.First, Last: v.Last, Next: v.Next, GivenUp: v.GivenUp(),
		})
		if v.Version == w.version {
			status.Next = v.Next
		}
	}
	status.Floor = w.lowest()
	return cmp.Or(record, memory)
}

// lowest is the floor of the next update, as far as it can be known before that: an
// authority may have changed since the last one.
func (w *walk) lowest() string {
	policy := w.policyID()
	if w.set.authority != nil && len(w.memory) > 0 {
		policy = w.memory[0].Policy
	}
	return store.Higher(w.floor(w.remembered(policy)), w.current)
}

// MarshalJSON returns s as one JSON object, without line breaks. The members are those
// of [Status] and its parts in lower case with underscores, as in last_error_at; those
// without a value are left out, but for failed. Times are of RFC 3339 in UTC, durations
// whole milliseconds, and errors their texts. docs/operating.md has an example. Members
// may be added.
func (s *Status) MarshalJSON() ([]byte, error) {
	fields := store.Fields{
		"target": s.Target, "running": s.Running, "wanted": s.Wanted, "installed": s.Installed, "backup": s.Backup,
		"previous": s.Previous, "judge": s.Judge, "floor": s.Floor, "next": s.Next, "checked": s.Checked,
		"checked_for": s.CheckedFor, "last_error": text(s.LastError), "last_error_at": s.LastErrorAt,
		"off": text(s.Off), "not_readable": s.NotReadable,
	}
	if p := s.Probation; p != nil {
		fields["probation"] = store.Fields{"starts": p.Starts, "limit": p.Limit, "elapsed": p.Elapsed, "time": p.Time}
	}
	var failed []store.Fields
	for _, v := range s.Failed {
		failed = append(failed, store.Fields{
			"version": v.Version, "hash": v.Hash, "reason": v.Reason, "count": v.Count,
			"first": v.First, "last": v.Last, "next": v.Next, "given_up": v.GivenUp,
		})
	}
	fields["failed"] = failed
	return fields.JSON(), nil
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

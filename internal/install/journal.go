// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/choria-io/go-updater/internal/store"
)

const (
	journalFile   = "journal.json"
	journalLock   = "journal.lock"
	journalFormat = 1
	maxJournal    = 64 << 10

	// maxJournalWait bounds the wait for a process that changes the journal, which takes
	// milliseconds.
	maxJournalWait = 5 * time.Second
)

// state is how far an update has come. The table in the package documentation has what
// is on disk in each state, and what recovery does.
type state string

const (
	idle      state = ""          // nothing to recover, no known backup
	swapping  state = "swapping"  // the target is Old or New
	installed state = "installed" // the target is New, the backup is Backup
	restoring state = "restoring" // the target is Old or New, the content of the backup
)

// record is the content of the journal: all that is remembered of a target. It is synced
// before the step that it announces.
type record struct {
	State  state
	Old    content
	New    content
	Backup content

	Older string // name of the older backup during the update
	Keep  string // name of a link to Old, if Backup is another file, which stays
	Aside string // Windows: name of Old once New has its name
	Check bool   // New must pass a health check

	Reason Reason // of a rollback

	Probation probation
	Judge     bool // Backup can act as a judge
	Failed    []Failure
	Memory    store.Memories
	Accept    *store.Installed // to be remembered once New is installed
	Before    *record          // the journal if this is undone, without Failed and Memory
}

func (c content) fields() store.Fields {
	return store.Fields{"version": c.Version, "hash": c.Hash, "size": c.Size, "modified": c.ModTime}
}

func readContent(m store.Reader, name string) content {
	m, _ = m.Part(name)
	return content{Version: m.Text("version"), Hash: m.Text("hash"), Size: m.Int("size"), ModTime: m.Time("modified")}
}

func (r record) fields() store.Fields {
	f := store.Fields{
		"state": string(r.State), "old": r.Old.fields(), "new": r.New.fields(), "backup": r.Backup.fields(),
		"older": r.Older, "keep": r.Keep, "aside": r.Aside, "check": r.Check, "judge": r.Judge,
		"reason":    string(r.Reason),
		"probation": r.Probation.fields(), "trust": r.Memory.Fields(),
	}
	var failed []store.Fields
	for _, v := range r.Failed {
		failed = append(failed, v.fields())
	}
	f["failed"] = failed
	if a := r.Accept; a != nil {
		f["accept"] = store.Fields{
			"policy": a.Policy, "product": a.Product, "version": a.Version, "released": a.Released, "seen": a.Seen, "good": a.Good,
		}
	}
	if r.Before != nil {
		f["before"] = r.Before.fields()
	}
	return f
}

func readRecord(m store.Reader) record {
	r := record{
		State: state(m.Text("state")), Old: readContent(m, "old"), New: readContent(m, "new"), Backup: readContent(m, "backup"),
		Older: m.Text("older"), Keep: m.Text("keep"), Aside: m.Text("aside"), Check: m.Bool("check"), Judge: m.Bool("judge"), Reason: Reason(m.Text("reason")),
		Probation: readProbation(m), Memory: store.ReadMemories(m.Parts("trust")),
	}
	for _, f := range m.Parts("failed") {
		r.Failed = append(r.Failed, readFailure(f))
	}
	if a, ok := m.Part("accept"); ok {
		r.Accept = &store.Installed{
			Policy: a.Text("policy"), Product: a.Text("product"), Version: a.Text("version"),
			Released: a.Time("released"), Seen: a.Time("seen"), Good: a.Bool("good"),
		}
	}
	if before, ok := m.Part("before"); ok {
		was := readRecord(before)
		r.Before = &was
	}
	return r
}

func formatJournal(r record) []byte {
	f := r.fields()
	f["format"] = journalFormat
	return store.Format(f)
}

func parseJournal(raw []byte) (record, error) {
	m, err := store.Parse(raw)
	if err != nil {
		return record{}, fmt.Errorf("%w: %w", ErrJournal, err)
	}
	if format := m.Int("format"); format != journalFormat {
		return record{}, fmt.Errorf("%w: format %d instead of %d", ErrJournal, format, journalFormat)
	}
	r := readRecord(m)
	if m.Err() != nil {
		return record{}, fmt.Errorf("%w: %w", ErrJournal, m.Err())
	}
	// Names must be ours, so that recovery touches no other files.
	for kind, name := range map[string]string{"previous": r.Older, "keep": r.Keep, "aside": r.Aside} {
		if name != "" && kindOf(name) != kind {
			return record{}, fmt.Errorf("%w: unexpected file name %q", ErrJournal, name)
		}
	}
	return r, nil
}

// readJournal reads the journal. If it is damaged s.damaged is set, and the next update
// replaces it: the target is complete in any state.
func (s *Session) readJournal() error {
	s.journal, s.onDisk, s.damaged = record{}, nil, nil
	f, info, err := s.openJournal()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case errors.Is(err, store.ErrNotRegular):
		return fmt.Errorf("%w: %w (remove it)", ErrJournal, err)
	case err != nil:
		return s.unreadable(err)
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxJournal+1))
	switch {
	case err != nil:
		return fmt.Errorf("reading journal: %w", err)
	case len(raw) > maxJournal || info.Size() > maxJournal:
		s.damaged = fmt.Errorf("%w: larger than %d bytes", ErrJournal, maxJournal)
		return nil
	}
	s.onDisk = raw
	if s.journal, err = parseJournal(raw); err != nil {
		s.damaged = fmt.Errorf("%w (%s; an update that knows which version runs replaces it)", err, s.WorkDir())
	}
	return nil
}

// openJournal opens the journal. A process that counts a start or confirms may replace it
// between the two looks of [store.OpenRegular]: then the next one is as good.
func (s *Session) openJournal() (f *os.File, info fs.FileInfo, err error) {
	for range 100 {
		f, info, err = store.OpenRegular(s.fsys, s.workPath(journalFile), os.O_RDONLY)
		if !errors.Is(err, store.ErrChanged) {
			break
		}
	}
	return f, info, err
}

// change replaces the journal by what f returns. f gets the journal as it is on disk,
// and no other process changes it before change returns. f may return errNoChange.
func (s *Session) change(ctx context.Context, f func(record) (record, error)) (err error) {
	ctx, cancel := context.WithTimeout(ctx, maxJournalWait)
	defer cancel()
	held, err := store.AcquireWhenFree(ctx, s.fsys, s.workPath(journalLock))
	if err != nil {
		if errors.Is(err, store.ErrHeld) {
			err = lockedError(s.Target(), err)
		}
		return fmt.Errorf("changing the journal: %w", err)
	}
	defer func() {
		// Removed while it is held, see store.Acquire. What cannot be removed is a
		// leftover; the change was made.
		_ = s.fsys.Remove(s.workPath(journalLock))
		err = errors.Join(err, held.Release())
	}()
	if err := s.readJournal(); err != nil {
		return err
	}
	next, err := f(s.journal)
	if errors.Is(err, errNoChange) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.writeJournal(next)
}

// announce writes the journal that build makes of the present one. build is called again
// if a process counted a start or confirmed meanwhile. After an error, tried reports
// whether the journal may have been written.
func (s *Session) announce(build func() (record, error)) (tried bool, err error) {
	for range 4 {
		from := s.onDisk
		next, err := build()
		if err != nil {
			return false, err
		}
		err = s.change(context.Background(), func(r record) (record, error) {
			if tried = bytes.Equal(from, s.onDisk); !tried {
				return r, errNoChange
			}
			return next, nil
		})
		if err != nil || tried {
			return tried, err
		}
	}
	return false, fmt.Errorf("announcing the update: %w", &LockedError{Target: s.Target()})
}

// leave ends the swap j: the journal becomes what to makes of it. A Confirm of the version
// before, which came meanwhile, counts.
func (s *Session) leave(j record, to func(record) record) error {
	return s.change(context.Background(), func(fresh record) (record, error) {
		if fresh.State == swapping && fresh.Before != nil && j.Before != nil {
			before := *j.Before
			before.Probation = fresh.Before.Probation
			j.Before = &before
		}
		return to(j), nil
	})
}

// Fail remembers that a release did not work, before it was installed.
func (s *Session) Fail(version, sha256hex string, why Reason) error {
	return s.change(context.Background(), func(r record) (record, error) {
		return r.failed(content{Version: version, Hash: sha256hex}, why, s.now()), nil
	})
}

// Remember remembers a release that is the target already.
func (s *Session) Remember(i store.Installed) error {
	return s.change(context.Background(), func(r record) (record, error) {
		i.Good = !r.onProbation()
		r.Memory = r.Memory.With(r.facts().Review(r.Memory.For(i.Policy)).After(i))
		return r, nil
	})
}

// Failed returns what is remembered of a file with this SHA-256, in hex, that did not
// work here.
func (s *Session) Failed(sha256hex string) (Failure, bool) {
	for _, f := range s.journal.Failed {
		if f.Hash == sha256hex {
			return f, true
		}
	}
	return Failure{}, false
}

var errNoChange = errors.New("the journal stays as it is")

// writeJournal makes r the journal, and syncs it and the directories above. It is for
// journals that only the holder of the update lock changes, and for [Session.change].
func (s *Session) writeJournal(r record) error {
	raw, err := s.saveJournal(r)
	if err != nil {
		return fmt.Errorf("writing journal: %w", err)
	}
	s.journal, s.onDisk, s.damaged = r, raw, nil
	return nil
}

func (s *Session) saveJournal(r record) ([]byte, error) {
	if r.State == idle && len(r.Failed) == 0 && len(r.Memory) == 0 {
		if err := s.fsys.Remove(s.workPath(journalFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		return nil, store.SyncDir(s.fsys, s.work)
	}
	raw := formatJournal(r)
	if err := store.Write(s.fsys, s.work, journalFile, raw); err != nil {
		return nil, err
	}
	return raw, store.SyncDir(s.fsys, ".") // the work directory may be new
}

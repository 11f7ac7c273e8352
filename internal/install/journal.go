// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/choria-io/go-updater/internal/store"
)

const (
	journalFile   = "journal.json"
	journalFormat = 1
	maxJournal    = 64 << 10
	maxFailed     = 16 // versions; the oldest are removed first
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

// Failure is a version that was given up because its probation failed.
type Failure struct {
	Version string
	Hash    string
	When    time.Time
}

// record is the content of the journal, which is synced before the step that it
// announces.
type record struct {
	State  state
	Old    content
	New    content
	Backup content

	Older string // name of the older backup during the update
	Keep  string // name of a link to Old, if Backup is another file, which stays
	Aside string // Windows: name of Old once New has its name
	Check bool   // New must pass a health check

	Probation int // starts without Confirm after which New is given up; 0 for no limit
	Starts    int

	Failed []Failure
	Before *record // the journal if this is undone
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
		"older": r.Older, "keep": r.Keep, "aside": r.Aside, "check": r.Check,
		"probation": r.Probation, "starts": r.Starts,
	}
	var failed []store.Fields
	for _, v := range r.Failed {
		failed = append(failed, store.Fields{"version": v.Version, "hash": v.Hash, "when": v.When})
	}
	f["failed"] = failed
	if r.Before != nil {
		f["before"] = r.Before.fields()
	}
	return f
}

func readRecord(m store.Reader) record {
	r := record{
		State: state(m.Text("state")), Old: readContent(m, "old"), New: readContent(m, "new"), Backup: readContent(m, "backup"),
		Older: m.Text("older"), Keep: m.Text("keep"), Aside: m.Text("aside"), Check: m.Bool("check"),
		Probation: int(m.Int("probation")), Starts: int(m.Int("starts")),
	}
	for _, f := range m.Parts("failed") {
		r.Failed = append(r.Failed, Failure{Version: f.Text("version"), Hash: f.Text("hash"), When: f.Time("when")})
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
	f, info, err := store.OpenRegular(s.fsys, s.workPath(journalFile), os.O_RDONLY)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case errors.Is(err, store.ErrNotRegular):
		return fmt.Errorf("%w: %w (remove it)", ErrJournal, err)
	case err != nil:
		return fmt.Errorf("reading journal: %w", err)
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
	if s.journal, err = parseJournal(raw); err != nil {
		s.damaged = fmt.Errorf("%w (%s; the next update replaces it)", err, s.WorkDir())
	}
	return nil
}

// writeJournal makes r the journal, and syncs it and the directories above.
func (s *Session) writeJournal(r record) error {
	if err := s.saveJournal(r); err != nil {
		return fmt.Errorf("writing journal: %w", err)
	}
	s.journal, s.damaged = r, nil
	return nil
}

func (s *Session) saveJournal(r record) error {
	if r.State == idle && len(r.Failed) == 0 {
		if err := s.fsys.Remove(s.workPath(journalFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return store.SyncDir(s.fsys, s.work)
	}
	if err := store.Write(s.fsys, s.work, journalFile, formatJournal(r)); err != nil {
		return err
	}
	return store.SyncDir(s.fsys, ".") // the work directory may be new
}

// cleared returns the journal without an installed version: only what failed is kept.
func (r record) cleared() record { return record{Failed: r.Failed} }

// undone returns the journal from before r.
func (r record) undone() record {
	if r.Before == nil {
		return r.cleared()
	}
	before := *r.Before
	before.Failed = r.Failed
	return before
}

// next returns a journal in state to, which is undone to r.
func (r record) next(to state) record {
	next := record{State: to, Failed: r.Failed}
	if r.State == installed {
		before := r
		before.Before, before.Failed = nil, nil
		next.Before = &before
	}
	return next
}

// finished returns the journal after New was installed.
func (r record) finished() record {
	return record{State: installed, New: r.New, Backup: r.Backup, Probation: r.Probation, Failed: r.Failed}
}

// withFailure adds the installed version to those that failed. It may be in there
// already, if a start was interrupted.
func (r record) withFailure(when time.Time) record {
	r.Failed = slices.DeleteFunc(slices.Clone(r.Failed), func(f Failure) bool { return f.Hash == r.New.Hash })
	r.Failed = append(r.Failed, Failure{Version: r.New.Version, Hash: r.New.Hash, When: when.UTC().Truncate(time.Second)})
	if n := len(r.Failed); n > maxFailed {
		r.Failed = r.Failed[n-maxFailed:]
	}
	return r
}

// Failed reports whether the file with this SHA-256, in hex, was installed here and given
// up, and when.
func (s *Session) Failed(sha256hex string) (Failure, bool) {
	for _, f := range s.journal.Failed {
		if f.Hash == sha256hex {
			return f, true
		}
	}
	return Failure{}, false
}

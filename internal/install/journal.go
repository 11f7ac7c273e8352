// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"crypto/sha256"
	"encoding/hex"
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
	maxFailed     = 16 // versions; the oldest is forgotten first
)

// state is where an update stands. What is on disk in each, and what recover
// makes of it, is the table in the package documentation.
type state string

const (
	idle      state = ""          // nothing to recover, nothing to go back to
	swapping  state = "swapping"  // the target is Old or New
	installed state = "installed" // the target is New, the backup Backup
	restoring state = "restoring" // the target is Old or New, which is what the backup holds
)

// content is a file by what is in it.
type content struct {
	Version string
	Hash    string // SHA-256, hex
	Size    int64
	ModTime time.Time // tells cheaply that nobody replaced it since
}

// Failure is a version that did not survive its probation.
type Failure struct {
	Version string
	Hash    string
	When    time.Time
}

// record is the journal: one file, written whole, forced out before the step
// that it announces.
type record struct {
	State  state
	Old    content
	New    content
	Backup content

	Older string // where the older backup goes meanwhile
	Keep  string // a second name of Old, when the backup is something better
	Aside string // Windows: where Old goes when New takes its name
	Check bool   // New is not to stay before a health check passed

	Probation int // starts without Confirm until New is given up
	Starts    int

	Failed []Failure
	Before *record // what the journal says again if this is undone
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
		return record{}, fmt.Errorf("%w: format %d, this program writes %d", ErrJournal, format, journalFormat)
	}
	r := readRecord(m)
	if m.Err() != nil {
		return record{}, fmt.Errorf("%w: %w", ErrJournal, m.Err())
	}
	// A name in it is one of ours in our directory, or nothing is done with it.
	for kind, name := range map[string]string{"previous": r.Older, "keep": r.Keep, "aside": r.Aside} {
		if name != "" && kindOf(name) != kind {
			return record{}, fmt.Errorf("%w: it names %q", ErrJournal, name)
		}
	}
	return r, nil
}

// readJournal loads the journal. A damaged one is kept in mind as such, and
// replaced by the next update: on disk the target is whole whatever it said.
func (s *Session) readJournal() error {
	f, info, err := store.OpenRegular(s.fsys, s.in(journalFile), os.O_RDONLY)
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

// write makes r the journal. What it says is on disk when write returns, and so
// is the way to it.
func (s *Session) write(r record) error {
	if err := s.save(r); err != nil {
		return fmt.Errorf("writing journal: %w", err)
	}
	s.journal, s.damaged = r, nil
	return nil
}

func (s *Session) save(r record) error {
	if r.State == idle && len(r.Failed) == 0 {
		if err := s.fsys.Remove(s.in(journalFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return store.SyncDir(s.fsys, s.work)
	}
	if err := store.Write(s.fsys, s.work, journalFile, formatJournal(r)); err != nil {
		return err
	}
	return store.SyncDir(s.fsys, ".") // the work directory may be new
}

// settled is what is left of r to say when nothing is installed or on probation.
func (r record) settled() record { return record{Failed: r.Failed} }

// undone is what the journal said before r was begun.
func (r record) undone() record {
	if r.Before == nil {
		return r.settled()
	}
	before := *r.Before
	before.Failed = r.Failed
	return before
}

// begun is the record of a step that leads away from r.
func (r record) begun(to state) record {
	next := record{State: to, Failed: r.Failed}
	if r.State == installed {
		before := r
		before.Before, before.Failed = nil, nil
		next.Before = &before
	}
	return next
}

// fail remembers that the installed version is given up. A start that was
// interrupted may do it again.
func (r record) fail(when time.Time) record {
	r.Failed = slices.DeleteFunc(slices.Clone(r.Failed), func(f Failure) bool { return f.Hash == r.New.Hash })
	r.Failed = append(r.Failed, Failure{Version: r.New.Version, Hash: r.New.Hash, When: when.UTC().Truncate(time.Second)})
	if n := len(r.Failed); n > maxFailed {
		r.Failed = r.Failed[n-maxFailed:]
	}
	return r
}

// Failed tells whether the file with this hash was installed here and given up.
func (s *Session) Failed(sha256hex string) (Failure, bool) {
	for _, f := range s.journal.Failed {
		if f.Hash == sha256hex {
			return f, true
		}
	}
	return Failure{}, false
}

// measured is a file that was read, and what was in it then.
type measured struct {
	info fs.FileInfo
	content
}

// known is what is in the target if that need not be read any more: the journal
// says what is installed, or this session has read it.
func (s *Session) known(info fs.FileInfo) *content {
	s.endMeasuring()
	if s.measured != nil && store.Same(info, s.measured.info) {
		return &s.measured.content
	}
	if n := s.journal.New; s.journal.State == installed && n.is(info) {
		return &n
	}
	return nil
}

// contentOf hashes f, the target, unless what is in it is known.
func (s *Session) contentOf(f *os.File, info fs.FileInfo) (content, error) {
	if known := s.known(info); known != nil {
		return *known, nil
	}
	return s.measure(f, info)
}

// measure hashes f, the target, whatever the journal says.
func (s *Session) measure(f *os.File, info fs.FileInfo) (content, error) {
	hash, err := hashOf(f)
	if err != nil {
		return content{}, err
	}
	s.measured = &measured{info, content{Hash: hash, Size: info.Size(), ModTime: info.ModTime()}}
	return s.measured.content, nil
}

// is says, without reading it, that the file still is c.
func (c content) is(info fs.FileInfo) bool {
	return c.Hash != "" && c.Size == info.Size() && c.ModTime.Equal(info.ModTime())
}

// hashOf reads f from its start, and leaves it there.
func hashOf(f *os.File) (string, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return "", err
	}
	_, err := f.Seek(0, io.SeekStart)
	return hex.EncodeToString(hash.Sum(nil)), err
}

// holds says whether the file called name has the content, by reading it.
func (s *Session) holds(name string, c content) (bool, error) {
	f, info, err := store.OpenRegular(s.fsys, name, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, store.ErrNotRegular) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	if c.Hash == "" || info.Size() != c.Size {
		return false, nil
	}
	hash, err := hashOf(f)
	return hash == c.Hash, err
}

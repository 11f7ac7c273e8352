// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package install

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/store"
)

// model is a naive second implementation of the state machine of the package
// documentation: what a person would expect of a target after each event.
type model struct {
	target, backup string // what the files hold, "" for no file
	known          string // the backup according to the record; "?" if any is accepted
	recorded       string // the target according to the record
	journal        bool   // there is a record of the target
	damaged        bool   // the record cannot be read
	probation      bool
	starts         int
	left           []string // versions that were installed and given up
	good           []string // versions that worked
}

const probationLimit = 2

type event struct {
	name string
	// do returns the error that is expected.
	do func(t *testing.T, w *machine) (want, got error)
}

// machine is a real target, and the model of it.
type machine struct {
	model
	path string
	next int // version
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	w := &machine{path: newTarget(t), model: model{target: string(oldBytes), known: "?"}}
	return w
}

func binary(version int) string { return fmt.Sprintf("binary of version 1.%d.0", version) }

func versionOf(content string) string {
	v, _ := strings.CutPrefix(content, "binary of version ")
	return v
}

var errSick = errors.New("it does not answer")

// update installs the next version.
func (w *machine) update(t *testing.T, p Plan, try func(*Session, *Staged) error) error {
	t.Helper()
	w.next++
	content := binary(w.next)
	s, err := Begin(t.Context(), w.path, Options{})
	if err != nil {
		return err
	}
	defer func() { require.NoError(t, s.Close()) }()
	p.Version = versionOf(content)
	p.Accept = &store.Installed{Policy: "p", Version: p.Version, Released: when, Seen: when}
	st := stage(t, s, []byte(content))
	if try != nil {
		if err := try(s, st); err != nil {
			return errors.Join(err, s.Fail(p.Version, st.hash, FailedSmokeTest))
		}
	}
	_, err = s.Commit(st, p)
	return err
}

// installed is what the model expects of a successful update.
func (w *machine) installed(probation bool) {
	if !w.probation || w.replaced() || w.backup != w.known {
		w.backup, w.known = w.target, w.target
	}
	w.target, w.journal, w.damaged, w.probation, w.starts = binary(w.next), true, false, probation, 0
	w.recorded = w.target
	if !probation {
		w.good = append(w.good, versionOf(w.target))
	}
}

// replaced reports whether another program installed the target.
func (w *machine) replaced() bool { return !strings.HasPrefix(w.target, "binary") }

func (w *machine) forget() {
	w.journal, w.probation, w.starts, w.known = false, false, 0, "?"
}

// giveUp is what the model expects of a version that leaves.
func (w *machine) restore() error {
	if w.backup == "" || w.known != "?" && w.known != w.backup {
		return ErrNoBackup
	}
	w.left = append(w.left, versionOf(w.target))
	w.target, w.backup, w.known, w.journal, w.probation, w.starts = w.backup, "", "", true, false, 0
	w.recorded = w.target
	return nil
}

var events = []event{
	{"update", func(t *testing.T, w *machine) (want, got error) {
		got = w.update(t, Plan{}, nil)
		w.installed(false)
		return nil, got
	}},
	{"update on probation", func(t *testing.T, w *machine) (want, got error) {
		got = w.update(t, Plan{Probation: probationLimit}, nil)
		w.installed(true)
		return nil, got
	}},
	{"update that fails its smoke test", func(t *testing.T, w *machine) (want, got error) {
		w.damaged = false // Fail writes a new record
		if !w.journal {
			w.known = "?"
		}
		return errSick, w.update(t, Plan{}, func(*Session, *Staged) error { return errSick })
	}},
	{"update that fails its health check", func(t *testing.T, w *machine) (want, got error) {
		w.damaged = false
		return ErrHealth, w.update(t, Plan{Check: func() error { return errSick }}, nil)
	}},
	{"start", func(t *testing.T, w *machine) (want, got error) {
		_, got = Recover(t.Context(), w.path, Options{})
		switch {
		case w.damaged:
			return ErrJournal, got
		case !w.probation:
			return nil, got
		case w.replaced():
			w.forget()
			return nil, got
		}
		if w.starts++; w.starts <= probationLimit {
			return nil, got
		}
		version := versionOf(w.target)
		if want = w.restore(); want != nil {
			w.left = append(w.left, version)
			w.probation, w.starts = false, 0
		}
		return want, got
	}},
	{"confirm", func(t *testing.T, w *machine) (want, got error) {
		got = Confirm(t.Context(), w.path, Options{})
		if w.damaged {
			return ErrJournal, got
		}
		if w.probation && w.starts > 0 {
			w.probation, w.starts = false, 0
			if w.replaced() {
				w.forget()
			} else {
				w.good = append(w.good, versionOf(w.target))
			}
		}
		return nil, got
	}},
	{"rollback", func(t *testing.T, w *machine) (want, got error) {
		got = Rollback(t.Context(), w.path)
		want = w.restore()
		if want == nil {
			w.damaged = false
		}
		return want, got
	}},
	{"another program installs", func(t *testing.T, w *machine) (want, got error) {
		w.target = "from a package"
		return nil, errors.Join(os.Remove(w.path), os.WriteFile(w.path, []byte(w.target), 0o755))
	}},
	{"a person moves the backup and starts it", func(t *testing.T, w *machine) (want, got error) {
		if w.backup == "" {
			return nil, nil
		}
		if w.probation && w.known != w.backup {
			w.forget() // another file than the backup was there
		}
		if w.journal && w.known == w.backup {
			w.left = append(w.left, versionOf(w.recorded))
			w.recorded, w.known, w.probation, w.starts = w.backup, "", false, 0
		}
		w.target, w.backup = w.backup, ""
		require.NoError(t, os.Rename(w.path+".backup", w.path))
		_, got = Recover(t.Context(), w.path, Options{})
		if w.damaged {
			want = ErrJournal
		}
		return want, got
	}},
	{"the backup is lost", func(t *testing.T, w *machine) (want, got error) {
		w.backup = ""
		return nil, os.RemoveAll(w.path + ".backup")
	}},
	{"the record is damaged", func(t *testing.T, w *machine) (want, got error) {
		if _, err := os.Stat(JournalPath(w.path)); err != nil {
			return nil, nil
		}
		w.forget()
		w.damaged, w.left, w.good = true, nil, nil
		return nil, os.WriteFile(JournalPath(w.path), []byte("{}"), 0o600)
	}},
}

// play plays the events, and compares files and record with the model after each.
func (w *machine) play(t *testing.T, sequence []event) {
	t.Helper()
	var played []string
	for _, e := range sequence {
		played = append(played, e.name)
		what := strings.Join(played, ", ")
		want, got := e.do(t, w)
		require.ErrorIs(t, got, want, what)
		if want == nil {
			require.NoError(t, got, what)
		}
		require.NoError(t, RollbackFailureIn(got), what)
		w.compare(t, what)
	}
	// Whatever happened: a higher, good release is installed without a person.
	require.NoError(t, w.update(t, Plan{}, nil), played)
	w.installed(false)
	w.compare(t, fmt.Sprint(played, " and a good update"))
}

// RollbackFailureIn returns the RollbackFailure in err, or nil.
func RollbackFailureIn(err error) error {
	if f, ok := errors.AsType[*RollbackFailure](err); ok {
		return f
	}
	return nil
}

func (w *machine) compare(t *testing.T, what string) {
	t.Helper()
	requireFile(t, w.path, []byte(w.target))
	if w.backup == "" {
		require.NoFileExists(t, w.path+".backup", what)
	} else {
		requireFile(t, w.path+".backup", []byte(w.backup))
	}
	f, err := Look(w.path, Options{})
	if w.damaged {
		require.ErrorIs(t, err, ErrJournal, what)
		return
	}
	require.NoError(t, err, what)
	if !w.replaced() {
		require.Equal(t, w.probation, f.Probation, what)
		require.Equal(t, w.starts, f.Starts, what)
	}
	for _, v := range f.Failed {
		if v.Version == "" {
			require.Equal(t, RolledBack, v.Reason, "the record did not say what it was")
			continue
		}
		require.Equal(t, slices.Contains(w.left, v.Version), v.Left, "%s: %+v", what, v)
	}
	floor := ""
	for _, v := range w.good {
		if !slices.Contains(w.left, v) {
			floor = store.Higher(floor, v)
		}
	}
	require.Equal(t, floor, f.Review(f.Memory.For("p")).Floor(), "floor: %s", what)
}

// Every sequence of three events, and some long ones.
func TestEveryStateAndEvent(t *testing.T) {
	for i, a := range events {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			for _, b := range events {
				for _, c := range events {
					newMachine(t).play(t, []event{a, b, c})
				}
			}
			r := rand.New(rand.NewPCG(1, uint64(i)))
			for range 4 {
				w := newMachine(t)
				var long []event
				for range 25 {
					long = append(long, events[r.IntN(len(events))])
				}
				w.play(t, long)
			}
		})
	}
}

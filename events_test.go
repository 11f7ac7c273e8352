// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	updater "github.com/choria-io/go-updater"
	"github.com/choria-io/go-updater/internal/install"
	"github.com/choria-io/go-updater/internal/jcs"
)

// events are what OnEvent was called with, a line for each.
type events struct{ lines []string }

func (e *events) option() updater.Option {
	return updater.OnEvent(func(got updater.Event) {
		line := fmt.Sprintf("%s %s after %s", got.Kind, got.Version, got.Previous)
		if got.Kind == updater.EventDecided {
			line = fmt.Sprintf("%s %s: %t", got.Kind, got.Version, got.Update)
		}
		if got.Reason != "" {
			line += ", " + got.Reason
		}
		if !got.Next.IsZero() {
			line += ", next in " + got.Next.Sub(now).String()
		}
		if (got.Err != nil) != (got.Kind == updater.EventFailed) || got.Time.IsZero() {
			line += fmt.Sprintf(" (%v at %v)", got.Err, got.Time)
		}
		e.lines = append(e.lines, line)
	})
}

// take returns the lines, and forgets them.
func (e *events) take() []string {
	lines := e.lines
	e.lines = nil
	return lines
}

var errSick = errors.New("no\nanswer")

func neverWorks(context.Context, string) error { return errSick }

func TestEventsOfApply(t *testing.T) {
	const (
		checked = "checked 1.2.3 after 1.2.2"
		yes     = "decided 1.2.3: true, it is not the version that runs"
		failed  = "failed 1.2.3 after 1.2.2"
	)
	smoke, health := updater.SmokeTest(updater.Trial{Func: neverWorks}), updater.HealthCheck(updater.Trial{Func: neverWorks})
	for name, tc := range map[string]struct {
		options []updater.Option
		err     error
		first   []string
		second  []string // the same again
	}{
		"installed": {nil, nil,
			[]string{checked, yes, "installed 1.2.3 after 1.2.2"},
			[]string{checked, "decided 1.2.3: false, it is installed already, and runs from the next start on"}},
		"runs": {[]updater.Option{updater.CurrentVersion("v1.2.3")}, nil,
			[]string{"decided 1.2.3: false, it runs already"}, []string{"decided 1.2.3: false, it runs already"}},
		"not found": {[]updater.Option{updater.Version("1.2.4")}, updater.ErrNotFound,
			[]string{"failed 1.2.4 after 1.2.2"}, []string{"failed 1.2.4 after 1.2.2"}},
		"smoke test fails": {[]updater.Option{smoke}, updater.ErrSmokeTest,
			[]string{checked, yes, failed + ", next in 1h0m0s"},
			[]string{checked, "decided 1.2.3: false, failed its smoke test, next in 1h0m0s", failed + ", next in 1h0m0s"}},
		"health check fails": {[]updater.Option{health}, updater.ErrHealth,
			[]string{checked, yes, "restored 1.2.2 after 1.2.3, failed its health check", failed + ", next in 1h0m0s"},
			[]string{checked, "decided 1.2.3: false, failed its health check, next in 1h0m0s", failed + ", next in 1h0m0s"}},
		"the backup is gone": {[]updater.Option{updater.HealthCheck(updater.Trial{Func: func(_ context.Context, path string) error {
			return errors.Join(errSick, os.Remove(path+".backup"))
		}})}, updater.ErrHealth, []string{checked, yes, failed}, nil},
		"switched off": {[]updater.Option{updater.Off(func() bool { return true })}, updater.ErrOff,
			[]string{"decided 1.2.3: false, updates are switched off by this program"},
			[]string{"decided 1.2.3: false, updates are switched off by this program"}},
	} {
		t.Run(name, func(t *testing.T) {
			w, seen := newWorld(t), &events{}
			w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
			u, err := updater.New(w.options(append(tc.options, seen.option())...)...)
			require.NoError(t, err)
			_, err = u.Apply(t.Context())
			require.ErrorIs(t, err, tc.err)
			require.Equal(t, tc.first, seen.take())
			if tc.second != nil {
				_, _ = u.Apply(t.Context())
				require.Equal(t, tc.second, seen.take())
			}
		})
	}
}

func TestEventsOfCheck(t *testing.T) {
	for name, tc := range map[string]struct {
		before []updater.Option // of an Apply before, nil for none
		check  []updater.Option
		want   []string
	}{
		"needed":    {nil, nil, []string{"checked 1.2.3 after 1.2.2", "decided 1.2.3: true, it is not the version that runs"}},
		"runs":      {nil, []updater.Option{updater.CurrentVersion("1.2.3")}, []string{"checked 1.2.3 after 1.2.3", "decided 1.2.3: false, it runs already"}},
		"installed": {[]updater.Option{}, nil, []string{"checked 1.2.3 after 1.2.2", "decided 1.2.3: false, it is installed already, and runs from the next start on"}},
		"waits": {[]updater.Option{updater.SmokeTest(updater.Trial{Func: neverWorks})}, nil,
			[]string{"checked 1.2.3 after 1.2.2", "decided 1.2.3: false, failed its smoke test, next in 1h0m0s"}},
		"is permitted": {[]updater.Option{updater.SmokeTest(updater.Trial{Func: neverWorks})}, []updater.Option{updater.RetryFailed("1.2.3")},
			[]string{"checked 1.2.3 after 1.2.2", "decided 1.2.3: true, it is not the version that runs"}},
		"not found": {nil, []updater.Option{updater.Version("1.2.4")}, []string{"failed 1.2.4 after 1.2.2"}},
		"off": {nil, []updater.Option{updater.Off(func() bool { return true })},
			[]string{"decided 1.2.3: false, updates are switched off by this program"}},
	} {
		t.Run(name, func(t *testing.T) {
			w, seen := newWorld(t), &events{}
			w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
			if tc.before != nil {
				_ = updater.Apply(w.options(tc.before...)...)
			}
			result, err := w.check(append(tc.check, seen.option())...)
			require.Equal(t, tc.want, seen.take())
			if err == nil {
				line := fmt.Sprintf("decided 1.2.3: %t, %s", result.UpdateNeeded, result.Reason)
				if !result.Next.IsZero() {
					line += ", next in " + result.Next.Sub(now).String()
				}
				require.Equal(t, tc.want[len(tc.want)-1], line, "the result says the same")
			}
		})
	}
}

// After five failures on two days a version is given up.
func TestEventOfAVersionThatIsGivenUp(t *testing.T) {
	w, seen, at := newWorld(t), &events{}, now
	r := newRelease(t, "1.2.3", []byte(newContent))
	r.doc.Expires = now.AddDate(0, 1, 0)
	w.publish("1.2.3", r)
	u, err := updater.New(w.options(seen.option(), updater.SmokeTest(updater.Trial{Func: neverWorks}),
		updater.Clock(func() time.Time { return at }))...)
	require.NoError(t, err)
	for i := range 6 {
		_, err := u.Apply(t.Context())
		require.Error(t, err)
		gaveUp := seen.lines[len(seen.lines)-2]
		require.Equal(t, i == 4, gaveUp == "gave up 1.2.3 after 1.2.2, failed its smoke test", "%d: %s", i, gaveUp)
		at = at.Add(12 * time.Hour)
	}
	require.Equal(t, "failed 1.2.3 after 1.2.2", seen.lines[len(seen.lines)-1], "without a next time")
}

// The next try is that of the version, whatever failed after it.
func TestNextTryIsThatOfTheVersion(t *testing.T) {
	w, seen, at := newWorld(t), &events{}, now
	options := []updater.Option{updater.Clock(func() time.Time { return at }), updater.SmokeTest(updater.Trial{Func: neverWorks}), seen.option()}
	for _, version := range []string{"1.2.3", "1.2.4", "1.2.3"} {
		w.publish(version, newRelease(t, version, []byte("binary of "+version)))
		require.Error(t, updater.Apply(w.options(append(options, updater.Version(version))...)...))
		at = at.Add(20 * time.Minute)
	}
	require.Equal(t, "failed 1.2.3 after 1.2.2, next in 1h0m0s", seen.lines[len(seen.lines)-1])
}

func TestEventsOfRecoverAndRollback(t *testing.T) {
	w, seen := newWorld(t), &events{}
	target := updater.TargetFile(w.target)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	require.NoError(t, updater.Apply(w.options(updater.Probation(1))...))
	for _, want := range [][]string{nil, {"gave up 1.2.3 after ", "restored 1.2.2 after 1.2.3, failed its probation"}, nil} {
		_, err := updater.Recover(target, updater.NewProcess(), seen.option())
		require.NoError(t, err)
		for i, line := range seen.take() {
			require.Contains(t, line, want[i])
		}
	}
	require.NoError(t, updater.Apply(w.options(updater.RetryFailed("1.2.3"))...))
	require.NoError(t, updater.Rollback(target, seen.option()))
	require.Equal(t, []string{"restored 1.2.2 after 1.2.3, was rolled back"}, seen.take())
	require.ErrorIs(t, updater.Rollback(target, seen.option()), updater.ErrNoBackup)
	require.Equal(t, []string{"failed  after "}, seen.take())
	require.NoError(t, os.WriteFile(install.JournalPath(w.target), []byte("damaged"), 0o600))
	_, err := updater.Recover(target, seen.option())
	require.ErrorIs(t, err, updater.ErrJournal)
	require.ErrorIs(t, updater.Confirm(target, seen.option()), updater.ErrJournal)
	require.Equal(t, []string{"failed  after ", "failed  after "}, seen.take())
}

// interrupted returns a target whose update stopped before its health check passed, with
// a journal changed by change.
func interrupted(t *testing.T, change func(journal jcs.Object)) (target string) {
	t.Helper()
	w, dir := newWorld(t), t.TempDir()
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	require.NoError(t, updater.Apply(w.options(updater.HealthCheck(updater.Trial{Func: func(context.Context, string) error {
		return os.CopyFS(dir, os.DirFS(filepath.Dir(w.target)))
	}}))...))
	target = filepath.Join(dir, "app")
	info, err := os.Stat(w.target)
	require.NoError(t, err)
	require.NoError(t, os.Chmod(target, 0o751))
	require.NoError(t, os.Chtimes(target, time.Time{}, info.ModTime()))
	require.NoError(t, os.Chmod(install.WorkDir(target), 0o700))
	path := install.JournalPath(target)
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	journal, err := jcs.Parse(raw)
	require.NoError(t, err)
	delete(journal, "sum")
	change(journal)
	sum := sha256.Sum256(jcs.Format(journal))
	journal["sum"] = hex.EncodeToString(sum[:])
	require.NoError(t, os.WriteFile(path, jcs.Format(journal), 0o600))
	return target
}

func TestEventsOfInterruptedUpdates(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(journal jcs.Object)
		old    bool // the target was not replaced yet
		want   string
	}{
		"health check": {func(jcs.Object) {}, false,
			"restored  after , an update was interrupted before its health check passed"},
		"finished": {func(j jcs.Object) { delete(j, "check") }, false,
			"installed 1.2.3 after 1.2.2, an update that was interrupted was finished"},
		"undone": {func(j jcs.Object) { delete(j, "check") }, true, "failed  after "},
		"rollback": {func(j jcs.Object) { delete(j, "check"); j["state"] = "restoring" }, false,
			"restored 1.2.3 after , a rollback that was interrupted was finished"},
	} {
		t.Run(name, func(t *testing.T) {
			target, seen := interrupted(t, tc.change), &events{}
			if tc.old {
				require.NoError(t, os.WriteFile(target, []byte(oldContent), 0o751))
			}
			_, err := updater.Recover(updater.TargetFile(target), seen.option())
			require.NoError(t, err)
			require.Equal(t, []string{tc.want}, seen.take())
		})
	}
}

// A fault in the function for events changes nothing, and it may call Status.
func TestFunctionsForEventsCannotHarm(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	var u *updater.Updater
	calls := 0
	u, err := updater.New(w.options(updater.OnEvent(func(e updater.Event) {
		calls++
		status, err := u.Status()
		require.NoError(t, err)
		require.Equal(t, e.Kind == updater.EventInstalled, status.Installed != "")
		panic("of the program")
	}))...)
	require.NoError(t, err)
	result, err := u.Apply(t.Context())
	require.NoError(t, err)
	require.True(t, result.Updated)
	require.Equal(t, 3, calls)
	require.Contains(t, w.log.String(), `the function for events failed event="installed" error="panic in OnEvent: of the program"`)
	_, err = updater.New(w.options(updater.OnEvent(nil))...)
	require.ErrorIs(t, err, updater.ErrConfig)
}

// The switch turns Apply and Check off, and nothing that keeps a program working.
func TestSwitch(t *testing.T) {
	for name, tc := range map[string]struct {
		environment string
		option      updater.Option
		err         error
		says        string
	}{
		"the program":            {"", updater.Off(func() bool { return true }), updater.ErrOff, "by this program"},
		"the program, not now":   {"", updater.Off(func() bool { return false }), nil, ""},
		"a fault of the program": {"", updater.Off(func() bool { panic("here") }), updater.ErrPanic, "here"},
		"the environment":        {"1", nil, updater.ErrOff, "GO_UPDATER_OFF"},
		"another value":          {"no updates please", nil, updater.ErrOff, "GO_UPDATER_OFF"},
		"0":                      {"0", nil, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
			w.publish("1.2.4", newRelease(t, "1.2.4", []byte("newer")))
			require.NoError(t, updater.Apply(w.options(updater.Probation(2))...))
			asked := w.requests.Load()
			t.Setenv("GO_UPDATER_OFF", tc.environment)
			options := []updater.Option{updater.Version("1.2.4"), updater.CurrentVersion("1.2.3")}
			if tc.option != nil {
				options = append(options, tc.option)
			}
			u, err := updater.New(w.options(options...)...)
			require.NoError(t, err)
			status, err := u.Status()
			require.NoError(t, err)
			require.ErrorIs(t, status.Off, tc.err)
			before := w.snapshot()
			_, err = u.Check(t.Context())
			require.ErrorIs(t, err, tc.err)
			if tc.err != nil {
				require.ErrorContains(t, err, tc.says)
				_, err = u.Apply(t.Context())
				require.ErrorIs(t, err, tc.err)
				require.Equal(t, before, w.snapshot())
				require.Equal(t, asked, w.requests.Load(), "no request")
				report, err := u.Preflight(t.Context())
				require.ErrorIs(t, err, tc.err)
				require.Equal(t, "updates are switched off", report.Problems[0].Reason)
			}
			r, err := u.Recover(t.Context())
			require.NoError(t, err)
			require.Equal(t, 1, r.Starts)
			require.NoError(t, u.Confirm(t.Context()))
			require.NoError(t, u.Rollback(t.Context()))
			w.holds(oldContent)
		})
	}
	_, err := updater.New(newWorld(t).options(updater.Off(nil))...)
	require.ErrorIs(t, err, updater.ErrConfig)
}

// A log takes a line for a message.
func TestErrorsAreOneLine(t *testing.T) {
	lines := errors.Join(errors.New("one"), errors.New("two\r\n\n three\u2028four"))
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	bad := func(*updater.Config) error { return lines }
	joined := updater.Trial{Func: func(context.Context, string) error { return errors.Join(lines, errSick) }}
	for name, call := range map[string]func() error{
		"an option":     func() error { _, err := updater.New(bad); return err },
		"of a function": func() error { return updater.Confirm(bad) },
		"a downloader":  func() error { return updater.Apply(w.options(updater.DownloadMethod(saying{lines}))...) },
		"its Configure": func() error { return updater.Apply(w.options(updater.DownloadMethod(refusing{lines}))...) },
		"FetchSpec": func() error {
			_, err := updater.FetchSpec(w.options(updater.DownloadMethod(saying{lines}))...)
			return err
		},
		"a smoke test": func() error {
			return updater.Apply(w.options(updater.SmokeTest(joined), updater.RetryFailed("1.2.3"))...)
		},
		"a health check": func() error {
			return updater.Apply(w.options(updater.HealthCheck(joined), updater.RetryFailed("1.2.3"))...)
		},
		"Check":           func() error { _, err := w.check(updater.DownloadMethod(saying{lines})); return err },
		"Preflight":       func() error { return preflightOf(w, updater.DownloadMethod(saying{lines})) },
		"a switch":        func() error { return updater.Apply(w.options(updater.Off(func() bool { panic(lines) }))...) },
		"a checked panic": func() error { _, err := w.check(updater.Off(func() bool { panic(lines) })); return err },
	} {
		err := call()
		require.Error(t, err, name)
		require.Contains(t, err.Error(), "one; two; three; four", name)
		if err := updater.RollbackError(err); err != nil {
			require.NotContains(t, err.Error(), "\n")
		}
		if name != "a switch" && name != "a checked panic" {
			require.ErrorIs(t, err, lines, name)
		}
	}
	w.holds(oldContent)
}

// So are the parts of a failure that a program prints by themselves.
func TestPartsOfARollbackFailureAreOneLine(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	err := updater.Apply(w.options(updater.HealthCheck(updater.Trial{Func: func(_ context.Context, path string) error {
		return errors.Join(errSick, os.Remove(path+".backup"))
	}}))...)
	var failure *updater.RollbackFailure
	require.ErrorAs(t, err, &failure)
	require.ErrorIs(t, failure.Cause, errSick)
	for _, err := range []error{err, failure, failure.Cause, failure.Err, updater.RollbackError(err)} {
		require.NotContains(t, err.Error(), "\n")
	}
}

// What a trial prints is quoted.
func TestOutputOfATrialIsOneLine(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte("#!/bin/sh\nprintf 'first\\nsecond\\r\\n\\033[2Jthird'\nexit 3\n")))
	skipWithoutModes(t)
	err := updater.Apply(w.options(updater.SmokeTest(updater.Trial{Contains: "x"}))...)
	require.ErrorIs(t, err, updater.ErrSmokeTest)
	require.ErrorContains(t, err, `it printed "first\nsecond\r\n\x1b[2Jthird"`)
	require.NotContains(t, err.Error(), "\n")
}

// Many problems at once, each in a line of a joined error.
func TestProblemsOfAPreflightAreOneLine(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	held, err := install.Begin(t.Context(), w.target, install.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, held.Close()) }()
	err = preflightOf(w, updater.MaxSize(1<<30), updater.Off(func() bool { return true }))
	require.ErrorIs(t, err, updater.ErrOff)
	require.ErrorIs(t, err, updater.ErrLocked)
	require.NotContains(t, err.Error(), "\n")
	odd := &updater.PreflightError{Reason: "odd", Path: "a\nb", Detail: "c\nd", Advice: "e"}
	require.NotContains(t, odd.Error(), "\n")
}

func preflightOf(w *world, more ...updater.Option) error {
	u, err := updater.New(w.options(more...)...)
	require.NoError(w.t, err)
	_, err = u.Preflight(w.t.Context())
	return err
}

// saying is a downloader that has nothing but an error, and refusing one that cannot be
// configured.
type (
	saying   struct{ err error }
	refusing struct{ err error }
)

func (saying) Configure(*updater.Config) error           { return nil }
func (s saying) FetchSpec() (*updater.Spec, error)       { return nil, s.err }
func (s saying) FetchBinary(*updater.Spec, string) error { return s.err }

func (r refusing) Configure(*updater.Config) error         { return r.err }
func (r refusing) FetchSpec() (*updater.Spec, error)       { return nil, r.err }
func (r refusing) FetchBinary(*updater.Spec, string) error { return r.err }

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	updater "github.com/choria-io/go-updater"
	"github.com/choria-io/go-updater/internal/install"
)

func (w *world) updater(more ...updater.Option) *updater.Updater {
	w.t.Helper()
	u, err := updater.New(w.options(more...)...)
	require.NoError(w.t, err)
	return u
}

// status returns what an updater of another process knows.
func (w *world) status(more ...updater.Option) *updater.Status {
	w.t.Helper()
	status, err := w.updater(more...).Status()
	require.NoError(w.t, err)
	return status
}

// The status follows the target through an update, a probation and a rollback.
func TestStatusIsThatOfTheTarget(t *testing.T) {
	w := newWorld(t)
	target, err := filepath.EvalSymlinks(w.target)
	require.NoError(t, err)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	before := updater.Status{Target: target, Running: "1.2.2", Wanted: "1.2.3", Floor: "1.2.2"}
	require.Equal(t, &before, w.status())

	elapsed := time.Duration(0)
	boot := updater.Boot(func() time.Duration { elapsed += 90 * time.Second; return elapsed })
	probation := []updater.Option{updater.Probation(3), updater.ProbationTime(time.Hour)}
	require.NoError(t, updater.Apply(w.options(probation...)...))
	want := before
	want.Installed, want.Backup, want.Previous = "1.2.3", true, "1.2.2"
	want.Probation = &updater.Trying{Limit: 3, Time: time.Hour}
	want.Floor = "1.2.3"
	require.Equal(t, &want, w.status())
	for range 2 {
		_, err = updater.Recover(updater.TargetFile(w.target), updater.NewProcess(), boot)
		require.NoError(t, err)
	}
	want.Probation.Starts, want.Probation.Elapsed = 2, w.status().Probation.Elapsed
	require.Positive(t, want.Probation.Elapsed)
	require.Equal(t, &want, w.status())

	require.NoError(t, updater.Confirm(updater.TargetFile(w.target)))
	want.Probation = nil
	require.Equal(t, &want, w.status())

	require.NoError(t, updater.Rollback(updater.TargetFile(w.target)))
	status := w.status()
	require.Len(t, status.Failed, 1)
	require.WithinDuration(t, time.Now(), status.Failed[0].Last, time.Minute)
	left := updater.FailedVersion{
		Version: "1.2.3", Hash: sum([]byte(newContent)), Reason: "was rolled back", Count: 1,
		First: status.Failed[0].Last, Last: status.Failed[0].Last, GivenUp: true,
	}
	want = before
	want.Installed, want.Failed = "1.2.2", []updater.FailedVersion{left}
	require.Equal(t, &want, status)
}

// What happened in this process is there too, and what is remembered also in the next.
func TestStatusHasCheckAndError(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	smoke := updater.SmokeTest(updater.Trial{Func: neverWorks})
	u := w.updater(smoke)
	_, failure := u.Apply(t.Context())
	require.ErrorIs(t, failure, updater.ErrSmokeTest)
	status, err := u.Status()
	require.NoError(t, err)
	require.Equal(t, now, status.Checked)
	require.Equal(t, "1.2.3", status.CheckedFor)
	require.Equal(t, failure, status.LastError)
	require.Equal(t, now, status.LastErrorAt)
	require.Equal(t, now.Add(time.Hour), status.Next)

	next := w.status()
	require.Equal(t, status.Next, next.Next)
	require.Equal(t, status.Failed, next.Failed)
	require.Zero(t, next.Checked)
	require.NoError(t, next.LastError)
	require.Zero(t, w.status(updater.Version("1.2.4")).Next, "another version does not wait")
}

func TestStatusWithStateDir(t *testing.T) {
	w := newWorld(t)
	path := filepath.Join(t.TempDir(), "state")
	dir := updater.StateDir(path)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	require.Equal(t, "1.2.2", w.status(dir).Floor)
	require.NoError(t, updater.Apply(w.options(dir)...))
	require.NoError(t, os.RemoveAll(install.WorkDir(w.target)))
	require.Equal(t, "1.2.3", w.status(dir, updater.CurrentVersion("")).Floor)
	files, err := filepath.Glob(filepath.Join(path, "*", "memory.json"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	require.NoError(t, os.WriteFile(files[0], []byte("{}"), 0o600))
	_, err = w.updater(dir).Status()
	require.ErrorIs(t, err, updater.ErrState)
	require.ErrorContains(t, err, files[0])
	require.Empty(t, w.status(updater.CurrentVersion("")).Floor)
}

// The floor of an authority is that of the keys of the last update.
func TestStatusWithAnAuthority(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	vouched := updater.VouchedBy(&fakeAuthority{by: []string{"tuf"}, id: "of today"})
	require.NoError(t, updater.Apply(w.options(vouched)...))
	require.NoError(t, os.WriteFile(w.target, []byte("of another program"), 0o751))
	require.Equal(t, "1.2.3", w.status(vouched, updater.CurrentVersion("")).Floor)
	require.Empty(t, w.status(updater.CurrentVersion("")).Floor, "other keys")
}

// A damaged record is an error, and the rest is known.
func TestStatusOfADamagedRecord(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	require.NoError(t, updater.Apply(w.options()...))
	require.NoError(t, os.WriteFile(install.JournalPath(w.target), []byte("{}"), 0o600))
	status, err := w.updater().Status()
	require.ErrorIs(t, err, updater.ErrJournal)
	require.Empty(t, status.NotReadable)
	require.Equal(t, "1.2.2", status.Floor)
}

func TestStatusWithoutATarget(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, os.Remove(w.target))
	require.Equal(t, &updater.Status{Target: w.target, Running: "1.2.2", Wanted: "1.2.3"}, w.status())
}

// It waits neither for an update of its own, nor for one of another process.
func TestStatusDoesNotWait(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	asked, answer := make(chan struct{}), make(chan struct{})
	w.handler = func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		if w.requests.Load() == 1 {
			close(asked)
			<-answer
		}
		next.ServeHTTP(rw, r)
	}
	u, done := w.updater(), make(chan error)
	go func() {
		_, err := u.Apply(t.Context())
		done <- err
	}()
	<-asked
	_, err := u.Status()
	require.NoError(t, err)
	require.Equal(t, int64(1), w.requests.Load())
	close(answer)
	require.NoError(t, <-done)
}

// docs/operating.md has the file.
func TestStatusAsJSON(t *testing.T) {
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.FixedZone("", 3600))
	status := &updater.Status{
		Target: "/opt/agent/agent", Running: "1.4.0", Wanted: "1.5.0", Installed: "1.4.0", Backup: true, Previous: "1.3.9", Judge: true,
		Probation: &updater.Trying{Starts: 1, Limit: 3, Elapsed: 90 * time.Second, Time: 10 * time.Minute},
		Failed: []updater.FailedVersion{
			{Version: "1.4.2", Hash: sum(nil), Reason: "was rolled back", Count: 1, First: at, Last: at, GivenUp: true},
			{Version: "1.5.0", Hash: sum([]byte("x")), Reason: "failed its smoke test", Count: 2, First: at, Last: at.Add(time.Hour), Next: at.Add(3 * time.Hour)},
		},
		Floor: "1.4.0", Next: at.Add(3 * time.Hour), Checked: at.Add(2 * time.Hour), CheckedFor: "1.5.0",
		LastError: updater.ErrFailedBefore, LastErrorAt: at.Add(2 * time.Hour), Off: updater.ErrOff, NotReadable: "not\xffUTF-8",
	}
	text, err := json.Marshal(status)
	require.NoError(t, err)
	direct, err := status.MarshalJSON()
	require.NoError(t, err)
	require.Equal(t, string(direct), string(text))
	require.NotContains(t, string(text), "\n")
	var found map[string]any
	require.NoError(t, json.Unmarshal(text, &found))
	indented, err := json.MarshalIndent(found, "", "  ")
	require.NoError(t, err)
	indented = append(indented, '\n')
	if *updateUsage {
		require.NoError(t, os.WriteFile("testdata/status.json", indented, 0o644))
	}
	golden, err := os.ReadFile("testdata/status.json")
	require.NoError(t, err)
	require.Equal(t, string(golden), string(indented))

	empty, err := (&updater.Status{}).MarshalJSON()
	require.NoError(t, err)
	require.JSONEq(t, `{"failed":[]}`, string(empty))
}

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	updater "github.com/choria-io/go-updater"
	"github.com/choria-io/go-updater/internal/install"
	"github.com/choria-io/go-updater/trust"
)

const newContent = "#!/bin/sh\necho version 2, which is longer\n"

func TestApplyInstallsAndRollsBack(t *testing.T) {
	for _, scheme := range []string{"http", "file"} {
		t.Run(scheme, func(t *testing.T) {
			w := newWorld(t)
			w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
			before := w.snapshot()
			old, err := os.Stat(w.target)
			require.NoError(t, err)
			mode := old.Mode()
			opts := w.options()
			if scheme == "file" {
				opts = w.options(updater.SourceRepo(fileURL(w.repo)))
			}
			u, err := updater.New(opts...)
			require.NoError(t, err)

			status, err := u.Check(t.Context())
			require.NoError(t, err)
			require.True(t, status.UpdateNeeded)
			require.Equal(t, "1.2.3", status.Release.Version)
			require.Len(t, status.Signers, 1)
			require.Equal(t, before, w.snapshot(), "Check changes nothing")

			result, err := u.Apply(t.Context())
			require.NoError(t, err)
			require.True(t, result.Updated)
			require.Equal(t, status.Signers, result.Signers)
			w.holds(newContent)
			info, err := os.Stat(w.target)
			require.NoError(t, err)
			require.Equal(t, mode, info.Mode())
			backup, err := os.ReadFile(result.Backup)
			require.NoError(t, err)
			require.Equal(t, oldContent, string(backup))

			require.NoError(t, u.Rollback(t.Context()))
			w.holds(oldContent)
			require.ErrorIs(t, u.Rollback(t.Context()), updater.ErrNoBackup, "a backup is used up")
		})
	}
}

// fileURL returns the URL of RFC 8089: file:///C:/repo on Windows.
func fileURL(path string) string {
	return "file:///" + strings.TrimPrefix(filepath.ToSlash(path), "/")
}

func symlink(t *testing.T, target, link string) {
	t.Helper()
	require.NoError(t, os.Symlink(target, link))
	if _, err := filepath.EvalSymlinks(link); err != nil {
		t.Skipf("NOT PROVEN: no symbolic links here: %v", err)
	}
}

func TestApplyFollowsSymlink(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	link := filepath.Join(t.TempDir(), "link")
	symlink(t, w.target, link)
	require.NoError(t, updater.Apply(w.options(updater.TargetFile(link))...))
	w.holds(newContent)
	got, err := os.Readlink(link)
	require.NoError(t, err)
	require.Equal(t, w.target, got)
}

func TestApplyEndsEarlyAtTheWantedVersion(t *testing.T) {
	w := newWorld(t)
	before := w.snapshot()
	u, err := updater.New(w.options(updater.CurrentVersion("1.2.3"))...)
	require.NoError(t, err)
	result, err := u.Apply(t.Context())
	require.NoError(t, err)
	require.False(t, result.Updated)
	require.Zero(t, w.requests.Load())
	require.Equal(t, before, w.snapshot())
}

// A program that was updated and not restarted reports the old version. Another
// Apply must not replace the backup with a copy of the new version.
func TestApplyAgainKeepsTheBackup(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	u, err := updater.New(w.options()...)
	require.NoError(t, err)
	for _, first := range []bool{true, false} {
		result, err := u.Apply(t.Context())
		require.NoError(t, err)
		require.Equal(t, first, result.Updated)
		w.holds(newContent)
	}
	require.NoError(t, u.Rollback(t.Context()))
	w.holds(oldContent)
}

func TestCancelledContextDoesNothing(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	u, err := updater.New(w.options()...)
	require.NoError(t, err)
	_, err = u.Apply(t.Context())
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 40 {
		require.ErrorIs(t, u.Rollback(ctx), context.Canceled)
	}
	w.holds(newContent)
}

func TestRollbackNeedsOnlyTheTarget(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	require.NoError(t, updater.Apply(w.options()...))
	require.NoError(t, updater.Rollback(updater.TargetFile(w.target)))
	w.holds(oldContent)
}

func TestCancelledApplyChangesNothing(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	before := w.snapshot()
	ctx, cancel := context.WithCancel(t.Context())
	w.handler = func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		if filepath.Ext(r.URL.Path) == ".bz2" {
			cancel()
			<-r.Context().Done()
			return
		}
		next.ServeHTTP(rw, r)
	}
	u, err := updater.New(w.options()...)
	require.NoError(t, err)
	_, err = u.Apply(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, before, w.snapshot())

	w.handler = nil
	_, err = u.Apply(t.Context())
	require.NoError(t, err, "a cancelled update can be repeated")
	w.holds(newContent)
}

// Another process installs a newer release just before this update begins (T6): what
// is remembered is read after the lock is taken.
func TestNewerReleaseInstalledBeforeBegin(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	w.publish("1.3.0", newRelease(t, "1.3.0", []byte("newer still")))
	for _, downloader := range []updater.Downloader{&updater.HTTPDownloader{}, &directory{dir: w.repo, binary: []byte(newContent)}} {
		require.NoError(t, os.WriteFile(w.target, []byte(oldContent), 0o755))
		require.NoError(t, os.RemoveAll(install.WorkDir(w.target)))
		raced := false
		other := raceLogger{Logger: log.New(&w.log, "", 0), race: func(line string) {
			if !raced && strings.HasPrefix(line, "starting update") {
				raced = true
				require.NoError(t, updater.Apply(w.options(updater.Version("1.3.0"))...))
			}
		}}
		err := updater.Apply(w.options(updater.DownloadMethod(downloader), updater.Logger(other))...)
		require.True(t, raced)
		require.ErrorIs(t, err, trust.ErrRollback)
		w.holds("newer still")
	}
}

// raceLogger calls race with each line that is logged.
type raceLogger struct {
	*log.Logger
	race func(line string)
}

func (l raceLogger) Print(v ...any) { l.race(fmt.Sprint(v...)) }

func TestProgressReachesTheEnd(t *testing.T) {
	w := newWorld(t)
	r := newRelease(t, "1.2.3", []byte(newContent))
	w.publish("1.2.3", r)
	last := map[updater.Phase]updater.ProgressReport{}
	require.NoError(t, updater.Apply(w.options(updater.Progress(func(p updater.ProgressReport) { last[p.Phase] = p }))...))
	packed, unpacked := r.doc.Artifacts[0].Size, r.doc.Size
	require.Equal(t, updater.ProgressReport{Phase: updater.PhaseDownload, Done: packed, Total: packed}, last[updater.PhaseDownload])
	require.Equal(t, updater.ProgressReport{Phase: updater.PhaseUnpack, Done: unpacked, Total: unpacked}, last[updater.PhaseUnpack])
}

func TestHeaderGoesToTheRepositoryOnly(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	elsewhere := newWorld(t)
	elsewhere.repo = w.repo
	leaked := false
	elsewhere.handler = func(rw http.ResponseWriter, r *http.Request, _ http.Handler) {
		leaked = leaked || r.Header.Get("X-Token") != ""
		http.FileServer(http.Dir(w.repo)).ServeHTTP(rw, r)
	}
	sent := 0
	w.handler = func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Header.Get("X-Token") == "secret" {
			sent++
		}
		http.Redirect(rw, r, elsewhere.server.URL+r.URL.Path, http.StatusFound)
	}
	require.NoError(t, updater.Apply(w.options(updater.Header("X-Token", "secret"))...))
	require.Equal(t, 2, sent)
	require.False(t, leaked)
	require.NotContains(t, w.log.String(), "secret")
}

func TestPlusSignIsEscapedForObjectStores(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3+7", newRelease(t, "1.2.3+7", []byte(newContent)))
	w.handler = func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		require.NotContains(t, r.RequestURI, "+")
		next.ServeHTTP(rw, r)
	}
	require.NoError(t, updater.Apply(w.options(updater.Version("1.2.3+7"))...))
	w.holds(newContent)
}

func TestPasswordInTheRepositoryURLIsNotShown(t *testing.T) {
	w := newWorld(t)
	err := updater.Apply(w.options(updater.SourceRepo("http://user:hunter2@" + w.server.Listener.Addr().String()))...)
	require.ErrorIs(t, err, updater.ErrNotFound)
	require.NotContains(t, err.Error()+w.log.String(), "hunter2")
	for _, repo := range []string{"http://user:hunter2@%zz", "user:hunter2@example.net", "ftp://hunter2@example.net/"} {
		err = updater.Apply(w.options(updater.SourceRepo(repo))...)
		require.ErrorIs(t, err, updater.ErrConfig)
		require.NotContains(t, err.Error(), "hunter2")
	}
	// A user may be a token, a query the signature of a presigned URL.
	err = updater.Apply(w.options(updater.SourceRepo("http://hunter2@" + w.server.Listener.Addr().String() + "/?signature=hunter3"))...)
	require.ErrorIs(t, err, updater.ErrNotFound)
	require.NotContains(t, err.Error()+w.log.String(), "hunter")
}

func TestRollbackErrorFindsTheFailure(t *testing.T) {
	cause, why := errors.New("cause"), errors.New("why")
	failure := &updater.RollbackFailure{Cause: cause, Err: why}
	for name, tc := range map[string]struct {
		err, want error
	}{
		"nil":     {nil, nil},
		"other":   {cause, nil},
		"failure": {failure, why},
		"wrapped": {errors.Join(errors.New("x"), failure), why},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, tc.want, updater.RollbackError(tc.err)) })
	}
}

func TestEscapesInTheRepositoryURLAreKept(t *testing.T) {
	w := newWorld(t)
	var asked []string
	w.handler = func(rw http.ResponseWriter, r *http.Request, _ http.Handler) {
		asked = append(asked, r.RequestURI)
		http.NotFound(rw, r)
	}
	for base, want := range map[string]string{
		"":        "/1.2.3/linux/amd64/release.json",
		"/":       "/1.2.3/linux/amd64/release.json",
		"/a%2F":   "/a%2F/1.2.3/linux/amd64/release.json",
		"/a%20b/": "/a%20b/1.2.3/linux/amd64/release.json",
		"/?q=1":   "/1.2.3/linux/amd64/release.json?q=1",
	} {
		asked = nil
		require.ErrorIs(t, updater.Apply(w.options(updater.SourceRepo(w.server.URL+base))...), updater.ErrNotFound)
		require.Equal(t, []string{want}, asked)
	}
}

// A program that was damaged in place is repaired. Only its content shows the damage.
func TestDamagedTargetIsReplaced(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	require.NoError(t, updater.Apply(w.options()...))
	info, err := os.Stat(w.target)
	require.NoError(t, err)
	damaged := []byte(newContent)
	damaged[len(damaged)/2] ^= 1
	require.NoError(t, os.WriteFile(w.target, damaged, 0o600))
	require.NoError(t, os.Chtimes(w.target, info.ModTime(), info.ModTime()))
	u, err := updater.New(w.options()...)
	require.NoError(t, err)
	result, err := u.Apply(t.Context())
	require.NoError(t, err)
	require.True(t, result.Updated)
	w.holds(newContent)
	require.NoError(t, u.Rollback(t.Context()))
	w.holds(string(damaged)) // the backup is what was there
}

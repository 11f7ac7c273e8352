// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package tuf_test

import (
	"bytes"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	updater "github.com/choria-io/go-updater"
	"github.com/choria-io/go-updater/internal/testing/tufsim"
	"github.com/choria-io/go-updater/trust"
)

// attack is one of the attacks of the TUF specification (§1.5.2). The attacker answers
// the client in place of the repository.
type attack struct {
	name string
	// before publishes and installs an earlier release.
	before func(w *world)
	// change is the only difference from a release that would be installed.
	change func(w *world)
	opts   []updater.Option
	want   error
}

// stolen signs with the present keys of a role.
func (w *world) stolen(role string) { w.Publish(role) }

// thief signs a role with an unknown key.
func (w *world) thief(role string) { w.Signers[role] = []*tufsim.Key{w.NewKey()} }

func attacks() []attack {
	const old = "1.2.3"
	install := func(w *world) {
		w.release(old, "version 2", nil)
		require.NoError(w.t, w.apply())
	}
	next := []updater.Option{updater.Version("1.2.4"), updater.CurrentVersion(old)}
	endless := func(path string) func(*world) {
		return func(w *world) {
			w.answer = func(rw http.ResponseWriter, r *http.Request) bool {
				if !strings.HasSuffix(r.URL.Path, path) {
					return false
				}
				for r.Context().Err() == nil {
					if _, err := rw.Write(make([]byte, 64<<10)); err != nil {
						return true
					}
				}
				return true
			}
		}
	}
	// below: a role needs two keys, and one of them was stolen.
	below := func(role string, too ...string) attack {
		return attack{name: "key compromise: " + role + " below its threshold", before: func(w *world) {
			w.AddKey(role, w.NewKey())
			w.Root.Roles[role].Threshold = 2
			w.Publish(tufsim.Root)
			install(w)
		}, change: func(w *world) {
			w.Signers[role] = w.Signers[role][:1]
			w.Publish(append([]string{role}, too...)...)
		}, opts: next, want: trust.ErrThreshold}
	}
	return []attack{
		{name: "arbitrary software: another binary", change: func(w *world) {
			w.other["/1.2.4/linux/amd64/app-linux-amd64-1.2.4.bz2"] = w.other["/1.2.3/linux/amd64/app-linux-amd64-1.2.3.bz2"]
		}, before: install, opts: next, want: updater.ErrHash},
		{name: "arbitrary software: another document", change: func(w *world) {
			w.Files[path("1.2.4")] = bytes.Replace(w.Files[path("1.2.4")], []byte(sum([]byte("version 3"))), []byte(sum([]byte("malice..."))), 1)
		}, before: install, opts: next, want: trust.ErrMismatch},
		{name: "arbitrary software: a bin signed by an unknown key", change: func(w *world) {
			w.thief(bin("1.2.4"))
			w.release("1.2.4", "malice", nil)
		}, before: install, opts: next, want: trust.ErrSignature},

		{name: "endless data: timestamp", change: endless("/timestamp.json"), before: install, opts: next, want: updater.ErrTooLarge},
		{name: "endless data: snapshot", change: endless(".snapshot.json"), before: install, opts: next, want: updater.ErrTooLarge},
		{name: "endless data: root", change: endless("/2.root.json"), before: install, opts: next, want: updater.ErrTooLarge},
		{name: "endless data: document", change: endless(".release.json"), before: install, opts: next, want: updater.ErrTooLarge},
		{name: "endless data: binary", change: endless(".bz2"), before: install, opts: next, want: updater.ErrHash},
		{name: "endless data: a signed length of a terabyte", change: func(w *world) {
			w.Timestamp.Meta["snapshot.json"].Length = 1 << 40
			w.stolen(tufsim.Timestamp)
		}, before: install, opts: next, want: updater.ErrTooLarge},

		// A release is one target and depends on no other. What applies of this attack is
		// a target that is not the one requested.
		{name: "extraneous dependencies: the document of another release", change: func(w *world) {
			w.AddTarget(bin("1.2.4"), path("1.2.4"), w.Files[path("1.2.3")])
			w.PublishAll("bin-0", "bin-1", tufsim.Targets)
		}, before: install, opts: next, want: trust.ErrMismatch},

		{name: "fast-forward: a version without a successor", change: func(w *world) {
			w.Timestamp.Version = 1<<53 + 1
			w.stolen(tufsim.Timestamp)
		}, before: install, opts: next, want: trust.ErrMalformed},
		{name: "fast-forward: recovery without new keys", before: func(w *world) {
			w.Restart(tufsim.Timestamp, 1<<40)
			w.release(old, "version 2", nil)
			require.NoError(w.t, w.apply())
		}, change: func(w *world) {
			w.Restart(tufsim.Timestamp, 3)
			w.Publish(tufsim.Timestamp)
		}, opts: next, want: trust.ErrRollback},

		{name: "indefinite freeze: timestamp", change: func(w *world) { w.now = w.Timestamp.Expires }, before: install, opts: next, want: trust.ErrExpired},
		{name: "indefinite freeze: bin", change: func(w *world) {
			w.Roles[bin("1.2.4")].Expires = w.now
			w.PublishAll("bin-0", "bin-1", tufsim.Targets)
		}, before: install, opts: next, want: trust.ErrExpired},
		{name: "indefinite freeze: root", change: func(w *world) {
			w.Root.Expires = w.now
			w.Publish(tufsim.Root)
		}, before: install, opts: next, want: trust.ErrExpired},

		{name: "malicious mirror: no new root", change: func(w *world) {
			w.Rotate(tufsim.Timestamp)
			w.Publish(tufsim.Root, tufsim.Timestamp)
			w.Signed[tufsim.Root] = w.Signed[tufsim.Root][:1]
		}, before: install, opts: next, want: trust.ErrSignature},
		{name: "malicious mirror: nothing at all", change: func(w *world) {
			w.answer = func(rw http.ResponseWriter, r *http.Request) bool { http.NotFound(rw, r); return true }
		}, before: install, opts: next, want: updater.ErrNotFound},
		{name: "malicious mirror: a login page", change: func(w *world) {
			w.answer = func(rw http.ResponseWriter, r *http.Request) bool {
				if strings.HasSuffix(r.URL.Path, ".root.json") {
					return false
				}
				_, _ = rw.Write([]byte("<html>please log in"))
				return true
			}
		}, before: install, opts: next, want: trust.ErrMalformed},

		{name: "mix and match: bin of yesterday, snapshot of today", change: func(w *world) {
			b := bin("1.2.4")
			old := w.Signed[b][len(w.Signed[b])-2]
			w.ReplaceLatest(b, old)
		}, before: install, opts: next, want: trust.ErrMismatch},
		{name: "mix and match: snapshot of yesterday, timestamp of today", change: func(w *world) {
			all := w.Signed[tufsim.Snapshot]
			w.ReplaceLatest(tufsim.Snapshot, all[len(all)-2])
		}, before: install, opts: next, want: trust.ErrMismatch},

		{name: "rollback: timestamp", before: func(w *world) {
			install(w)
			w.release("1.2.5", "version 4", nil)
			require.NoError(w.t, w.apply(updater.Version("1.2.3"), updater.CurrentVersion("")))
		}, change: func(w *world) {
			all := w.Signed[tufsim.Timestamp]
			w.ReplaceLatest(tufsim.Timestamp, all[0])
		}, opts: next, want: trust.ErrRollback},
		{name: "rollback: a stolen timestamp key and an older snapshot", before: install, change: func(w *world) {
			w.Timestamp.Meta["snapshot.json"].Version = 1
			w.stolen(tufsim.Timestamp)
		}, opts: next, want: trust.ErrRollback},
		{name: "rollback: stolen timestamp and snapshot keys and an older bin", before: func(w *world) {
			w.release("1.2.2", "version 1", nil)
			install(w)
		}, change: func(w *world) {
			w.Snapshot.Meta[bin("1.2.4")+".json"].Version = 1
			w.Snapshot.Meta[bin("1.2.3")+".json"].Version = 1
			w.stolen(tufsim.Snapshot)
			w.stolen(tufsim.Timestamp)
		}, opts: next, want: trust.ErrRollback},
		{name: "rollback: an older release that is still vouched for", before: func(w *world) {
			install(w)
			w.release("1.2.4", "version 3", nil)
			require.NoError(w.t, w.apply(next...))
		}, change: func(*world) {}, opts: []updater.Option{updater.CurrentVersion("")}, want: trust.ErrRollback},

		{name: "wrong software: the document of another platform", change: func(w *world) {
			document := bytes.Replace(w.Files[path("1.2.4")], []byte(`"arch":"amd64"`), []byte(`"arch":"arm64"`), 1)
			w.AddTarget(bin("1.2.4"), path("1.2.4"), document)
			w.PublishAll("bin-0", "bin-1", tufsim.Targets)
		}, before: install, opts: next, want: trust.ErrMismatch},
		{name: "wrong software: the document of another product", change: func(w *world) {
			document := bytes.Replace(w.Files[path("1.2.4")], []byte(`"name":"app"`), []byte(`"name":"rat"`), 1)
			w.AddTarget(bin("1.2.4"), path("1.2.4"), document)
			w.PublishAll("bin-0", "bin-1", tufsim.Targets)
		}, before: install, opts: next, want: trust.ErrMismatch},

		below(tufsim.Timestamp), below(tufsim.Snapshot, tufsim.Timestamp),
		below(tufsim.Targets, tufsim.Snapshot, tufsim.Timestamp), below(tufsim.Root),
		{name: "key compromise: an online key signs in the place of the release key", before: install, change: func(w *world) {
			w.Signers[bin("1.2.4")] = w.Signers[tufsim.Timestamp]
			w.release("1.2.4", "malice", nil)
		}, opts: next, want: trust.ErrSignature},
		{name: "key compromise: an online key signs in the place of root", before: install, change: func(w *world) {
			w.Signers[tufsim.Root] = w.Signers[tufsim.Timestamp]
			w.Publish(tufsim.Root)
		}, opts: next, want: trust.ErrSignature},
	}
}

// Every attack of the specification, against Apply. Each is refused with its error, and
// target, mode and directory stay as they were. For slow retrieval see TestSlowMetadata
// of package updater, which can shorten the time limit.
func TestAttacks(t *testing.T) {
	for _, a := range attacks() {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			a.before(w)
			w.release("1.2.4", "version 3", nil)
			a.change(w)
			before := w.snapshot()
			err := w.apply(a.opts...)
			require.ErrorIs(t, err, a.want)
			require.NoError(t, updater.RollbackError(err))
			require.Equal(t, before, w.snapshot())
		})
	}
}

// The same client and the same steps without the attack: the release is installed. This
// shows that nothing else in the test makes the client refuse.
func TestWithoutAttack(t *testing.T) {
	for _, a := range attacks() {
		if strings.HasPrefix(a.name, "rollback: an older release") || strings.HasPrefix(a.name, "fast-forward: recovery") {
			continue // the attack is the older release itself
		}
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			a.before(w)
			w.release("1.2.4", "version 3", nil)
			require.NoError(t, w.apply(a.opts...))
			w.holds("version 3")
		})
	}
}

// After a mirror that withholds files or serves wrong ones, the next one is asked.
func TestNextMirrorIsAskedAfterAMaliciousOne(t *testing.T) {
	for _, a := range attacks() {
		if !strings.HasPrefix(a.name, "malicious mirror") {
			continue
		}
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			a.before(w)
			w.release("1.2.4", "version 3", nil)
			var honest http.HandlerFunc
			frozen := &tufsim.Repo{Root: w.Root, Roles: w.Roles, Files: w.Files, Signed: maps.Clone(w.Signed)}
			honest = func(rw http.ResponseWriter, r *http.Request) {
				if data, ok := w.other[r.URL.Path]; ok {
					_, _ = rw.Write(data)
					return
				}
				if !strings.HasPrefix(r.URL.Path, "/metadata/") {
					r.URL.Path = "/targets" + r.URL.Path
				}
				frozen.ServeHTTP(rw, r)
			}
			mirror := httptest.NewServer(honest)
			t.Cleanup(mirror.Close)
			a.change(w)
			require.NoError(t, w.apply(append(a.opts, updater.Mirrors(mirror.URL))...))
			w.holds("version 3")
			require.Contains(t, w.log.String(), "trying the next one")
		})
	}
}

// snapshot is what a refused update must not change: everything beside the target,
// except for the remembered metadata, which may get newer.
func (w *world) snapshot() string {
	w.t.Helper()
	var out strings.Builder
	root := filepath.Dir(w.target)
	require.NoError(w.t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		require.NoError(w.t, err)
		if path == strings.TrimSuffix(w.kept(""), "/") {
			return fs.SkipDir
		}
		info, err := d.Info()
		require.NoError(w.t, err)
		out.WriteString(path + " " + info.Mode().String())
		if info.Mode().IsRegular() {
			content, err := os.ReadFile(path)
			require.NoError(w.t, err)
			out.WriteString(" " + sum(content) + " " + info.ModTime().String())
		}
		out.WriteByte('\n')
		return nil
	}))
	return out.String()
}

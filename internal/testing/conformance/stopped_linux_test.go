// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/testing/faults"
)

// A client that is killed, or gets an error, at any system call that changes its
// directory goes on the next time, and trusts nothing older than before.
func TestStoppedAtEveryCall(t *testing.T) {
	for name, actions := range map[string][]faults.Action{
		"killed": {faults.Kill}, "refused": {faults.Fail(syscall.EIO), faults.Fail(syscall.ENOSPC)},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSuite(t)
			s.start()
			s.accepts()
			metadata := filepath.Join(s.dir, "metadata")
			saved := filepath.Join(s.dir, "saved")
			copyTree(t, metadata, saved)
			s.Publish(root, targets, snapshot, timestamp)
			newest := len(s.Signed[timestamp])
			stopped := 0
			for n := 1; ; n++ {
				require.NoError(t, os.RemoveAll(metadata))
				copyTree(t, saved, metadata)
				self, err := os.Executable()
				require.NoError(t, err)
				cmd := exec.Command(self, "--metadata-dir", metadata, "--metadata-url", s.url+"/metadata", "refresh")
				cmd.Env = append(os.Environ(), asCommand+"=1")
				res, err := faults.Run(t.Context(), cmd, faults.Watch{Dirs: []string{metadata}, Fold: true}, faults.At(n, actions[n%len(actions)]))
				if errors.Is(err, faults.ErrUnsupported) {
					t.Skip("NOT PROVEN: ", err)
				}
				require.NoError(t, err)
				if len(res.Calls) < n {
					require.Zero(t, res.Exit, string(res.Output))
					break
				}
				stopped++
				// What was trusted is still there, and a mirror that lags behind is refused
				// if the timestamp was stored.
				seen := s.version(timestamp)
				require.GreaterOrEqual(t, seen, newest-1)
				if seen == newest {
					old := s.Signed[timestamp]
					s.Signed[timestamp] = old[:newest-1]
					s.refuses()
					s.Signed[timestamp] = old
				}
				s.accepts()
				s.trusts("root 2, snapshot 2, targets 2, timestamp 2")
			}
			t.Logf("%d calls", stopped)
			require.Greater(t, stopped, 20)
		})
	}
}

func copyTree(t *testing.T, from, to string) {
	t.Helper()
	require.NoError(t, os.CopyFS(to, os.DirFS(from)))
	for _, dir := range []string{to, filepath.Join(to, "client")} {
		require.NoError(t, os.Chmod(dir, 0o700))
	}
}

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/testing/race"
	"github.com/choria-io/go-updater/internal/testing/tufsim"
)

// asCommand makes the test binary the command.
const asCommand = "CONFORMANCE_AS_COMMAND"

func TestMain(m *testing.M) {
	race.SkipPackage("the tests start hundreds of processes; package internal/tuf/client is watched by its own tests")
	if os.Getenv(asCommand) != "" {
		os.Exit(run(context.Background(), os.Args[1:], os.Stderr))
	}
	os.Exit(m.Run())
}

// suite is one test of a client by its command line: a repository over HTTP, and
// the directories of one client.
type suite struct {
	*tufsim.Repo
	t       *testing.T
	url     string
	dir     string
	initial []byte // the root for init, version 1 unless a test sets it
}

func newSuite(t *testing.T) *suite {
	t.Helper()
	repo := tufsim.New(time.Now())
	server := httptest.NewServer(repo)
	t.Cleanup(server.Close)
	s := &suite{Repo: repo, t: t, url: server.URL, dir: t.TempDir()}
	for _, name := range []string{"metadata", "targets", "bin"} {
		require.NoError(t, os.Mkdir(filepath.Join(s.dir, name), 0o700))
	}
	return s
}

// command runs the command as a process, with a clock that is later than now.
func (s *suite) command(later time.Duration, args ...string) int {
	s.t.Helper()
	clock := fmt.Sprintf("#!/bin/sh\necho %d\n", time.Now().Add(later).Unix())
	require.NoError(s.t, os.WriteFile(filepath.Join(s.dir, "bin", "date"), []byte(clock), 0o700))
	self, err := os.Executable()
	require.NoError(s.t, err)
	cmd := exec.CommandContext(s.t.Context(), self, append([]string{"--metadata-dir", filepath.Join(s.dir, "metadata")}, args...)...)
	cmd.Env = append(os.Environ(), asCommand+"=1", "PATH="+filepath.Join(s.dir, "bin")+":"+os.Getenv("PATH"))
	out, _ := cmd.CombinedOutput()
	s.t.Logf("%q: %s", args, out)
	return cmd.ProcessState.ExitCode()
}

func (s *suite) init() int {
	s.t.Helper()
	if s.initial == nil {
		s.initial = s.Signed[tufsim.Root][0]
	}
	path := filepath.Join(s.dir, "initial.json")
	require.NoError(s.t, os.WriteFile(path, s.initial, 0o600))
	return s.command(0, "init", path)
}

func (s *suite) refreshLater(later time.Duration) int {
	s.t.Helper()
	return s.command(later, "--metadata-url", s.url+"/metadata/", "refresh")
}

func (s *suite) downloadLater(later time.Duration, targets ...string) int {
	s.t.Helper()
	args := []string{"--metadata-url", s.url + "/metadata", "--target-base-url", s.url + "/targets", "--target-dir", filepath.Join(s.dir, "targets")}
	for _, target := range targets {
		args = append(args, "--target-name", target)
	}
	return s.command(later, append(args, "download")...)
}

// The verdicts.
func (s *suite) start()   { s.t.Helper(); require.Equal(s.t, 0, s.init()) }
func (s *suite) accepts() { s.t.Helper(); require.Equal(s.t, 0, s.refreshLater(0)) }
func (s *suite) refuses() { s.t.Helper(); require.Equal(s.t, 1, s.refreshLater(0)) }

func (s *suite) gets(targets ...string) {
	s.t.Helper()
	require.Equal(s.t, 0, s.downloadLater(0, targets...))
}

func (s *suite) getsNot(targets ...string) {
	s.t.Helper()
	require.Equal(s.t, 1, s.downloadLater(0, targets...))
}

// trusts compares all that the client trusts, as "root 1, snapshot 1"; delegated
// roles are called "role".
func (s *suite) trusts(want string) {
	s.t.Helper()
	entries, err := os.ReadDir(filepath.Join(s.dir, "metadata"))
	require.NoError(s.t, err)
	var got []string
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".json")
		if !ok {
			continue
		}
		role, _, _ := strings.Cut(name, "-")
		got = append(got, fmt.Sprintf("%s %d", role, s.version(name)))
	}
	require.Equal(s.t, want, strings.Join(got, ", "))
}

// version returns 0 if the client trusts no file of the role.
func (s *suite) version(role string) int {
	s.t.Helper()
	data := s.trusted(role)
	if data == nil {
		return 0
	}
	var md struct{ Signed struct{ Version int } }
	require.NoError(s.t, json.Unmarshal(data, &md))
	return md.Signed.Version
}

func (s *suite) trusted(role string) []byte {
	data, err := os.ReadFile(filepath.Join(s.dir, "metadata", role+".json"))
	if os.IsNotExist(err) {
		return nil
	}
	require.NoError(s.t, err)
	return data
}

// holds compares the contents of all files that the client downloaded.
func (s *suite) holds(want ...string) {
	s.t.Helper()
	entries, err := os.ReadDir(filepath.Join(s.dir, "targets"))
	require.NoError(s.t, err)
	got := []string{}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(s.dir, "targets", e.Name()))
		require.NoError(s.t, err)
		got = append(got, string(data))
	}
	slices.Sort(got)
	slices.Sort(want)
	require.Equal(s.t, append([]string{}, want...), got)
}

// asked compares the requests since the last call.
func (s *suite) asked(want ...string) {
	s.t.Helper()
	require.Equal(s.t, want, s.Asked())
}

func (s *suite) lastAsked(want string) {
	s.t.Helper()
	all := s.Asked()
	require.NotEmpty(s.t, all)
	require.Equal(s.t, want, all[len(all)-1])
}

// each runs the cases side by side.
func each(t *testing.T, cases map[string]func(s *suite)) {
	t.Helper()
	t.Parallel()
	for name, run := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(newSuite(t))
		})
	}
}

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/testing/race"
)

const manyEnv = "INSTALL_TEST_MANY"

// roundVersion is the program of a round, with a length of its own.
func roundVersion(round string) []byte {
	return bytes.Repeat([]byte("version "+round+"\n"), 3000)
}

// oneOfMany reads numbers of rounds, and updates target to the version of each. If
// target is locked it tries again, until target is that version.
func oneOfMany(target string, rounds io.Reader) {
	for lines := bufio.NewScanner(rounds); lines.Scan(); {
		version := roundVersion(lines.Text())
		err := tryUpdate(target, version)
		for errors.Is(err, ErrLocked) {
			// All start at the same time. Shorter waits would keep the CPU busy, and the
			// process that has the lock waiting.
			time.Sleep(time.Duration(20+rand.IntN(100)) * time.Millisecond)
			err = tryUpdate(target, version)
		}
		fmt.Println("done", err)
	}
}

func tryUpdate(target string, content []byte) (err error) {
	if startsLike(target, content) {
		return nil
	}
	s, err := Begin(context.Background(), target, Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if s.Holds(sum(content), int64(len(content))) {
		return nil
	}
	path, err := s.StagePath()
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return err
	}
	st, err := s.Seal(path, sum(content), int64(len(content)))
	if err != nil {
		return err
	}
	_, err = s.Commit(st, Plan{})
	return err
}

// startsLike compares the first line only. watch and the end of the round compare the
// readable file.
func startsLike(target string, content []byte) bool {
	f, err := os.Open(target)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, len("version 1000\n"))
	_, err = io.ReadFull(f, head)
	return err == nil && bytes.HasPrefix(content, head)
}

type updaterProcess struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func startUpdater(t *testing.T, target string) *updaterProcess {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	m := &updaterProcess{cmd: exec.Command(exe)}
	m.cmd.Env = append(os.Environ(), manyEnv+"="+target, "GOMAXPROCS=1")
	m.in, err = m.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := m.cmd.StdoutPipe()
	require.NoError(t, err)
	m.out = bufio.NewReader(out)
	require.NoError(t, m.cmd.Start())
	t.Cleanup(func() { _ = m.cmd.Process.Kill() })
	return m
}

// 64 processes update one target at once, and some are killed, for 200 rounds. At any
// moment the target is the version before or the new one. After each round it is the
// new one, the backup is the one before, and there are no other files.
func TestManyUpdatesAtOnce(t *testing.T) {
	race.Skip(t, "64 processes with one goroutine each")
	if renamesAside {
		t.Skip("NOT APPLICABLE: on this system there is no target for a moment")
	}
	const processes = 64
	rounds := 200
	if testing.Short() {
		rounds = 5
	}
	target := newTarget(t)
	require.NoError(t, os.WriteFile(target, roundVersion("0"), 0o755))
	updaters := make([]*updaterProcess, processes)
	for i := range updaters {
		updaters[i] = startUpdater(t, target)
	}
	killed := 0
	for round := 1; round <= rounds; round++ {
		before, after := roundVersion(fmt.Sprint(round-1)), roundVersion(fmt.Sprint(round))
		stop := watch(t, target, before, after)
		for _, m := range updaters {
			_, err := fmt.Fprintln(m.in, round)
			require.NoError(t, err)
		}
		victims := rand.Perm(processes)[:rand.IntN(6)]
		for _, i := range victims {
			time.Sleep(time.Duration(rand.IntN(3000)) * time.Microsecond)
			require.NoError(t, updaters[i].cmd.Process.Kill())
		}
		for i, m := range updaters {
			line, err := m.out.ReadString('\n')
			if !slices.Contains(victims, i) {
				require.NoError(t, err)
				require.Equal(t, "done <nil>\n", line, "round %d", round)
				continue
			}
			if err != nil {
				killed++
			}
			_ = m.cmd.Wait()
			updaters[i] = startUpdater(t, target)
		}
		stop()
		_, err := Recover(t.Context(), target, Options{})
		require.NoError(t, err)
		requireFile(t, target, after)
		requireFile(t, target+".backup", before)
		require.Equal(t, []string{"tool", "tool.backup"}, names(t, filepath.Dir(target)), "round %d", round)
	}
	for _, m := range updaters {
		require.NoError(t, m.in.Close())
		_ = m.cmd.Wait()
	}
	t.Logf("%d were killed during their update", killed)
}

// watch reads the target until stop, which requires that it always was one of versions.
func watch(t *testing.T, target string, versions ...[]byte) (stop func()) {
	t.Helper()
	var bad []string
	var reader sync.WaitGroup
	end := make(chan struct{})
	reader.Go(func() {
		for {
			select {
			case <-end:
				return
			default:
			}
			got, err := os.ReadFile(target)
			readable := err == nil
			for _, v := range versions {
				if readable && bytes.Equal(got, v) {
					got = nil
				}
			}
			if !readable || got != nil {
				bad = append(bad, fmt.Sprintf("%d bytes, %v", len(got), err))
				return
			}
			time.Sleep(time.Millisecond)
		}
	})
	return func() {
		close(end)
		reader.Wait()
		require.Empty(t, strings.Join(bad, "\n"))
	}
}

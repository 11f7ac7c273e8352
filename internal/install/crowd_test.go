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
)

const crowdEnv = "INSTALL_TEST_CROWD"

// crowdVersion is the program of a round, of a length of its own.
func crowdVersion(round string) []byte {
	return bytes.Repeat([]byte("version "+round+"\n"), 3000)
}

// crowdMember updates target to each version that it reads the round of. Whoever
// loses the race for the lock tries again, until the target is that version.
func crowdMember(target string, rounds io.Reader) {
	for lines := bufio.NewScanner(rounds); lines.Scan(); {
		version := crowdVersion(lines.Text())
		err := crowdUpdate(target, version)
		for errors.Is(err, ErrLocked) {
			// All are there at the start of a round. Asking faster than this keeps
			// two cores busy with refusals, and the one that has the lock waiting.
			time.Sleep(time.Duration(20+rand.IntN(100)) * time.Millisecond)
			err = crowdUpdate(target, version)
		}
		fmt.Println("done", err)
	}
}

func crowdUpdate(target string, content []byte) (err error) {
	if begins(target, content) {
		return nil
	}
	s, err := Begin(context.Background(), target)
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

// begins looks at as much as tells versions apart. That all of it is there, watch
// and the end of the round look at.
func begins(target string, content []byte) bool {
	f, err := os.Open(target)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, len("version 1000\n"))
	_, err = io.ReadFull(f, head)
	return err == nil && bytes.HasPrefix(content, head)
}

type member struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func join(t *testing.T, target string) *member {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	m := &member{cmd: exec.Command(exe)}
	m.cmd.Env = append(os.Environ(), crowdEnv+"="+target, "GOMAXPROCS=1")
	m.in, err = m.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := m.cmd.StdoutPipe()
	require.NoError(t, err)
	m.out = bufio.NewReader(out)
	require.NoError(t, m.cmd.Start())
	t.Cleanup(func() { _ = m.cmd.Process.Kill() })
	return m
}

// 64 processes update one target at once, and some are killed at it, for 200
// rounds. At every instant the target is the version before or the new one;
// after each round it is the new one, the backup the one before, and nothing
// else is there.
func TestCrowd(t *testing.T) {
	if renamesAside {
		t.Skip("there is a moment without a target here")
	}
	const members = 64
	rounds := 200
	if testing.Short() {
		rounds = 5
	}
	target := newTarget(t)
	require.NoError(t, os.WriteFile(target, crowdVersion("0"), 0o755))
	crowd := make([]*member, members)
	for i := range crowd {
		crowd[i] = join(t, target)
	}
	killed := 0
	for round := 1; round <= rounds; round++ {
		before, after := crowdVersion(fmt.Sprint(round-1)), crowdVersion(fmt.Sprint(round))
		stop := watch(t, target, before, after)
		for _, m := range crowd {
			_, err := fmt.Fprintln(m.in, round)
			require.NoError(t, err)
		}
		victims := rand.Perm(members)[:rand.IntN(6)]
		for _, i := range victims {
			time.Sleep(time.Duration(rand.IntN(3000)) * time.Microsecond)
			require.NoError(t, crowd[i].cmd.Process.Kill())
		}
		for i, m := range crowd {
			said, err := m.out.ReadString('\n')
			if !slices.Contains(victims, i) {
				require.NoError(t, err)
				require.Equal(t, "done <nil>\n", said, "round %d", round)
				continue
			}
			if err != nil {
				killed++
			}
			_ = m.cmd.Wait()
			crowd[i] = join(t, target)
		}
		stop()
		_, err := Recover(t.Context(), target)
		require.NoError(t, err)
		requireFile(t, target, after)
		requireFile(t, target+".backup", before)
		require.Equal(t, []string{"tool", "tool.backup"}, names(t, filepath.Dir(target)), "round %d", round)
	}
	for _, m := range crowd {
		require.NoError(t, m.in.Close())
		_ = m.cmd.Wait()
	}
	t.Logf("%d were killed at their update", killed)
}

// watch reads the target until stop, which fails unless it always was whole.
func watch(t *testing.T, target string, versions ...[]byte) (stop func()) {
	t.Helper()
	var bad []string
	var looking sync.WaitGroup
	end := make(chan struct{})
	looking.Go(func() {
		for {
			select {
			case <-end:
				return
			default:
			}
			got, err := os.ReadFile(target)
			whole := err == nil
			for _, v := range versions {
				if whole && bytes.Equal(got, v) {
					got = nil
				}
			}
			if !whole || got != nil {
				bad = append(bad, fmt.Sprintf("%d bytes, %v", len(got), err))
				return
			}
			time.Sleep(time.Millisecond)
		}
	})
	return func() {
		close(end)
		looking.Wait()
		require.Empty(t, strings.Join(bad, "\n"))
	}
}

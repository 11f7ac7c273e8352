// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/store"
)

const (
	holdEnv    = "INSTALL_TEST_HOLD"
	runEnv     = "INSTALL_TEST_RUN"
	startEnv   = "INSTALL_TEST_START"
	confirmEnv = "INSTALL_TEST_CONFIRM"
)

// TestMain runs the test binary as another updater that is killed, as one of many
// updaters, as a program that starts, or as one that runs until the end of its input.
func TestMain(m *testing.M) {
	if target := os.Getenv(holdEnv); target != "" {
		if _, err := Begin(context.Background(), target, Options{}); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("held")
		time.Sleep(time.Minute)
	}
	if target := os.Getenv(manyEnv); target != "" {
		oneOfMany(target, os.Stdin)
		os.Exit(0)
	}
	if target := os.Getenv(startEnv); target != "" {
		r, err := Recover(context.Background(), target, Options{})
		if os.Getenv(confirmEnv) != "" {
			err = errors.Join(err, Confirm(context.Background(), target, Options{}))
		}
		fmt.Println(r, err)
		if err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	if os.Getenv(runEnv) != "" {
		fmt.Println("running")
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

var (
	oldBytes = bytes.Repeat([]byte("old program\n"), 5000)
	newBytes = bytes.Repeat([]byte("the new program\n"), 7000)
)

func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

// newTarget creates a program in a new directory.
func newTarget(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir()) // macOS has its temporary directory behind a symlink
	require.NoError(t, err)
	target := filepath.Join(dir, "tool")
	require.NoError(t, os.WriteFile(target, oldBytes, 0o755))
	require.NoError(t, os.Chmod(target, 0o755))
	return target
}

func stage(t *testing.T, s *Session, content []byte) *Staged {
	t.Helper()
	path, err := s.StagePath()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, content, 0o600))
	st, err := s.Seal(path, sum(content), int64(len(content)))
	require.NoError(t, err)
	return st
}

func update(t *testing.T, target string, content []byte) (backup string) {
	t.Helper()
	s, err := Begin(context.Background(), target, Options{})
	require.NoError(t, err)
	backup, err = s.Commit(stage(t, s, content), Plan{})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	return backup
}

func Rollback(ctx context.Context, target string) error { return rollback(ctx, target, openRoot) }

func rollback(ctx context.Context, target string, open func(dir string) (fsys, error)) error {
	s, err := Begin(ctx, target, Options{open: open})
	if err != nil {
		return err
	}
	return errors.Join(s.Rollback(), s.Close())
}

func requireFile(t *testing.T, path string, content []byte) {
	t.Helper()
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, sum(content), sum(got), path)
}

// names returns the names in dir, but not a work directory with only a journal at rest,
// which stays.
func names(t *testing.T, dir string) (found []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		if path := filepath.Join(dir, e.Name()); !strings.HasSuffix(path, ".update") || !atRest(t, path) {
			found = append(found, e.Name())
		}
	}
	return found
}

func atRest(t *testing.T, work string) bool {
	t.Helper()
	entries, err := os.ReadDir(work)
	require.NoError(t, err)
	var found []string
	for _, e := range entries {
		found = append(found, e.Name())
	}
	if !slices.Contains(found, journalFile) {
		return false
	}
	raw, err := os.ReadFile(filepath.Join(work, journalFile))
	require.NoError(t, err)
	r, err := parseJournal(raw)
	require.NoError(t, err)
	if r.onProbation() {
		found = slices.DeleteFunc(found, func(name string) bool { return name == startsFile })
	}
	return len(found) == 1 && r.atRest()
}

func TestCommitAndRollback(t *testing.T) {
	for _, name := range []string{"tool", "a tool", "prógram ✓", "-rf", "tool.exe"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			target := filepath.Join(dir, name)
			require.NoError(t, os.WriteFile(target, oldBytes, 0o755))

			backup := update(t, target, newBytes)
			require.Equal(t, name+".backup", filepath.Base(backup))
			requireFile(t, target, newBytes)
			requireFile(t, backup, oldBytes)
			require.ElementsMatch(t, []string{name, name + ".backup"}, names(t, dir))

			third := []byte("third")
			update(t, target, third)
			requireFile(t, target, third)
			requireFile(t, backup, newBytes)

			require.NoError(t, Rollback(context.Background(), target))
			requireFile(t, target, newBytes)
			require.Equal(t, []string{name}, names(t, dir))
			require.ErrorIs(t, Rollback(context.Background(), target), ErrNoBackup)
		})
	}
}

func TestWorkDirKeepsOtherFiles(t *testing.T) {
	target := newTarget(t)
	s, err := Begin(context.Background(), target, Options{})
	require.NoError(t, err)
	require.Equal(t, WorkDir(s.Target()), s.WorkDir())
	trust := filepath.Join(s.WorkDir(), "document")
	require.NoError(t, os.WriteFile(trust, []byte("one"), 0o600))
	require.NoError(t, os.WriteFile(trust, []byte("two"), 0o600))
	require.NoError(t, s.Close())
	require.NoError(t, s.Close(), "a second Close does nothing")
	require.Equal(t, []string{"document"}, names(t, s.WorkDir()))

	update(t, target, newBytes)
	requireFile(t, trust, []byte("two"))
}

func TestClosedSessionRefuses(t *testing.T) {
	s, err := Begin(context.Background(), newTarget(t), Options{})
	require.NoError(t, err)
	st := stage(t, s, newBytes)
	require.NoError(t, s.Close())
	_, err = s.StagePath()
	require.ErrorIs(t, err, fs.ErrClosed)
	_, err = s.Seal("x", sum(nil), AnySize)
	require.ErrorIs(t, err, fs.ErrClosed)
	_, err = s.Commit(st, Plan{})
	require.ErrorIs(t, err, fs.ErrClosed)
	requireFile(t, s.Target(), oldBytes)
}

func TestCommitOnce(t *testing.T) {
	s, err := Begin(context.Background(), newTarget(t), Options{})
	require.NoError(t, err)
	defer s.Close()
	st := stage(t, s, newBytes)
	_, err = s.Commit(st, Plan{})
	require.NoError(t, err)
	_, err = s.Commit(st, Plan{})
	require.ErrorContains(t, err, "installed already")
	_, err = s.Commit(nil, Plan{})
	require.ErrorContains(t, err, "not sealed")
}

func TestSeal(t *testing.T) {
	size, hash := int64(len(newBytes)), sum(newBytes)
	for name, tc := range map[string]struct {
		hash string
		size int64
		err  error
	}{
		"right":            {hash, size, nil},
		"size unknown":     {hash, AnySize, nil},
		"upper case hash":  {strings.ToUpper(hash), size, nil},
		"another hash":     {sum(oldBytes), size, ErrHash},
		"no hash":          {"", size, ErrHash},
		"short hash":       {hash[:62], size, ErrHash},
		"hash not hex":     {"zz" + hash[2:], size, ErrHash},
		"one byte less":    {hash, size - 1, ErrHash},
		"one byte more":    {hash, size + 1, ErrHash},
		"size is not zero": {hash, 0, ErrHash},
	} {
		t.Run(name, func(t *testing.T) {
			target := newTarget(t)
			s, err := Begin(context.Background(), target, Options{})
			require.NoError(t, err)
			path, err := s.StagePath()
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(path, newBytes, 0o600))
			_, err = s.Seal(path, tc.hash, tc.size)
			require.ErrorIs(t, err, tc.err)
			require.NoError(t, s.Close())
			requireFile(t, target, oldBytes)
			require.Equal(t, []string{"tool"}, names(t, filepath.Dir(target)))
		})
	}
}

func TestSealRefusesOtherPaths(t *testing.T) {
	target := newTarget(t)
	s, err := Begin(context.Background(), target, Options{})
	require.NoError(t, err)
	defer s.Close()
	good, err := s.StagePath()
	require.NoError(t, err)
	backup := filepath.Join(s.WorkDir(), store.RandomName("backup"))
	require.NoError(t, os.WriteFile(backup, oldBytes, 0o600))
	for _, path := range []string{
		target,
		filepath.Join(s.WorkDir(), "lock"),
		filepath.Join(s.WorkDir(), "document"),
		filepath.Join(filepath.Dir(target), filepath.Base(good)),
		filepath.Join(s.WorkDir(), "sub", filepath.Base(good)),
		backup,
		s.workPath(filepath.Base(good)),
	} {
		_, err := s.Seal(path, sum(oldBytes), AnySize)
		require.ErrorContains(t, err, "is not at a stage path", path)
	}
	_, err = s.Seal(good, sum(oldBytes), AnySize)
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestBeginRefusesTarget(t *testing.T) {
	dir := t.TempDir()
	_, err := Begin(context.Background(), filepath.Join(dir, "absent"), Options{})
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "sub"), 0o755))
	_, err = Begin(context.Background(), filepath.Join(dir, "sub"), Options{})
	require.ErrorIs(t, err, store.ErrNotRegular)
	require.Equal(t, []string{"sub"}, names(t, dir))
}

func TestLocked(t *testing.T) {
	target := newTarget(t)
	s, err := Begin(context.Background(), target, Options{})
	require.NoError(t, err)
	_, err = Begin(context.Background(), target, Options{})
	require.ErrorIs(t, err, ErrLocked)
	require.ErrorIs(t, Rollback(context.Background(), target), ErrLocked)

	_, err = s.Commit(stage(t, s, newBytes), Plan{})
	require.NoError(t, err, "the failed Begin changed nothing")
	require.NoError(t, s.Close())
	update(t, target, oldBytes)
}

func TestLockOfKilledUpdateIsFree(t *testing.T) {
	target := newTarget(t)
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), holdEnv+"="+target)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "held\n", line)
	_, err = Begin(context.Background(), target, Options{})
	require.ErrorIs(t, err, ErrLocked)

	require.NoError(t, cmd.Process.Kill())
	cmd.Wait()
	require.DirExists(t, WorkDir(target))
	require.Eventually(t, func() bool {
		s, err := Begin(context.Background(), target, Options{})
		return err == nil && s.Close() == nil
	}, 5*time.Second, 10*time.Millisecond)
	require.Equal(t, []string{"tool"}, names(t, filepath.Dir(target)))
}

// A reader that opens the target at any moment sees one of the two programs, complete.
func TestReaderSeesCompleteFiles(t *testing.T) {
	if renamesAside {
		t.Skip("NOT APPLICABLE: on this system there is no target for a moment")
	}
	target := newTarget(t)
	complete := map[string]bool{sum(oldBytes): true, sum(newBytes): true}
	done, seen := make(chan struct{}), make(chan error, 1)
	go func() {
		seen <- func() error {
			for n := 0; ; n++ {
				select {
				case <-done:
					if n == 0 {
						return fmt.Errorf("the reader did not run")
					}
					return nil
				default:
				}
				b, err := os.ReadFile(target)
				if err != nil {
					return err
				}
				if !complete[sum(b)] {
					return fmt.Errorf("saw %d bytes of neither program", len(b))
				}
			}
		}()
	}()
	for i := range 200 {
		update(t, target, [][]byte{newBytes, oldBytes}[i%2])
	}
	close(done)
	require.NoError(t, <-seen)
}

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	updateEnv = "STORE_TEST_UPDATE" // the directory that another process updates
	waitEnv   = "STORE_TEST_WAIT"   // set: it stays in Update until its input ends
)

// updateInOtherProcess is what the other process does. It replaces two files.
func updateInOtherProcess(dir string) {
	err := In(dir, "target").Update(context.Background(), func() ([]File, error) {
		if os.Getenv(waitEnv) != "" {
			fmt.Println("in Update")
			_, _ = io.Copy(io.Discard, os.Stdin)
		}
		return []File{{"first", []byte("first, new")}, {"second", []byte("second, new")}}, nil
	})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(0)
}

// otherProcess returns a command that updates the directory of "target" in dir.
func otherProcess(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), updateEnv+"="+dir)
	return cmd
}

// inUpdate starts a process that stays in Update of dir until end is called.
func inUpdate(t *testing.T, dir string) (end func()) {
	t.Helper()
	cmd := otherProcess(t, dir)
	cmd.Env = append(cmd.Env, waitEnv+"=1")
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "in Update\n", line)
	return func() {
		require.NoError(t, in.Close())
		require.NoError(t, cmd.Wait())
	}
}

func namesIn(t *testing.T, d Dir) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(d.Path())
	require.NoError(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func requireHolds(t *testing.T, d Dir, name, want string) {
	t.Helper()
	got, err := d.Read(name, 1<<10)
	require.NoError(t, err)
	require.Equal(t, want, string(got))
}

func TestDirReadsWhatWasWritten(t *testing.T) {
	d := In(filepath.Join(t.TempDir(), "made", "here"), "/opt/app").Sub("sub")
	_, err := d.Read("name", 10)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NoDirExists(t, filepath.Dir(d.Path()), "Read makes no directory")

	require.NoError(t, d.Write(File{"name", []byte("content")}, File{"other", nil}))
	requireHolds(t, d, "name", "content")
	requireHolds(t, d, "other", "")
	require.Equal(t, []string{"name", "other"}, namesIn(t, d), "no lock and no temporary file")
	if runtime.GOOS != "windows" {
		for path, mode := range map[string]fs.FileMode{
			d.root: 0o700 | fs.ModeDir, filepath.Dir(d.root): 0o700 | fs.ModeDir, filepath.Dir(d.Path()): 0o700 | fs.ModeDir,
			d.Path(): 0o700 | fs.ModeDir, filepath.Join(d.Path(), "name"): 0o600,
		} {
			info, err := os.Stat(path)
			require.NoError(t, err)
			require.Equal(t, mode, info.Mode(), path)
		}
	}
	require.NoError(t, d.Write(File{"name", []byte("replaced")}))
	requireHolds(t, d, "name", "replaced")
	requireHolds(t, d, "other", "")
	_, err = d.Read("absent", 10)
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestReadReturnsOneByteMoreThanItsLimit(t *testing.T) {
	d := In(t.TempDir(), "target")
	require.NoError(t, d.Write(File{"name", []byte("12345")}))
	for limit, want := range map[int64]string{6: "12345", 5: "12345", 4: "12345", 3: "1234", 0: "1"} {
		got, err := d.Read("name", limit)
		require.NoError(t, err)
		require.Equal(t, want, string(got), "limit %d", limit)
	}
}

func TestMemoryOfAnotherTypeOrSizeIsDamaged(t *testing.T) {
	d := In(t.TempDir(), "target")
	m := Memories{{Policy: "p", Seen: time.Unix(1, 0).UTC()}}
	spaces := func(size int) []byte {
		raw := m.Format()
		return append(raw, bytes.Repeat([]byte(" "), size-len(raw))...)
	}
	for name, tc := range map[string]struct {
		raw  []byte
		want error
	}{
		"as it was written": {m.Format(), nil},
		"the longest":       {spaces(maxMemory), nil},
		"too long":          {spaces(maxMemory + 1), ErrDamaged},
		"another type": {
			Format(Fields{"format": memoryFormat, "trust": []Fields{{"policy": 7}}}), ErrDamaged,
		},
	} {
		require.NoError(t, d.Write(File{"memory.json", tc.raw}))
		got, err := d.ReadMemories("memory.json")
		require.ErrorIs(t, err, tc.want, name)
		if tc.want == nil {
			require.Equal(t, m, got, name)
		}
	}
}

func TestZeroDirHoldsNothing(t *testing.T) {
	var d Dir
	require.True(t, d.IsZero())
	_, err := d.Read("name", 10)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, d.Update(t.Context(), func() ([]File, error) {
		require.FailNow(t, "change is called")
		return nil, nil
	}), "no target")
}

func TestTargetsHaveDirectoriesOfTheirOwn(t *testing.T) {
	dir := t.TempDir()
	require.NotEqual(t, In(dir, "/opt/a/app").Path(), In(dir, "/opt/b/app").Path())
	require.NoError(t, In(dir, "/opt/a/app").Write(File{"name", []byte("a")}))
	_, err := In(dir, "/opt/b/app").Read("name", 10)
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestSubDoesNotChangeItsParent(t *testing.T) {
	d := In(t.TempDir(), "target").Sub("a").Sub("b") // a slice with room for one more
	one, two := d.Sub("one"), d.Sub("two")
	require.Equal(t, filepath.Join(d.Path(), "one"), one.Path())
	require.Equal(t, filepath.Join(d.Path(), "two"), two.Path())
}

// Each caller reads a number, and stores the next one.
func TestUpdateExcludesOtherCallers(t *testing.T) {
	const callers, rounds = 4, 5
	d := In(t.TempDir(), "target")
	var wg sync.WaitGroup
	failures := make(chan error, callers*rounds)
	for range callers {
		wg.Go(func() {
			for range rounds {
				failures <- d.Update(t.Context(), func() ([]File, error) {
					raw, err := d.Read("number", 10)
					if err != nil && !errors.Is(err, fs.ErrNotExist) {
						return nil, err
					}
					n, _ := strconv.Atoi(string(raw))
					time.Sleep(time.Millisecond)
					return []File{{"number", strconv.AppendInt(nil, int64(n+1), 10)}}, nil
				})
			}
		})
	}
	wg.Wait()
	close(failures)
	for err := range failures {
		require.NoError(t, err)
	}
	requireHolds(t, d, "number", strconv.Itoa(callers*rounds))
	require.Equal(t, []string{"number"}, namesIn(t, d))
}

func TestUpdateWaitsForOtherProcessesUntilItsContextIsDone(t *testing.T) {
	dir := t.TempDir()
	d := In(dir, "target")
	end := inUpdate(t, dir)

	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	refused := make(chan error, 1)
	go func() {
		refused <- d.Update(ctx, func() ([]File, error) { return nil, errors.New("two processes are in Update") })
	}()
	select {
	case err := <-refused:
		require.ErrorIs(t, err, ErrHeld)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	case <-time.After(10 * time.Second):
		require.FailNow(t, "Update does not end with its context")
	}

	waited := make(chan error, 1)
	go func() {
		waited <- d.Update(t.Context(), func() ([]File, error) { return []File{{"first", []byte("later")}}, nil })
	}()
	select {
	case err := <-waited:
		require.FailNow(t, "Update did not wait", "%v", err)
	case <-time.After(5 * lockPause):
	}
	end()
	require.NoError(t, <-waited)
	requireHolds(t, d, "first", "later")
	requireHolds(t, d, "second", "second, new")
	require.Equal(t, []string{"first", "second"}, namesIn(t, d))
}

func TestFailedChangeStoresNothing(t *testing.T) {
	d := In(t.TempDir(), "target")
	require.NoError(t, d.Write(File{"name", []byte("before")}))
	failure := errors.New("failed")
	require.ErrorIs(t, d.Update(t.Context(), func() ([]File, error) {
		return []File{{"name", []byte("after")}}, failure
	}), failure)
	requireHolds(t, d, "name", "before")
	require.Equal(t, []string{"name"}, namesIn(t, d))
	require.NoError(t, d.Write(File{"name", []byte("after")}), "the lock is free")
}

// If one file cannot be written, none is replaced.
func TestFailedWriteReplacesNothing(t *testing.T) {
	d := In(t.TempDir(), "target")
	require.NoError(t, d.Write(File{"first", []byte("before")}))
	require.Error(t, d.Write(File{"first", []byte("after")}, File{"absent/second", []byte("after")}))
	requireHolds(t, d, "first", "before")
	require.Equal(t, []string{"first"}, namesIn(t, d))
}

// A killed process leaves temporary files. An installer may be writing to the same
// directory: of its files, none is removed.
func TestUpdateRemovesTemporaryFilesOfItsNamesOnly(t *testing.T) {
	d := In(t.TempDir(), "target")
	require.NoError(t, d.Write(File{"name", nil}))
	random := RandomName("write")
	keep := []string{
		"journal." + random, "names." + random, "name.old." + random, random, "name.backup",
		"name." + RandomName("stage"), "name." + random[:len(random)-1],
	}
	for _, name := range append(keep, "name."+random) {
		require.NoError(t, os.WriteFile(filepath.Join(d.Path(), name), nil, 0o600))
	}
	require.NoError(t, d.Write(File{"name", nil}))
	require.ElementsMatch(t, append(keep, "name"), namesIn(t, d))
}

func TestDirThatIsAFileIsRefused(t *testing.T) {
	dir := t.TempDir()
	d := Beside(filepath.Join(dir, "work"), filepath.Join(dir, "target"))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "target"), nil, 0o755))
	require.NoError(t, os.WriteFile(d.Path(), nil, 0o600))
	_, err := d.Read("name", 10)
	require.ErrorIs(t, err, ErrUnsafeDirectory)
	require.ErrorIs(t, d.Write(File{"name", nil}), ErrUnsafeDirectory)
}

// Beside makes the work directory, and not the one above it.
func TestBesideMakesOneDirectory(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "target")
	require.NoError(t, os.WriteFile(target, nil, 0o755))
	require.NoError(t, Beside(filepath.Join(dir, "work"), target).Write(File{"name", nil}))
	require.FileExists(t, filepath.Join(dir, "work", "name"))

	err := Beside(filepath.Join(dir, "absent", "work"), target).Write(File{"name", nil})
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NoDirExists(t, filepath.Join(dir, "absent"))
}

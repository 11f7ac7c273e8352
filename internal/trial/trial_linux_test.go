// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestNoexecMount(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("NOT PROVEN: needs root to mount")
	}
	dir := t.TempDir()
	require.NoError(t, unix.Mount("tmpfs", dir, "tmpfs", unix.MS_NOEXEC, "size=16m"))
	t.Cleanup(func() { require.NoError(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	content, err := os.ReadFile(child)
	require.NoError(t, err)
	path := filepath.Join(dir, "program")
	require.NoError(t, os.WriteFile(path, content, 0o755))

	err = (&Trial{Args: []string{"version"}}).Run(t.Context(), path, 0)
	require.ErrorContains(t, err, "is the file system mounted noexec?")
	require.ErrorIs(t, err, syscall.EACCES)
	require.NoError(t, unix.Mount("tmpfs", dir, "", unix.MS_REMOUNT, "size=16m"))
	require.NoError(t, (&Trial{Args: []string{"version"}}).Run(t.Context(), path, 0))
}

// dynamic returns the smallest program for this machine that needs a loader.
func dynamic(t *testing.T, loader string) []byte {
	t.Helper()
	self, err := elf.Open(child)
	require.NoError(t, err)
	defer func() { _ = self.Close() }()
	if self.Class != elf.ELFCLASS64 {
		t.Skip("NOT PROVEN: needs a 64-bit system")
	}
	const header, entry = 64, 56
	name := append([]byte(loader), 0)
	h := elf.Header64{
		Type: uint16(elf.ET_DYN), Machine: uint16(self.Machine), Version: uint32(elf.EV_CURRENT),
		Phoff: header, Ehsize: header, Phentsize: entry, Phnum: 1,
	}
	copy(h.Ident[:], elf.ELFMAG)
	h.Ident[elf.EI_CLASS], h.Ident[elf.EI_DATA], h.Ident[elf.EI_VERSION] = byte(self.Class), byte(self.Data), byte(self.Version)
	p := elf.Prog64{Type: uint32(elf.PT_INTERP), Off: header + entry, Filesz: uint64(len(name)), Memsz: uint64(len(name))}
	var b bytes.Buffer
	for _, part := range []any{h, p, name} {
		require.NoError(t, binary.Write(&b, self.ByteOrder, part))
	}
	return b.Bytes()
}

func TestMissingLoader(t *testing.T) {
	err := (&Trial{}).Run(t.Context(), program(t, dynamic(t, "/nonexistent/ld.so"), 0o755), 0)
	require.ErrorContains(t, err, "its loader or interpreter is missing")
	require.ErrorIs(t, err, syscall.ENOENT)

	// With a loader that exists, but is not a program, the error is another one.
	err = (&Trial{}).Run(t.Context(), program(t, dynamic(t, "/etc/passwd"), 0o755), 0)
	require.Error(t, err)
	require.NotErrorIs(t, err, syscall.ENOENT)
}

// The binary can leave its group, so it is killed by its own id too.
func TestBinaryThatLeftItsGroupIsKilled(t *testing.T) {
	t.Parallel()
	err := (&Trial{Args: []string{"elsewhere"}, Timeout: enough}).Run(t.Context(), child, 0)
	require.ErrorIs(t, err, ErrTimeout)
	require.NotContains(t, err.Error(), "could not be stopped")
	require.ErrorContains(t, err, "left: <nil>")
	requireGone(t, spawnedBy(t, err))
}

// Run does not wait for a daemon, and does not kill it.
func TestDaemonThatKeepsTheOutputOpen(t *testing.T) {
	t.Parallel()
	setsid, err := exec.LookPath("setsid")
	if err != nil {
		t.Skip("NOT PROVEN: no setsid command")
	}
	script := fmt.Sprintf("#!/bin/sh\n%s sh -c 'echo pid $$; exec sleep 60' &\nsleep 0.5\n", setsid)
	begin := time.Now()
	err = (&Trial{}).Run(t.Context(), program(t, []byte(script), 0o755), 0)
	require.ErrorContains(t, err, "left a process running that keeps its output open")
	require.Less(t, time.Since(begin), 10*time.Second)
	require.NoError(t, syscall.Kill(spawnedBy(t, err), syscall.SIGKILL))
}

// tries returns a process that runs one trial of path.
func tries(t *testing.T, self, path string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), "TRIAL_OF="+path, "TRIAL_ARGS="+strings.Join(args, " "))
	cmd.Dir = filepath.Dir(path)
	return cmd
}

// An updater that is killed leaves no process running.
func TestChildDiesWithTheUpdater(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	require.NoError(t, err)
	note := filepath.Join(t.TempDir(), "note")
	updater := tries(t, self, child, "touch", note)
	require.NoError(t, updater.Start())
	var pid int
	require.Eventually(t, func() bool {
		text, _ := os.ReadFile(note)
		pid, _ = strconv.Atoi(strings.TrimSpace(string(text)))
		return pid != 0
	}, enough, time.Millisecond)
	require.NoError(t, syscall.Kill(pid, 0))
	require.NoError(t, updater.Process.Kill())
	_ = updater.Wait()
	requireGone(t, pid)
}

// A setuid program may be one that its starter has no right to kill.
func TestChildThatCannotBeKilled(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("NOT PROVEN: needs root to make a setuid program")
	}
	path := copied(t)
	require.NoError(t, os.Chmod(path, 0o755|os.ModeSetuid))
	for _, dir := range []string{filepath.Dir(path), filepath.Dir(filepath.Dir(path))} {
		require.NoError(t, os.Chmod(dir, 0o755))
	}
	test, err := os.ReadFile("/proc/self/exe")
	require.NoError(t, err)
	self := filepath.Join(filepath.Dir(path), "test")
	require.NoError(t, os.WriteFile(self, test, 0o755))

	updater := tries(t, self, path, "root")
	updater.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	begin := time.Now()
	out, err := updater.CombinedOutput()
	require.NoError(t, err, "%s", out)
	if strings.Contains(string(out), "not permitted") {
		t.Skipf("NOT PROVEN: mounted nosuid: %s", out)
	}
	require.Contains(t, string(out), "did not finish in time: 2s, and could not be stopped")
	require.Less(t, time.Since(begin), 10*time.Second)
	text, err := strconv.Unquote(string(out[bytes.IndexByte(out, '"') : bytes.LastIndexByte(out, '"')+1]))
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(spawned(t, text), syscall.SIGKILL))
}

// The id of a process that was waited for may be reused.
func TestProcessIDIsNotUsedAfterTheEnd(t *testing.T) {
	g, err := startGroup(child, []string{child, "version"}, &os.ProcAttr{})
	require.NoError(t, err)
	require.True(t, awaitExit(g.process.Pid))
	require.NoError(t, syscall.Kill(g.process.Pid, 0), "it was not reaped yet")
	_, err = g.wait()
	require.NoError(t, err)
	require.True(t, g.ended)

	other, err := startGroup(child, []string{child, "hang", "deeper"}, &os.ProcAttr{})
	require.NoError(t, err)
	g.process = other.process
	g.kill()
	time.AfterFunc(200*time.Millisecond, other.kill)
	begin := time.Now()
	_, err = other.wait()
	require.NoError(t, err)
	require.GreaterOrEqual(t, time.Since(begin), 100*time.Millisecond)
}

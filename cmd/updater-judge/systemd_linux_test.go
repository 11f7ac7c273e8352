// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A real systemd runs the documented unit, with each of the broken releases and each of
// the judges: the version before becomes ready.
func TestSystemd(t *testing.T) {
	needSystemd(t)
	w := newWorld(t)
	targets := map[string]string{}
	units := map[string]string{}
	for name, version := range map[string]string{"segfault": "2.0.1", "exit": "2.0.2", "hang": "2.0.3", "loader": "2.0.4"} {
		for by, line := range map[string]int{"command": 0, "backup": 1} {
			target := w.install(t)
			w.update(t, target, version, "1")
			name := name + "-" + by + ".service"
			targets[name], units[name] = target, w.unit(t, target, line)
		}
	}
	w.boot(t, units)
	for name, target := range targets {
		require.Eventually(t, func() bool {
			_, err := os.Stat(ready(target))
			return err == nil
		}, 2*time.Minute, 100*time.Millisecond, name)
		w.requireVersion(t, good, target)
		require.NoFileExists(t, target+".backup")
	}
}

// What docs/operating.md says of a watcher that the program starts.
func TestWatcherEndsWithItsUnit(t *testing.T) {
	needSystemd(t)
	w := newWorld(t)
	dir := filepath.Dir(w.install(t))
	units := map[string]string{}
	for _, mode := range []string{"control-group", "process"} {
		units[mode+".service"] = fmt.Sprintf("[Unit]\nDefaultDependencies=no\n[Service]\nKillMode=%s\n"+
			"ExecStart=/bin/sh -c 'setsid sh -c \"sleep 2; touch %s/survived-%s\" & touch %[2]s/ran-%[1]s'\n", mode, dir, mode)
	}
	w.boot(t, units)
	exists := func(name string) bool {
		_, err := os.Stat(filepath.Join(dir, name))
		return err == nil
	}
	require.Eventually(t, func() bool {
		return exists("ran-control-group") && exists("survived-process")
	}, time.Minute, 100*time.Millisecond)
	time.Sleep(2 * time.Second)
	require.False(t, exists("survived-control-group"))
}

// ready is created once systemd takes the unit of target for started.
func ready(target string) string { return filepath.Join(filepath.Dir(target), "ready") }

// unit returns the unit of docs/operating.md, in a hurry, with ExecStartPre of another
// block of it.
func (w *world) unit(t *testing.T, target string, pre int) string {
	t.Helper()
	blocks := w.recipes(t, "ini", target)
	unit := blocks[0]
	for from, to := range map[string]string{
		"RestartSec=.*": "RestartSec=1100ms", "TimeoutStartSec=.*": "TimeoutStartSec=3",
		"ExecStartPre=.*": "ExecStartPre=" + setting(t, blocks[pre], "ExecStartPre") + "\nExecStartPost=/bin/touch " + ready(target),
		`\[Unit\]`:        "[Unit]\nDefaultDependencies=no",
	} {
		line := regexp.MustCompile("(?m)^" + from + "$")
		require.True(t, line.MatchString(unit), from)
		unit = line.ReplaceAllLiteralString(unit, to)
	}
	return unit
}

const systemd = "/usr/lib/systemd/systemd"

func needSystemd(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(systemd); err != nil || os.Geteuid() != 0 {
		t.Skipf("NOT PROVEN: needs root and systemd: %v", err)
	}
	if testing.Short() {
		t.Skip("NOT PROVEN: starts a machine")
	}
}

// boot starts systemd with these units, until the test ends. It sees nothing of the host
// but /usr and the world.
func (w *world) boot(t *testing.T, units map[string]string) {
	t.Helper()
	dir := filepath.Join(worldDir, "units")
	require.NoError(t, os.Mkdir(dir, 0o755))
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	all := "[Unit]\nDefaultDependencies=no\n"
	for name, text := range units {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
		all += "Wants=" + name + "\n"
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "all.target"), []byte(all), 0o644))
	script, err := filepath.Abs(filepath.Join("testdata", "systemd.sh"))
	require.NoError(t, err)

	group := cgroup(t)
	var output bytes.Buffer
	cmd := exec.Command("unshare", "--pid", "--fork", "--mount", "--uts", "--ipc", "--net", "--cgroup", "--kill-child",
		"sh", script, t.TempDir(), worldDir, "all.target")
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(group.Fd())}
	if err := cmd.Start(); err != nil {
		t.Skipf("NOT PROVEN: needs namespaces and cgroups: %v", err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
	})
	select {
	case <-ended:
		t.Skipf("NOT PROVEN: systemd does not start here: %s", &output)
	case <-time.After(2 * time.Second):
	}
}

// cgroup returns a new control group, which is removed with all below it after the test.
func cgroup(t *testing.T) *os.File {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mounts")
	require.NoError(t, err)
	m := regexp.MustCompile(`(?m)^\S+ (\S+) cgroup2 `).FindStringSubmatch(string(mounts))
	if m == nil {
		t.Skip("NOT PROVEN: needs cgroup2")
	}
	dir, err := os.MkdirTemp(m[1], "updater-judge-test-")
	if err != nil {
		t.Skipf("NOT PROVEN: needs control groups: %v", err)
	}
	f, err := os.Open(dir)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, f.Close())
		require.Eventually(t, func() bool {
			out, err := exec.Command("find", dir, "-depth", "-type", "d", "-exec", "rmdir", "{}", "+").CombinedOutput()
			return err == nil || strings.Contains(string(out), "No such file")
		}, 10*time.Second, 50*time.Millisecond)
	})
	return f
}

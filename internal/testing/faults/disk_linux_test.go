// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package faults

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	oldContent = bytes.Repeat([]byte("o"), 32<<10)
	newContent = bytes.Repeat([]byte("n"), 64<<10)
)

// losses is the result of a sweep of power cuts.
type losses struct {
	torn      []string // the target was neither the old nor the new one
	forgotten []string // success was reported, and the target was the old one
	points    int
}

// cutEverywhere cuts the power before every call and after the last.
func cutEverywhere(t *testing.T, d *Disk, bin, how string) (found losses) {
	t.Helper()
	begin := time.Now()
	target := filepath.Join(d.Dir, "target")
	for _, flushed := range []bool{false, true} {
		for n := 1; ; n++ {
			d.Restore()
			last := true
			res := trace(t, func(c Call) Action {
				if c.N < n {
					return Pass
				}
				last = false
				d.Cut(flushed)
				return Kill
			}, in(d.Dir), bin, how, d.Dir)
			if last {
				require.Equal(t, "done\n", string(res.Output))
				d.Cut(flushed)
			}
			d.Remount()

			found.points++
			where := fmt.Sprintf("%s %s, log flushed %t, after call %d", d.fs, how, flushed, n-1)
			content, err := os.ReadFile(target)
			reported := strings.Contains(string(res.Output), "done")
			switch {
			case err != nil || !bytes.Equal(content, oldContent) && !bytes.Equal(content, newContent):
				found.torn = append(found.torn, fmt.Sprintf("%s: %d bytes, %v", where, len(content), err))
			case reported && !bytes.Equal(content, newContent):
				found.forgotten = append(found.forgotten, where)
			}
			if last {
				break
			}
		}
	}
	t.Logf("%d points, %v each; torn %v; forgotten %v", found.points,
		time.Since(begin)/time.Duration(found.points), found.torn, found.forgotten)
	return found
}

// The program that does not fsync shows that the sweep finds errors.
func TestPowerCut(t *testing.T) {
	bin := victim(t)
	for _, fs := range []FileSystem{Ext4, XFS} {
		t.Run(fs.String(), func(t *testing.T) {
			d := NewDisk(t, fs)
			require.NoError(t, os.WriteFile(filepath.Join(d.Dir, "target"), oldContent, 0o755))
			d.Save()

			found := cutEverywhere(t, d, bin, "naive")
			require.NotEmpty(t, found.torn)
			require.NotEmpty(t, found.forgotten)

			found = cutEverywhere(t, d, bin, "right")
			require.Empty(t, found.torn)
			require.Empty(t, found.forgotten)
			require.Greater(t, found.points, 2*5)
		})
	}
}

// A test runs itself as a test that fails while its disk is mounted.
func TestDiskIsUnmountedAfterFailure(t *testing.T) {
	how := os.Getenv("FAULTS_END")
	if how != "" {
		endBadly(t, how)
	}
	NewDisk(t, Ext4) // or skip here
	self, err := os.Executable()
	require.NoError(t, err)
	for _, how := range []string{"fail", "panic", "timeout", "killed"} {
		t.Run(how, func(t *testing.T) {
			tmp := t.TempDir()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, self, "-test.run=^TestDiskIsUnmountedAfterFailure$", "-test.timeout=3s")
			cmd.Env = append(os.Environ(), "FAULTS_END="+how, "TMPDIR="+tmp)
			// The guard may take a moment.
			out, err := cmd.CombinedOutput()
			require.Error(t, err)
			require.Contains(t, string(out), "mounted at "+tmp)
			for _, list := range []string{"/proc/mounts", "/sys/block"} {
				require.Eventually(t, func() bool { return !strings.Contains(listing(t, list), tmp) },
					10*time.Second, 20*time.Millisecond, list)
			}
		})
	}
}

// listing returns what is mounted, or which files have a loop device.
func listing(t *testing.T, name string) string {
	t.Helper()
	if name == "/proc/mounts" {
		all, err := os.ReadFile(name)
		require.NoError(t, err)
		return string(all)
	}
	var all strings.Builder
	files, err := filepath.Glob(name + "/loop*/loop/backing_file")
	require.NoError(t, err)
	for _, file := range files {
		line, _ := os.ReadFile(file) // it may be removed
		all.Write(line)
	}
	return all.String()
}

func endBadly(t *testing.T, how string) {
	d := NewDisk(t, Ext4)
	require.Contains(t, listing(t, "/proc/mounts"), d.Dir)
	require.Contains(t, listing(t, "/sys/block"), d.image)
	fmt.Println("mounted at", d.Dir)
	switch how {
	case "fail":
		t.FailNow()
	case "panic":
		panic("test")
	case "timeout":
		time.Sleep(time.Hour)
	case "killed":
		require.NoError(t, exec.Command("kill", "-KILL", fmt.Sprint(os.Getpid())).Run())
		time.Sleep(time.Hour)
	}
}

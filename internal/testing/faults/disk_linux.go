// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package faults

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// FileSystem is the file system of a Disk.
type FileSystem struct {
	name, size, options string
}

var (
	// Ext4 has noauto_da_alloc: otherwise the kernel syncs for some programs that do
	// not, which it does not guarantee.
	Ext4 = FileSystem{"ext4", "32M", "noauto_da_alloc"}
	XFS  = FileSystem{"xfs", "300M", "defaults"}
)

// String returns the name for mount.
func (f FileSystem) String() string { return f.name }

// From linux/ext4.h and xfs_fs.h, which have the same numbers.
const (
	ioctlShutdown = 0x8004587d
	logFlush      = 1
	noLogFlush    = 2
)

// Disk is a file system in a file, mounted at Dir. When Remount, Save or Restore are
// called, no process may have a file or its working directory in it.
type Disk struct {
	Dir string

	tb           testing.TB
	fs           FileSystem
	image, saved string
	mounted      bool
}

// NewDisk creates a file system and mounts it until the test ends in any way. It skips
// the test if that is not possible.
func NewDisk(tb testing.TB, fs FileSystem) *Disk {
	tb.Helper()
	if os.Geteuid() != 0 {
		tb.Skipf("NOT PROVEN: a power cut on %s needs root to mount", fs)
	}
	mkfs, err := exec.LookPath("mkfs." + fs.name)
	if err != nil {
		tb.Skipf("NOT PROVEN: a power cut on %s needs mkfs.%[1]s: %v", fs, err)
	}
	base := tb.TempDir()
	d := &Disk{
		Dir: filepath.Join(base, "disk"), tb: tb, fs: fs,
		image: filepath.Join(base, "image"), saved: filepath.Join(base, "saved"),
	}
	if err := os.Mkdir(d.Dir, 0o755); err != nil {
		tb.Fatal(err)
	}
	d.command("truncate", "-s", fs.size, d.image)
	d.command(mkfs, "-q", d.image)
	if out, err := d.tryMount(); err != nil {
		tb.Skipf("NOT PROVEN: a power cut on %s needs to mount: %v: %s", fs, err, out)
	}
	d.guard()
	return d
}

// Cut simulates a power cut: what is written from now on is lost, and so is what is only
// in memory. With flushed the log is written to the disk first, which has another
// result: names that are newer than their data. Programs continue and get EIO.
func (d *Disk) Cut(flushed bool) {
	d.tb.Helper()
	flag := noLogFlush
	if flushed {
		flag = logFlush
	}
	dir, err := os.Open(d.Dir)
	if err != nil {
		d.tb.Fatal(err)
	}
	defer dir.Close()
	if err := unix.IoctlSetPointerInt(int(dir.Fd()), ioctlShutdown, flag); err != nil {
		d.tb.Fatalf("cutting the power of %s: %v", d.fs, err)
	}
}

// Remount mounts what is on the disk, as after a reboot.
func (d *Disk) Remount() {
	d.tb.Helper()
	d.unmount()
	d.mount()
}

// Save syncs the disk, and saves it for Restore.
func (d *Disk) Save() {
	d.tb.Helper()
	d.unmount()
	d.command("cp", "--sparse=always", "--reflink=auto", d.image, d.saved)
	d.mount()
}

// Restore restores what Save saved.
func (d *Disk) Restore() {
	d.tb.Helper()
	d.unmount()
	d.command("cp", "--sparse=always", "--reflink=auto", d.saved, d.image)
	d.mount()
}

// guard unmounts the disk at the end of the test. It also starts a process that does so
// if this process dies without running its cleanup, as after a timeout.
func (d *Disk) guard() {
	d.tb.Helper()
	cmd := exec.Command("sh", "-c", `cat; umount -l "$1"`, "sh", d.Dir)
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true}
	alive, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		d.unmount()
		d.tb.Fatal(err)
	}
	d.tb.Cleanup(func() {
		defer cmd.Wait() //nolint:errcheck // it fails, as the disk is unmounted
		defer alive.Close()
		d.unmount()
	})
}

// tryMount mounts the disk, with a loop device that is removed when it is unmounted.
func (d *Disk) tryMount() ([]byte, error) {
	out, err := exec.Command("mount", "-t", d.fs.name, "-o", "loop,"+d.fs.options, d.image, d.Dir).CombinedOutput()
	d.mounted = err == nil
	return out, err
}

func (d *Disk) mount() {
	d.tb.Helper()
	if out, err := d.tryMount(); err != nil {
		d.tb.Fatalf("mounting %s: %v: %s", d.fs, err, out)
	}
}

func (d *Disk) unmount() {
	d.tb.Helper()
	if !d.mounted {
		return
	}
	d.mounted = false
	var err error
	// A child that another test is forking has a copy of every descriptor of this
	// process until it calls exec.
	for range 500 {
		if err = unix.Unmount(d.Dir, 0); err == nil {
			return
		} else if !errors.Is(err, unix.EBUSY) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	_ = unix.Unmount(d.Dir, unix.MNT_DETACH)
	d.tb.Fatalf("unmounting %s: %v: a process has a file open in it", d.fs, err)
}

func (d *Disk) command(name string, args ...string) {
	d.tb.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		d.tb.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
}

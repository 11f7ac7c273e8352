// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// calls makes calls with the file at different arguments, and prints how each must be
// counted. They need not be supported by the file system.
func calls(dir string) error {
	d, f, other, pipe, err := files(dir)
	if err != nil {
		return err
	}
	file, content := dir+"/f", [][]byte{[]byte("content")}
	for _, call := range []struct {
		seen string
		err  error
	}{
		{"writev /f", two(unix.Writev(f, content))},
		{"pwritev /f", two(unix.Pwritev(f, content, 0))},
		{"pwritev2 /f", two(unix.Pwritev2(f, content, 0, 0))},
		{"sendfile /f", two(unix.Sendfile(f, other, new(int64), 3))},
		{"splice /f", two(unix.Splice(pipe, nil, f, nil, 5, 0))},
		{"copy_file_range /f", two(unix.CopyFileRange(other, new(int64), f, nil, 3, 0))},
		{"truncate /f", unix.Truncate(file, 4)},
		{"fallocate /f", unix.Fallocate(f, 0, 0, 10)},
		{"fdatasync /f", unix.Fdatasync(f)},
		{"syncfs /f", unix.Syncfs(f)},
		{"sync_file_range /f", unix.SyncFileRange(f, 0, 0, 0)},
		{"flock /f", unix.Flock(f, unix.LOCK_SH)},
		{"fchownat /f", unix.Fchownat(d, "f", -1, -1, 0)},
		{"fchown /f", unix.Fchown(f, -1, -1)},
		{"fchmodat2 /f", raw(unix.SYS_FCHMODAT2, d, "f")},
		{"fchmodat /f", unix.Fchmodat(d, "f", 0o644, 0)},
		{"utimensat /f", unix.UtimesNanoAt(d, "f", make([]unix.Timespec, 2), 0)},
		{"utimensat /f", raw(unix.SYS_UTIMENSAT, f, "")},
		{"linkat /f /g", unix.Linkat(d, "f", d, "g", 0)},
		{"renameat /g /h", unix.Renameat(d, "g", d, "h")},
		{"renameat2 /h /i", unix.Renameat2(d, "h", d, "i", unix.RENAME_NOREPLACE)},
		{"symlinkat /s", unix.Symlinkat("h", d, "s")},
		{"unlinkat /s", unix.Unlinkat(d, "s", 0)},
		{"mkdirat /m", unix.Mkdirat(d, "m", 0o755)},
		{"unlinkat /m", unix.Unlinkat(d, "m", unix.AT_REMOVEDIR)},
		{"mknodat /p", unix.Mknodat(d, "p", unix.S_IFIFO|0o600, 0)},
		{"setxattr /f", unix.Setxattr(file, "user.a", []byte("1"), 0)},
		{"lsetxattr /f", unix.Lsetxattr(file, "user.a", []byte("1"), 0)},
		{"fsetxattr /f", unix.Fsetxattr(f, "user.a", []byte("1"), 0)},
		{"setxattrat /f", raw(unix.SYS_SETXATTRAT, d, "f")},
		{"removexattr /f", unix.Removexattr(file, "user.a")},
		{"lremovexattr /f", unix.Lremovexattr(file, "user.a")},
		{"fremovexattr /f", unix.Fremovexattr(f, "user.a")},
		{"removexattrat /f", raw(unix.SYS_REMOVEXATTRAT, d, "f")},
		{"file_setattr /f", raw(unix.SYS_FILE_SETATTR, d, "f")},
		{"ioctl /f", unix.IoctlFileClone(f, other)},
		{"ioctl /f", unix.IoctlSetPointerInt(f, unix.FS_IOC_SETFLAGS, 0)},
		{"openat ", unnamed(dir)},
		{"linkat /# /t", nil},
	} {
		// EBADF is an error in this program. Others depend on the file system.
		if errors.Is(call.err, unix.EBADF) {
			return fmt.Errorf("%s: %w", call.seen, call.err)
		}
		fmt.Println(call.seen)
	}
	return nil
}

// files opens the directory, a file in it, one outside, and a pipe with data in it.
func files(dir string) (d, f, other, pipe int, err error) {
	var ends [2]int
	if err = unix.Pipe(ends[:]); err == nil {
		_, err = unix.Write(ends[1], []byte("piped"))
	}
	if err == nil {
		other, err = unix.Open(os.Args[0], unix.O_RDONLY, 0)
	}
	if err == nil {
		d, err = unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	}
	if err == nil {
		f, err = unix.Openat2(d, "f", &unix.OpenHow{Flags: unix.O_CREAT | unix.O_RDWR, Mode: 0o600})
		fmt.Println("openat2 /f")
	}
	return d, f, other, ends[0], err
}

// unnamed creates a file without a name, and links it through /proc.
func unnamed(dir string) error {
	f, err := unix.Openat(unix.AT_FDCWD, dir, unix.O_TMPFILE|unix.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return unix.Linkat(unix.AT_FDCWD, fmt.Sprint("/proc/self/fd/", f), unix.AT_FDCWD, dir+"/t", unix.AT_SYMLINK_FOLLOW)
}

func two[T any](_ T, err error) error { return err }

// raw makes a call for which there is no function. An empty name is a nil pointer.
func raw(nr uintptr, dir int, name string) error {
	p, err := unix.BytePtrFromString(name)
	if err != nil {
		return err
	}
	if name == "" {
		p = nil
	}
	if _, _, errno := unix.Syscall6(nr, uintptr(dir), uintptr(unsafe.Pointer(p)), 0, 0, 0, 0); errno != 0 {
		return errno
	}
	return nil
}

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package faults

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// operand has the indexes of the arguments that name a file; -1 for none.
type operand struct{ dir, path int }

func fd(arg int) operand   { return operand{arg, -1} }
func path(arg int) operand { return operand{-1, arg} }
func at(arg int) operand   { return operand{arg, arg + 1} }

// classify returns the class of a call with these arguments, or 0 if it is not counted.
type classify func(tid int, args [6]uint64) Class

type kind struct {
	name  string
	class Class    // all classes that it may have
	of    classify // its class, if there are several
	files []operand
}

func one(name string, class Class, files ...operand) kind { return kind{name, class, nil, files} }

func byArguments(name string, of classify, files ...operand) kind {
	return kind{name, Changes | Reads, of, files}
}

func openClass(flags int) classify {
	return func(_ int, args [6]uint64) Class { return byFlags(args[flags]) }
}

func open2Class(tid int, args [6]uint64) Class {
	how := make([]byte, 8)
	if _, err := readMemory(tid, args[2], how); err != nil {
		return 0
	}
	return byFlags(binary.NativeEndian.Uint64(how))
}

func byFlags(flags uint64) Class {
	const changing = unix.O_WRONLY | unix.O_RDWR | unix.O_CREAT | unix.O_TRUNC | unix.O_TMPFILE&^unix.O_DIRECTORY
	if flags&changing != 0 {
		return Changes
	}
	return Reads
}

// ioctlClass counts clones of files and changes of flags.
func ioctlClass(_ int, args [6]uint64) Class {
	switch args[1] {
	case unix.FICLONE, unix.FICLONERANGE, unix.FIDEDUPERANGE, unix.FS_IOC_SETFLAGS, fsSetXattr:
		return Changes
	case unix.FS_IOC_GETFLAGS:
		return Reads
	}
	return 0
}

// fsSetXattr is FS_IOC_FSSETXATTR, the newer FS_IOC_SETFLAGS.
const fsSetXattr = 0x401c5820

// kindOf returns the kind of a call by its number.
func kindOf(nr uint64) (kind, bool) {
	if k, ok := calls[nr]; ok {
		return k, true
	}
	k, ok := oldCalls[nr]
	return k, ok
}

// streams are the calls of which a copy makes many.
var streams = map[uint64]bool{
	unix.SYS_READ: true, unix.SYS_PREAD64: true, unix.SYS_WRITE: true, unix.SYS_PWRITE64: true,
	unix.SYS_SENDFILE: true, unix.SYS_SPLICE: true, unix.SYS_COPY_FILE_RANGE: true,
}

var calls = map[uint64]kind{
	unix.SYS_OPENAT:  byArguments("openat", openClass(2), at(0)),
	unix.SYS_OPENAT2: byArguments("openat2", open2Class, at(0)),
	unix.SYS_CLOSE:   one("close", Closes, fd(0)),
	unix.SYS_IOCTL:   byArguments("ioctl", ioctlClass, fd(0)),

	unix.SYS_WRITE:           one("write", Changes, fd(0)),
	unix.SYS_WRITEV:          one("writev", Changes, fd(0)),
	unix.SYS_PWRITE64:        one("pwrite64", Changes, fd(0)),
	unix.SYS_PWRITEV:         one("pwritev", Changes, fd(0)),
	unix.SYS_PWRITEV2:        one("pwritev2", Changes, fd(0)),
	unix.SYS_SENDFILE:        one("sendfile", Changes, fd(0)),
	unix.SYS_SPLICE:          one("splice", Changes, fd(2)),
	unix.SYS_COPY_FILE_RANGE: one("copy_file_range", Changes, fd(2)),
	unix.SYS_TRUNCATE:        one("truncate", Changes, path(0)),
	unix.SYS_FTRUNCATE:       one("ftruncate", Changes, fd(0)),
	unix.SYS_FALLOCATE:       one("fallocate", Changes, fd(0)),

	unix.SYS_FSYNC:           one("fsync", Changes, fd(0)),
	unix.SYS_FDATASYNC:       one("fdatasync", Changes, fd(0)),
	unix.SYS_SYNCFS:          one("syncfs", Changes, fd(0)),
	unix.SYS_SYNC_FILE_RANGE: one("sync_file_range", Changes, fd(0)),
	unix.SYS_FLOCK:           one("flock", Changes, fd(0)),

	unix.SYS_RENAMEAT:  one("renameat", Changes, at(0), at(2)),
	unix.SYS_RENAMEAT2: one("renameat2", Changes, at(0), at(2)),
	unix.SYS_LINKAT:    one("linkat", Changes, at(0), at(2)),
	unix.SYS_SYMLINKAT: one("symlinkat", Changes, at(1)),
	unix.SYS_UNLINKAT:  one("unlinkat", Changes, at(0)),
	unix.SYS_MKDIRAT:   one("mkdirat", Changes, at(0)),
	unix.SYS_MKNODAT:   one("mknodat", Changes, at(0)),

	unix.SYS_FCHMOD:        one("fchmod", Changes, fd(0)),
	unix.SYS_FCHMODAT:      one("fchmodat", Changes, at(0)),
	unix.SYS_FCHMODAT2:     one("fchmodat2", Changes, at(0)),
	unix.SYS_FCHOWN:        one("fchown", Changes, fd(0)),
	unix.SYS_FCHOWNAT:      one("fchownat", Changes, at(0)),
	unix.SYS_UTIMENSAT:     one("utimensat", Changes, at(0)),
	unix.SYS_SETXATTR:      one("setxattr", Changes, path(0)),
	unix.SYS_LSETXATTR:     one("lsetxattr", Changes, path(0)),
	unix.SYS_FSETXATTR:     one("fsetxattr", Changes, fd(0)),
	unix.SYS_SETXATTRAT:    one("setxattrat", Changes, at(0)),
	unix.SYS_REMOVEXATTR:   one("removexattr", Changes, path(0)),
	unix.SYS_LREMOVEXATTR:  one("lremovexattr", Changes, path(0)),
	unix.SYS_FREMOVEXATTR:  one("fremovexattr", Changes, fd(0)),
	unix.SYS_REMOVEXATTRAT: one("removexattrat", Changes, at(0)),
	unix.SYS_FILE_SETATTR:  one("file_setattr", Changes, at(0)),

	unix.SYS_READ:       one("read", Reads, fd(0)),
	unix.SYS_PREAD64:    one("pread64", Reads, fd(0)),
	unix.SYS_FSTAT:      one("fstat", Reads, fd(0)),
	unix.SYS_NEWFSTATAT: one("newfstatat", Reads, at(0)),
	unix.SYS_STATX:      one("statx", Reads, at(0)),
	unix.SYS_STATFS:     one("statfs", Reads, path(0)),
	unix.SYS_FSTATFS:    one("fstatfs", Reads, fd(0)),
	unix.SYS_FACCESSAT:  one("faccessat", Reads, at(0)),
	unix.SYS_FACCESSAT2: one("faccessat2", Reads, at(0)),
	unix.SYS_READLINKAT: one("readlinkat", Reads, at(0)),
	unix.SYS_GETDENTS64: one("getdents64", Reads, fd(0)),
	unix.SYS_GETXATTR:   one("getxattr", Reads, path(0)),
	unix.SYS_LGETXATTR:  one("lgetxattr", Reads, path(0)),
	unix.SYS_FGETXATTR:  one("fgetxattr", Reads, fd(0)),
	unix.SYS_LISTXATTR:  one("listxattr", Reads, path(0)),
	unix.SYS_LLISTXATTR: one("llistxattr", Reads, path(0)),
	unix.SYS_FLISTXATTR: one("flistxattr", Reads, fd(0)),
}

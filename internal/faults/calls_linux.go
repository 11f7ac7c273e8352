// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package faults

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// operand says which arguments name a file. An argument that is not there is -1.
type operand struct{ dir, path int }

func fd(arg int) operand   { return operand{arg, -1} }
func path(arg int) operand { return operand{-1, arg} }
func at(arg int) operand   { return operand{arg, arg + 1} }

// classify tells the class of a call, which may depend on its arguments. 0 does
// not count.
type classify func(tid int, args [6]uint64) Class

type kind struct {
	name  string
	class classify
	files []operand
}

func always(c Class) classify { return func(int, [6]uint64) Class { return c } }

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

// ioctlClass knows the clones of files and the setting of flags.
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

// kindOf finds the kind of a call by its number.
func kindOf(nr uint64) (kind, bool) {
	if k, ok := calls[nr]; ok {
		return k, true
	}
	k, ok := oldCalls[nr]
	return k, ok
}

var calls = map[uint64]kind{
	unix.SYS_OPENAT:  {"openat", openClass(2), []operand{at(0)}},
	unix.SYS_OPENAT2: {"openat2", open2Class, []operand{at(0)}},
	unix.SYS_CLOSE:   {"close", always(Closes), []operand{fd(0)}},
	unix.SYS_IOCTL:   {"ioctl", ioctlClass, []operand{fd(0)}},

	unix.SYS_WRITE:           {"write", always(Changes), []operand{fd(0)}},
	unix.SYS_WRITEV:          {"writev", always(Changes), []operand{fd(0)}},
	unix.SYS_PWRITE64:        {"pwrite64", always(Changes), []operand{fd(0)}},
	unix.SYS_PWRITEV:         {"pwritev", always(Changes), []operand{fd(0)}},
	unix.SYS_PWRITEV2:        {"pwritev2", always(Changes), []operand{fd(0)}},
	unix.SYS_SENDFILE:        {"sendfile", always(Changes), []operand{fd(0)}},
	unix.SYS_SPLICE:          {"splice", always(Changes), []operand{fd(2)}},
	unix.SYS_COPY_FILE_RANGE: {"copy_file_range", always(Changes), []operand{fd(2)}},
	unix.SYS_TRUNCATE:        {"truncate", always(Changes), []operand{path(0)}},
	unix.SYS_FTRUNCATE:       {"ftruncate", always(Changes), []operand{fd(0)}},
	unix.SYS_FALLOCATE:       {"fallocate", always(Changes), []operand{fd(0)}},

	unix.SYS_FSYNC:           {"fsync", always(Changes), []operand{fd(0)}},
	unix.SYS_FDATASYNC:       {"fdatasync", always(Changes), []operand{fd(0)}},
	unix.SYS_SYNCFS:          {"syncfs", always(Changes), []operand{fd(0)}},
	unix.SYS_SYNC_FILE_RANGE: {"sync_file_range", always(Changes), []operand{fd(0)}},
	unix.SYS_FLOCK:           {"flock", always(Changes), []operand{fd(0)}},

	unix.SYS_RENAMEAT:  {"renameat", always(Changes), []operand{at(0), at(2)}},
	unix.SYS_RENAMEAT2: {"renameat2", always(Changes), []operand{at(0), at(2)}},
	unix.SYS_LINKAT:    {"linkat", always(Changes), []operand{at(0), at(2)}},
	unix.SYS_SYMLINKAT: {"symlinkat", always(Changes), []operand{at(1)}},
	unix.SYS_UNLINKAT:  {"unlinkat", always(Changes), []operand{at(0)}},
	unix.SYS_MKDIRAT:   {"mkdirat", always(Changes), []operand{at(0)}},
	unix.SYS_MKNODAT:   {"mknodat", always(Changes), []operand{at(0)}},

	unix.SYS_FCHMOD:        {"fchmod", always(Changes), []operand{fd(0)}},
	unix.SYS_FCHMODAT:      {"fchmodat", always(Changes), []operand{at(0)}},
	unix.SYS_FCHMODAT2:     {"fchmodat2", always(Changes), []operand{at(0)}},
	unix.SYS_FCHOWN:        {"fchown", always(Changes), []operand{fd(0)}},
	unix.SYS_FCHOWNAT:      {"fchownat", always(Changes), []operand{at(0)}},
	unix.SYS_UTIMENSAT:     {"utimensat", always(Changes), []operand{at(0)}},
	unix.SYS_SETXATTR:      {"setxattr", always(Changes), []operand{path(0)}},
	unix.SYS_LSETXATTR:     {"lsetxattr", always(Changes), []operand{path(0)}},
	unix.SYS_FSETXATTR:     {"fsetxattr", always(Changes), []operand{fd(0)}},
	unix.SYS_SETXATTRAT:    {"setxattrat", always(Changes), []operand{at(0)}},
	unix.SYS_REMOVEXATTR:   {"removexattr", always(Changes), []operand{path(0)}},
	unix.SYS_LREMOVEXATTR:  {"lremovexattr", always(Changes), []operand{path(0)}},
	unix.SYS_FREMOVEXATTR:  {"fremovexattr", always(Changes), []operand{fd(0)}},
	unix.SYS_REMOVEXATTRAT: {"removexattrat", always(Changes), []operand{at(0)}},
	unix.SYS_FILE_SETATTR:  {"file_setattr", always(Changes), []operand{at(0)}},

	unix.SYS_READ:       {"read", always(Reads), []operand{fd(0)}},
	unix.SYS_PREAD64:    {"pread64", always(Reads), []operand{fd(0)}},
	unix.SYS_FSTAT:      {"fstat", always(Reads), []operand{fd(0)}},
	unix.SYS_NEWFSTATAT: {"newfstatat", always(Reads), []operand{at(0)}},
	unix.SYS_STATX:      {"statx", always(Reads), []operand{at(0)}},
	unix.SYS_STATFS:     {"statfs", always(Reads), []operand{path(0)}},
	unix.SYS_FSTATFS:    {"fstatfs", always(Reads), []operand{fd(0)}},
	unix.SYS_FACCESSAT:  {"faccessat", always(Reads), []operand{at(0)}},
	unix.SYS_FACCESSAT2: {"faccessat2", always(Reads), []operand{at(0)}},
	unix.SYS_READLINKAT: {"readlinkat", always(Reads), []operand{at(0)}},
	unix.SYS_GETDENTS64: {"getdents64", always(Reads), []operand{fd(0)}},
	unix.SYS_GETXATTR:   {"getxattr", always(Reads), []operand{path(0)}},
	unix.SYS_LGETXATTR:  {"lgetxattr", always(Reads), []operand{path(0)}},
	unix.SYS_FGETXATTR:  {"fgetxattr", always(Reads), []operand{fd(0)}},
	unix.SYS_LISTXATTR:  {"listxattr", always(Reads), []operand{path(0)}},
	unix.SYS_LLISTXATTR: {"llistxattr", always(Reads), []operand{path(0)}},
	unix.SYS_FLISTXATTR: {"flistxattr", always(Reads), []operand{fd(0)}},
	unix.SYS_EXECVE:     {"execve", always(Reads), []operand{path(0)}},
	unix.SYS_EXECVEAT:   {"execveat", always(Reads), []operand{at(0)}},
}

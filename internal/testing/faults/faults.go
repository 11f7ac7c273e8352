// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package faults injects faults into the file-system calls of a real program: an error, a
// kill or a power cut at any of them. Only tests import it.
//
// [Run] runs a command under ptrace and numbers the file-system calls that it makes
// below given directories: 1, 2, 3, … over all its threads and children, in the order
// in which they enter the kernel. A [Hook] is called just before each call, and decides
// that it is made, that it fails, or that the command is killed. A sweep over all calls
// is a loop that ends when there is no call n:
//
//	watch := faults.Watch{Dirs: []string{dir}, Fold: true}
//	for n := 1; ; n++ {
//		// restore the directory
//		res, err := faults.Run(ctx, exec.Command(program), watch, faults.At(n, faults.Kill))
//		// check the directory
//		if len(res.Calls) < n {
//			break
//		}
//	}
//
// [Disk] is a file system for power cuts. The hook calls its Cut, and Remount shows what
// the machine finds after the next boot. Cut drops what the kernel has not sent to the
// device. It does not drop or reorder what is in the write cache of a device.
//
// The counted calls are listed in calls_linux.go. Writes through mmap and io_uring are
// not counted. A killed call has no effect, but a call of another thread may be half
// done, as on a real machine: the result for such a program is not deterministic.
package faults

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
)

// ErrUnsupported means that this system cannot trace: that needs Linux 5.3 on amd64 or
// arm64. It is an errors.ErrUnsupported.
var ErrUnsupported = fmt.Errorf("tracing file-system calls: %w", errors.ErrUnsupported)

// Class is a kind of call.
type Class uint8

const (
	// Changes are calls that change, sync or lock a file or directory, or open it for
	// writing.
	Changes Class = 1 << iota
	// Reads are calls that read a file, a directory or their metadata.
	Reads
	// Closes are calls that close a descriptor.
	Closes
)

// Watch selects the calls that are counted.
type Watch struct {
	// Dirs are the directories. Calls count if they work on one of them or below.
	Dirs []string
	// Also are the classes that are counted besides Changes.
	Also Class
	// Fold counts only the first two of consecutive reads, and of consecutive writes,
	// of a file. The number of a call then does not depend on how many pieces a
	// download came in.
	Fold bool
}

// Call is a counted call.
type Call struct {
	N     int    // from 1
	Name  string // as in section 2 of the manual
	Path  string // the file that it works on
	To    string // the second file of a rename or link
	Class Class
	// Errno is its result: 0 for success, ENOSYS for a call that did not return.
	Errno syscall.Errno
}

// String returns a line for the output of a test.
func (c Call) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s %s", c.N, c.Name, c.Path)
	if c.To != "" {
		b.WriteString(" " + c.To)
	}
	if c.Errno != 0 {
		fmt.Fprintf(&b, ": %v", c.Errno)
	}
	return b.String()
}

// Action is what is done with a call.
type Action struct {
	kill  bool
	lose  bool
	errno syscall.Errno
}

var (
	// Pass makes the call.
	Pass = Action{}
	// Kill ends the command and everything it started, before the call is made.
	Kill = Action{kill: true}
	// Lose returns success without making the call, as a file system does that accepts
	// what it cannot store. A close is made anyway.
	Lose = Action{lose: true}
)

// Fail returns errno without making the call. A close is made anyway, because a
// descriptor is closed even if close fails.
func Fail(errno syscall.Errno) Action { return Action{errno: errno} }

// Hook decides what is done with a call. The thread that makes it is stopped meanwhile,
// the other threads are not.
type Hook func(Call) Action

// At returns a hook that returns do for call n, and Pass for all others.
func At(n int, do Action) Hook {
	return func(c Call) Action {
		if c.N == n {
			return do
		}
		return Pass
	}
}

// Result describes how a command ended.
type Result struct {
	Calls  []Call
	Exit   int            // -1 when a signal ended it
	Signal syscall.Signal // 0 if no signal ended it
	// Output is what it wrote to stdout and stderr, unless the command redirects them.
	Output []byte
}

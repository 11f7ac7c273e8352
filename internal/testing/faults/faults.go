// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package faults makes the faults of a real machine happen to a real program,
// at a place of the test's choosing. Only tests import it.
//
// [Run] runs a command under ptrace and numbers the file-system calls it makes
// below given directories: 1, 2, 3, … over all its threads and children, in the
// order in which they enter the kernel. A [Hook] sees every call just before it
// is made and lets it pass, fails it, or kills the command. A sweep over all
// places is a loop that ends when there is no call n any more:
//
//	watch := faults.Watch{Dirs: []string{dir}, Fold: true}
//	for n := 1; ; n++ {
//		// put the directory in its first state
//		res, err := faults.Run(ctx, exec.Command(program), watch, faults.At(n, faults.Kill))
//		// look at the directory
//		if len(res.Calls) < n {
//			break
//		}
//	}
//
// [Disk] is a file system of its own, for power cuts: its Cut is called by the
// hook, and Remount shows what a machine finds when it starts again. Cut drops
// what the kernel had not given to the device; it does not drop or reorder what
// lies in a device's own write cache.
//
// What is counted is listed in calls_linux.go. Writes through mmap and io_uring
// are not seen. A killed call has no effect, but one that another thread made
// before it may be half done, as in life: such a program is not deterministic.
package faults

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
)

// ErrUnsupported says that this system has no tracer: it needs Linux 5.3 on
// amd64 or arm64. It is an errors.ErrUnsupported.
var ErrUnsupported = fmt.Errorf("tracing file-system calls: %w", errors.ErrUnsupported)

// Class is a kind of call.
type Class uint8

const (
	// Changes alter a file or a directory, make that last, or lock it.
	// Opening a file for writing is one.
	Changes Class = 1 << iota
	// Reads look at something.
	Reads
	// Closes close a descriptor, whatever it was opened for.
	Closes
)

// Watch says which calls count.
type Watch struct {
	// Dirs are the directories below which, and at which, a call must work.
	Dirs []string
	// Also are the classes that count besides Changes.
	Also Class
	// Fold numbers only the first two reads and the first two writes of a file,
	// until something else is done. The number of a call then does not depend
	// on how many pieces a download came in.
	Fold bool
}

// Call is a counted call.
type Call struct {
	N     int    // from 1
	Name  string // as in section 2 of the manual
	Path  string // what it works on
	To    string // the second file of a rename or link
	Class Class
	// Errno is how it ended: 0 is success. It is ENOSYS for a call that did not end.
	Errno syscall.Errno
}

// String is one line for a person.
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

// Action is what becomes of a call.
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
	// Lose answers that the call was made, without making it, as a file system
	// does that takes what it cannot store. A close is made all the same.
	Lose = Action{lose: true}
)

// Fail answers errno without making the call. A close is made all the same,
// because a descriptor is gone even when closing it fails.
func Fail(errno syscall.Errno) Action { return Action{errno: errno} }

// Hook decides about a call. The thread that makes it stands still meanwhile,
// the others go on.
type Hook func(Call) Action

// At is the hook that does something to call n, and nothing to the others.
func At(n int, do Action) Hook {
	return func(c Call) Action {
		if c.N == n {
			return do
		}
		return Pass
	}
}

// Result is how a command ended.
type Result struct {
	Calls  []Call
	Exit   int            // -1 when a signal ended it
	Signal syscall.Signal // 0 when it ended by itself
	// Output is what it wrote to stdout and stderr, unless the command says
	// where these go.
	Output []byte
}

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build darwin || freebsd

package attrs

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// Copy makes dst, which nobody else can open yet, carry the access list, the
// extended attributes and the flags of src. An access list that is there and
// cannot be had is an ErrLost; what else cannot be had, or read, is lost.
//
// It was built and vetted, and never run, on these systems. So it refuses
// nothing for a question that the system does not answer.
func Copy(dst, src *os.File) (lost []string, err error) {
	lost, err = copyAccess(dst, src)
	if err != nil {
		return nil, err
	}
	notes, err := copyNotes(dst, src)
	if err != nil {
		return nil, err
	}
	return slices.Concat(lost, notes, copyFlags(dst, src)), nil
}

var errDiffers = errors.New("it is not the one of the old file")

// copyNotes copies extended attributes.
func copyNotes(dst, src *os.File) (lost []string, err error) {
	want, err := read(src)
	if err != nil {
		return []string{fmt.Sprintf("extended attributes (%v)", err)}, nil
	}
	has, _ := read(dst)
	for name := range has {
		if _, keep := want[name]; !keep {
			// Some are the system's own and stay.
			_ = unix.Fremovexattr(int(dst.Fd()), name)
		}
	}
	for name, value := range want {
		if bytes.Equal(has[name], value) && has[name] != nil {
			continue
		}
		if err := unix.Fsetxattr(int(dst.Fd()), name, value, 0); err != nil {
			if decides(name) {
				return nil, fmt.Errorf("%w: %s: %w", ErrLost, name, err)
			}
			lost = append(lost, name)
		}
	}
	slices.Sort(lost)
	return lost, nil
}

// get reads one attribute; some must not be read, or are gone since the list.
func get(f *os.File, name string) ([]byte, bool) {
	size, err := unix.Fgetxattr(int(f.Fd()), name, nil)
	if err != nil {
		return nil, false
	}
	value := make([]byte, size)
	size, err = unix.Fgetxattr(int(f.Fd()), name, value)
	if err != nil || size > len(value) {
		return nil, false
	}
	return value[:size], true
}

// copyFlags copies what chflags(1) sets. Immutable files are never replaced.
func copyFlags(dst, src *os.File) (lost []string) {
	want, err := flagsOf(src)
	if err != nil {
		return []string{fmt.Sprintf("flags (%v)", err)}
	}
	have, err := flagsOf(dst)
	if err == nil && want&keptFlags != have&keptFlags {
		_ = unix.Fchflags(int(dst.Fd()), int(have&^keptFlags|want&keptFlags))
		have, err = flagsOf(dst)
	}
	if missing := want &^ have &^ storageFlags; err != nil || missing != 0 {
		lost = append(lost, fmt.Sprintf("flags %#x", missing))
	}
	return lost
}

func flagsOf(f *os.File) (uint32, error) {
	var st syscall.Stat_t
	if err := syscall.Fstat(int(f.Fd()), &st); err != nil {
		return 0, err
	}
	return st.Flags, nil
}

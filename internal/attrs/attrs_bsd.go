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

// Copy gives dst, which no other user can open yet, the access list, the extended
// attributes and the flags of src. It returns ErrLost for an access list that it could
// read but not set, and in lost what else could not be copied.
//
// This code was built and vetted, and never run. So it does not fail if the system
// does not answer a question.
func Copy(dst, src *os.File) (lost []string, err error) {
	lost, err = copyAccess(dst, src)
	if err != nil {
		return nil, err
	}
	attributes, err := copyAttributes(dst, src)
	if err != nil {
		return nil, err
	}
	return slices.Concat(lost, attributes, copyFlags(dst, src)), nil
}

var errDiffers = errors.New("differs from that of the old file")

// copyAttributes copies extended attributes.
func copyAttributes(dst, src *os.File) (lost []string, err error) {
	want, err := read(src)
	if err != nil {
		return []string{fmt.Sprintf("extended attributes (%v)", err)}, nil
	}
	has, _ := read(dst)
	for name := range has {
		if _, keep := want[name]; !keep {
			// An error is ignored: some attributes belong to the system.
			_ = unix.Fremovexattr(int(dst.Fd()), name)
		}
	}
	for name, value := range want {
		if bytes.Equal(has[name], value) && has[name] != nil {
			continue
		}
		if err := unix.Fsetxattr(int(dst.Fd()), name, value, 0); err != nil {
			if affectsRights(name) {
				return nil, fmt.Errorf("%w: %s: %w", ErrLost, name, err)
			}
			lost = append(lost, name)
		}
	}
	slices.Sort(lost)
	return lost, nil
}

// get reads one attribute. It may be unreadable, or removed since it was listed.
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

// copyFlags copies the flags of chflags(1), but not those of immutable files, which
// are never replaced.
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

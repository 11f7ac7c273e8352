// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package attrs

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// capability is set last: other changes of the file drop it.
const capability = "security.capability"

// Copy gives dst, which no other user can open yet, the attributes of src, and removes
// all others. It returns the names of user attributes (user.*) and flags that could
// not be copied in lost, and ErrLost for any other attribute. Signatures of the old
// content (security.ima, security.evm) are not copied.
func Copy(dst, src *os.File) (lost []string, err error) {
	want, err := read(src)
	if err != nil {
		return nil, fmt.Errorf("reading extended attributes: %w", err)
	}
	has, err := read(dst)
	if err != nil {
		return nil, fmt.Errorf("reading extended attributes: %w", err)
	}
	for _, name := range sorted(has) {
		if _, keep := want[name]; keep {
			continue
		}
		// The policy labels every new file, and may not let us remove the label.
		if err := unix.Fremovexattr(int(dst.Fd()), name); err != nil && name != "security.selinux" {
			return nil, fmt.Errorf("%w: %s, which the old file does not have, cannot be removed: %w", ErrLost, name, err)
		}
	}
	for _, name := range sorted(want) {
		if old, ok := has[name]; ok && bytes.Equal(old, want[name]) {
			continue
		}
		err := unix.Fsetxattr(int(dst.Fd()), name, want[name], 0)
		switch {
		case err == nil:
		case strings.HasPrefix(name, "user."):
			lost = append(lost, name)
		default:
			return nil, fmt.Errorf("%w: %s: %w", ErrLost, name, err)
		}
	}
	return append(lost, copyFlags(dst, src)...), verify(dst, want)
}

// verify reads the attributes back: a file system may accept a value and store
// another one.
func verify(dst *os.File, want map[string][]byte) error {
	got, err := read(dst)
	if err != nil {
		return fmt.Errorf("reading extended attributes: %w", err)
	}
	for name, value := range want {
		if !strings.HasPrefix(name, "user.") && !bytes.Equal(got[name], value) {
			return fmt.Errorf("%w: %s was set but has another value now", ErrLost, name)
		}
	}
	return nil
}

// sorted returns the names in the order in which they are set.
func sorted(set map[string][]byte) (names []string) {
	for name := range set {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if (a == capability) != (b == capability) {
			if a == capability {
				return 1
			}
			return -1
		}
		return strings.Compare(a, b)
	})
	return names
}

func read(f *os.File) (map[string][]byte, error) {
	list := make([]byte, 64<<10) // XATTR_LIST_MAX
	n, err := unix.Flistxattr(int(f.Fd()), list)
	if errors.Is(err, unix.ENOTSUP) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	set := map[string][]byte{}
	value := make([]byte, 64<<10) // XATTR_SIZE_MAX
	for name := range strings.SplitSeq(strings.TrimSuffix(string(list[:n]), "\x00"), "\x00") {
		switch name {
		case "", "security.ima", "security.evm":
			continue
		}
		n, err := unix.Fgetxattr(int(f.Fd()), name, value)
		switch {
		case errors.Is(err, unix.ENODATA), errors.Is(err, unix.ENOTSUP):
		case err != nil:
			return nil, fmt.Errorf("%s: %w", name, err)
		default:
			set[name] = bytes.Clone(value[:n])
		}
	}
	return set, nil
}

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package attrs

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	keptFlags    = 0x1 | 0x8000            // UF_NODUMP, UF_HIDDEN
	storageFlags = 0x100 | 0x800 | 0x10000 // UF_SPARSE, UF_ARCHIVE, SF_ARCHIVED: how it is stored
)

// affectsRights reports whether an attribute may decide about rights: all in the
// namespace of the system, as labels of mandatory access control.
func affectsRights(name string) bool { return strings.HasPrefix(name, "system.") }

// read omits access lists, which UFS also shows as attributes. Attributes that only
// root can see are absent for other users.
func read(f *os.File) (map[string][]byte, error) {
	set := map[string][]byte{}
	for prefix, space := range map[string]int{
		"user.": unix.EXTATTR_NAMESPACE_USER, "system.": unix.EXTATTR_NAMESPACE_SYSTEM,
	} {
		list := make([]byte, 256<<10)
		n, err := unix.ExtattrListFd(int(f.Fd()), space, uintptr(unsafe.Pointer(&list[0])), len(list))
		runtime.KeepAlive(list)
		switch {
		case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EPERM):
			continue
		case err != nil:
			return nil, err
		}
		for _, name := range parseNames(list[:n]) {
			if strings.HasPrefix(name, "posix1e.acl_") || name == "nfs4.acl" {
				continue
			}
			if value, ok := get(f, prefix+name); ok {
				set[prefix+name] = value
			}
		}
	}
	return set, nil
}

// parseNames reads names with their length in front.
func parseNames(list []byte) (names []string) {
	for len(list) > 0 && int(list[0]) < len(list) {
		size := 1 + int(list[0])
		names = append(names, string(list[1:size]))
		list = list[size:]
	}
	return names
}

// access is struct acl of sys/acl.h.
type access struct {
	room, used uint32
	_          [4]int32
	entries    [maxEntries][16]byte
}

const maxEntries = 254

func (a *access) list() []byte {
	if a == nil {
		return nil
	}
	return bytes.Join(slicesOf(a.entries[:min(a.used, maxEntries)]), nil)
}

func slicesOf(entries [][16]byte) (all [][]byte) {
	for i := range entries {
		all = append(all, entries[i][:])
	}
	return all
}

// A file system has access lists of one of these kinds, or none: ACL_TYPE_ACCESS of
// POSIX, ACL_TYPE_NFS4. A list that only repeats the mode counts too.
var kinds = [...]uintptr{2, 4}

func copyAccess(dst, src *os.File) (lost []string, err error) {
	for _, kind := range kinds {
		want, err := accessOf(src, kind)
		if err != nil {
			lost = append(lost, fmt.Sprintf("access list (%v)", err))
			continue
		}
		have, err := accessOf(dst, kind)
		if want == nil || err == nil && bytes.Equal(want.list(), have.list()) {
			continue
		}
		var setErr error
		if _, _, errno := unix.Syscall(unix.SYS___ACL_SET_FD, dst.Fd(), kind, uintptr(unsafe.Pointer(want))); errno != 0 {
			setErr = errno
		}
		if have, err = accessOf(dst, kind); err != nil || !bytes.Equal(want.list(), have.list()) {
			return nil, fmt.Errorf("%w: access list: %w", ErrLost, errors.Join(setErr, err, errDiffers))
		}
	}
	return lost, nil
}

// accessOf returns nil if the file system has no lists of this kind.
func accessOf(f *os.File, kind uintptr) (*access, error) {
	a := &access{room: maxEntries}
	_, _, errno := unix.Syscall(unix.SYS___ACL_GET_FD, f.Fd(), kind, uintptr(unsafe.Pointer(a)))
	switch errno {
	case 0:
		return a, nil
	case unix.EINVAL, unix.EOPNOTSUPP, unix.ENOSYS:
		return nil, nil
	}
	return nil, errno
}

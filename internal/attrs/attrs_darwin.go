// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package attrs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	keptFlags    = unix.UF_NODUMP | unix.UF_HIDDEN
	storageFlags = 0x20 | 0x40 | 0x10000 // UF_COMPRESSED, UF_TRACKED, SF_ARCHIVED: how it is stored
)

// affectsRights is false: on this system only access lists decide about rights.
func affectsRights(string) bool { return false }

// skipped reports the attributes that are not copied: where the old content came from
// (com.apple.quarantine), who signed it (com.apple.cs.*), and those of the system.
func skipped(name string) bool {
	switch name {
	case "", "com.apple.quarantine", "com.apple.provenance", "com.apple.macl", "com.apple.lastuseddate#PS":
		return true
	}
	return strings.HasPrefix(name, "com.apple.cs.") || strings.HasPrefix(name, "com.apple.system.")
}

func read(f *os.File) (map[string][]byte, error) {
	size, err := unix.Flistxattr(int(f.Fd()), nil)
	if errors.Is(err, unix.ENOTSUP) || err == nil && size == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	list := make([]byte, size)
	if size, err = unix.Flistxattr(int(f.Fd()), list); err != nil {
		return nil, err
	}
	set := map[string][]byte{}
	for name := range strings.SplitSeq(string(list[:size]), "\x00") {
		if skipped(name) {
			continue
		}
		if value, ok := get(f, name); ok {
			set[name] = value
		}
	}
	return set, nil
}

// ATTR_CMN_EXTENDED_SECURITY of getattrlist(2) is a struct kauth_filesec: a magic
// number, two GUIDs, then the list, which is the number of entries, flags, entries.
const (
	listAt    = 4 + 16 + 16
	entriesAt = listAt + 4 + 4
	entrySize = 16 + 4 + 4
	magic     = 0x012cc16d
	noList    = 1<<32 - 1 // as the number of entries
)

func copyAccess(dst, src *os.File) (lost []string, err error) {
	want, err := accessOf(src)
	if err != nil {
		return []string{fmt.Sprintf("access list (%v)", err)}, nil
	}
	have, err := accessOf(dst)
	if err == nil && bytes.Equal(want, have) {
		return nil, nil
	}
	setErr := setAccess(dst, want)
	if have, err = accessOf(dst); err != nil || !bytes.Equal(want, have) {
		return nil, fmt.Errorf("%w: access list: %w", ErrLost, errors.Join(setErr, err, errDiffers))
	}
	return nil, nil
}

// accessOf returns the access list, or nil if there is none.
func accessOf(f *os.File) ([]byte, error) {
	request := unix.Attrlist{Bitmapcount: unix.ATTR_BIT_MAP_COUNT, Commonattr: unix.ATTR_CMN_EXTENDED_SECURITY}
	answer := make([]byte, 16<<10) // enough for KAUTH_ACL_MAX_ENTRIES, 128
	_, _, errno := unix.Syscall6(unix.SYS_FGETATTRLIST, f.Fd(), uintptr(unsafe.Pointer(&request)),
		uintptr(unsafe.Pointer(&answer[0])), uintptr(len(answer)), 0, 0)
	switch {
	case errno == unix.ENOTSUP || errno == unix.EINVAL:
		return nil, nil // the file system has no access lists
	case errno != 0:
		return nil, errno
	}
	return parseAccess(answer)
}

// parseAccess reads a length, then the offset of the structure in the rest.
func parseAccess(answer []byte) ([]byte, error) {
	order := binary.LittleEndian
	at := 4 + int64(int32(order.Uint32(answer[4:])))
	size := int64(order.Uint32(answer[8:]))
	if size < entriesAt {
		return nil, nil
	}
	if at < 12 || at+size > int64(len(answer)) || order.Uint32(answer[at:]) != magic {
		return nil, errors.New("unknown format")
	}
	security := answer[at : at+size]
	entries := int64(order.Uint32(security[listAt:]))
	if entries == noList || entries == 0 {
		return nil, nil
	}
	if end := entriesAt + entries*entrySize; end <= size {
		return bytes.Clone(security[listAt:end]), nil
	}
	return nil, errors.New("unknown format")
}

func setAccess(f *os.File, list []byte) error {
	order := binary.LittleEndian
	security := make([]byte, entriesAt)
	order.PutUint32(security, magic)
	order.PutUint32(security[listAt:], noList)
	if list != nil {
		security = append(security[:listAt], list...)
	}
	value := order.AppendUint32(nil, 8) // from here to the structure
	value = order.AppendUint32(value, uint32(len(security)))
	value = append(value, security...)
	request := unix.Attrlist{Bitmapcount: unix.ATTR_BIT_MAP_COUNT, Commonattr: unix.ATTR_CMN_EXTENDED_SECURITY}
	_, _, errno := unix.Syscall6(unix.SYS_FSETATTRLIST, f.Fd(), uintptr(unsafe.Pointer(&request)),
		uintptr(unsafe.Pointer(&value[0])), uintptr(len(value)), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

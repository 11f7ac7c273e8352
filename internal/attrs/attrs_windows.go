// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package attrs

import (
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Copy gives dst, which is open for writing, the access list of src, and returns
// ErrLost if it cannot. It copies owner and attributes as far as they are permitted
// and the volume supports them, and returns the others, and alternate streams, in
// lost.
func Copy(dst, src *os.File) (lost []string, err error) {
	// Opened first, because the access list of src may not permit it. Set last,
	// because only the owner may be able to change the access list.
	h, openErr := reopen(dst, windows.WRITE_OWNER)
	if openErr == nil {
		defer windows.CloseHandle(h)
	}
	if err := copyAccess(dst, src); err != nil {
		return nil, fmt.Errorf("%w: access list: %w", ErrLost, err)
	}
	if !copyOwner(h, dst, src) {
		lost = append(lost, "owner")
	}
	attributes, err := copyAttributes(dst, src)
	return slices.Concat(lost, streamsOf(src), attributes), err
}

// copyOwner reports whether dst has the owner of src, which it sets through h. That
// takes a privilege. Without it the user who updates becomes the owner, which gives
// them no new right: a user who can replace the file can also create it.
func copyOwner(h windows.Handle, dst, src *os.File) bool {
	want, err := ownerOf(src)
	if err != nil {
		return false
	}
	if have, err := ownerOf(dst); err == nil && have == want {
		return true
	}
	descriptor, err := windows.SecurityDescriptorFromString(want)
	if err != nil {
		return false
	}
	// An invalid h gives an error too.
	if err := windows.SetKernelObjectSecurity(h, windows.OWNER_SECURITY_INFORMATION, descriptor); err != nil {
		return false
	}
	have, err := ownerOf(dst)
	return err == nil && have == want
}

// ownerOf returns the owner in SDDL.
func ownerOf(f *os.File) (string, error) {
	d, err := windows.GetSecurityInfo(windows.Handle(f.Fd()), windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION)
	if err != nil {
		return "", err
	}
	return d.String(), nil
}

// streamsOf returns the names of the alternate streams of f, and none if the volume
// does not support them.
func streamsOf(f *os.File) []string {
	buf := make([]byte, 64<<10)
	err := windows.GetFileInformationByHandleEx(windows.Handle(f.Fd()), windows.FileStreamInfo, &buf[0], uint32(len(buf)))
	if err != nil {
		return nil
	}
	return streams(buf)
}

// streams reads a chain of FILE_STREAM_INFO. The stream of the content has no name.
func streams(chain []byte) (names []string) {
	const header = 24 // offset of the next uint32, length of the name uint32, two sizes
	for len(chain) >= header {
		next, size := binary.LittleEndian.Uint32(chain), binary.LittleEndian.Uint32(chain[4:])
		if int64(size) > int64(len(chain)-header) {
			return names
		}
		var name []uint16
		for at := header; at+1 < header+int(size); at += 2 {
			name = append(name, binary.LittleEndian.Uint16(chain[at:]))
		}
		stream := strings.TrimSuffix(windows.UTF16ToString(name), ":$DATA")
		if stream != "" && stream != ":" && stream != ":Zone.Identifier" {
			names = append(names, "stream "+stream)
		}
		if next < header || int64(next) >= int64(len(chain)) {
			return names
		}
		chain = chain[next:]
	}
	return names
}

func copyAccess(dst, src *os.File) error {
	want, err := accessOf(src)
	if err != nil {
		return err
	}
	have, err := accessOf(dst)
	if err != nil {
		return err
	}
	if entries(have) == entries(want) {
		return nil
	}
	h, err := reopen(dst, windows.WRITE_DAC)
	if err != nil {
		return err
	}
	defer windows.CloseHandle(h)
	// Not SetSecurityInfo: it would take inherited entries from the directory of dst
	// instead of those of src.
	if err := windows.SetKernelObjectSecurity(h, windows.DACL_SECURITY_INFORMATION, want); err != nil {
		return err
	}
	if have, err = accessOf(dst); err != nil {
		return err
	}
	if entries(have) != entries(want) {
		return fmt.Errorf("%s became %s", entries(want), entries(have))
	}
	return nil
}

func accessOf(f *os.File) (*windows.SECURITY_DESCRIPTOR, error) {
	return windows.GetSecurityInfo(windows.Handle(f.Fd()), windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
}

// entries returns the list in SDDL, without the flags that record how it was made.
func entries(d *windows.SECURITY_DESCRIPTOR) string {
	flags, list, some := strings.Cut(d.String(), "(")
	protected := ""
	if strings.Contains(strings.TrimPrefix(flags, "D:"), "P") {
		protected = "P"
	}
	if !some {
		return "D:" + protected
	}
	return "D:" + protected + "(" + list
}

var reOpenFile = windows.NewLazySystemDLL("kernel32.dll").NewProc("ReOpenFile")

// reopen opens the same file, whatever its name is now, with other access rights.
func reopen(f *os.File, access uint32) (windows.Handle, error) {
	const share = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE
	h, _, err := reOpenFile.Call(f.Fd(), uintptr(access), share, 0)
	if windows.Handle(h) == windows.InvalidHandle {
		return windows.InvalidHandle, err
	}
	return windows.Handle(h), nil
}

// kept are the attributes that can be set. The others describe how a file is stored.
const kept = windows.FILE_ATTRIBUTE_HIDDEN | windows.FILE_ATTRIBUTE_SYSTEM | windows.FILE_ATTRIBUTE_NOT_CONTENT_INDEXED

// basicInfo is FILE_BASIC_INFO. A time of 0 is not changed.
type basicInfo struct {
	times      [4]int64
	attributes uint32
	_          uint32
}

func copyAttributes(dst, src *os.File) (lost []string, err error) {
	want, err := attributesOf(src)
	if err != nil {
		return nil, err
	}
	have, err := attributesOf(dst)
	if err != nil {
		return nil, err
	}
	if want&kept != have&kept {
		next := basicInfo{attributes: have&^kept | want&kept}
		// An attribute that could not be set is reported below.
		_ = windows.SetFileInformationByHandle(windows.Handle(dst.Fd()), windows.FileBasicInfo,
			(*byte)(unsafe.Pointer(&next)), uint32(unsafe.Sizeof(next)))
		if have, err = attributesOf(dst); err != nil {
			return nil, err
		}
	}
	for _, a := range []struct {
		bit  uint32
		name string
	}{
		{windows.FILE_ATTRIBUTE_HIDDEN, "hidden"},
		{windows.FILE_ATTRIBUTE_SYSTEM, "system"},
		{windows.FILE_ATTRIBUTE_NOT_CONTENT_INDEXED, "not content indexed"},
		{windows.FILE_ATTRIBUTE_COMPRESSED, "compressed"},
		{windows.FILE_ATTRIBUTE_ENCRYPTED, "encrypted"},
	} {
		if want&a.bit != 0 && have&a.bit == 0 {
			lost = append(lost, a.name)
		}
	}
	return lost, nil
}

func attributesOf(f *os.File) (uint32, error) {
	var info windows.ByHandleFileInformation
	if err := windows.GetFileInformationByHandle(windows.Handle(f.Fd()), &info); err != nil {
		return 0, fmt.Errorf("reading the attributes of %q: %w", f.Name(), err)
	}
	return info.FileAttributes, nil
}

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package attrs

import (
	"fmt"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Copy gives dst, which is open for writing, the access list of src, or returns
// an ErrLost; and its attributes as far as the volume has them, the rest of which
// are returned in lost. An owner cannot be given by everyone: dst's is who made it.
func Copy(dst, src *os.File) (lost []string, err error) {
	if err := copyAccess(dst, src); err != nil {
		return nil, fmt.Errorf("%w: access list: %w", ErrLost, err)
	}
	return copyAttributes(dst, src)
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
	// Not SetSecurityInfo: it would take inherited entries from the directory
	// dst lies in, instead of those that src has.
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

// entries are the list in SDDL, without the flags that tell how it came about.
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

// reopen opens the same file, whatever its name is by now, for something else.
func reopen(f *os.File, access uint32) (windows.Handle, error) {
	const share = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE
	h, _, err := reOpenFile.Call(f.Fd(), uintptr(access), share, 0)
	if windows.Handle(h) == windows.InvalidHandle {
		return windows.InvalidHandle, err
	}
	return windows.Handle(h), nil
}

// kept are the attributes that can be set. Others tell how a file is stored.
const kept = windows.FILE_ATTRIBUTE_HIDDEN | windows.FILE_ATTRIBUTE_SYSTEM | windows.FILE_ATTRIBUTE_NOT_CONTENT_INDEXED

// basicInfo is FILE_BASIC_INFO; a time of 0 stays as it is.
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
		// What cannot be set is found missing below.
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

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package windows

import (
	"syscall"
	"unsafe"
)

// deleteLikeNTFS is added to the standard library for tests that run under Wine
// 8, which does not know FileDispositionInformationEx: a file that was deleted
// keeps its name until the last handle is closed, so that its directory cannot
// be removed. NTFS moves such a file out of the way, into \$Extend\$Deleted; this
// moves it into a directory for temporary files.
func deleteLikeNTFS(h syscall.Handle) error {
	// First, because it fails for a running program, as it must.
	if err := deleteatFallback(h); err != nil {
		return err
	}
	var info syscall.ByHandleFileInformation
	if err := syscall.GetFileInformationByHandle(h, &info); err != nil {
		return err
	}
	if info.FileAttributes&syscall.FILE_ATTRIBUTE_DIRECTORY != 0 {
		return nil
	}
	random := make([]byte, 26)
	if err := ProcessPrng(random); err != nil {
		return err
	}
	for i := range random {
		random[i] = 'a' + random[i]%26
	}
	name, err := syscall.UTF16FromString(`\??\C:\windows\temp\deleted-` + string(random))
	if err != nil {
		return err
	}
	rename := FILE_RENAME_INFORMATION{FileNameLength: uint32((len(name) - 1) * 2)}
	copy(rename.FileName[:], name)
	const fileRenameInformation = 10
	// An error, such as for a file on another volume, leaves what Wine can do.
	_ = NtSetInformationFile(h, &IO_STATUS_BLOCK{}, unsafe.Pointer(&rename), uint32(unsafe.Sizeof(rename)), fileRenameInformation)
	return nil
}

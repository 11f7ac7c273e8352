// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package windows

import (
	"syscall"
	"unsafe"
)

// deleteLikeNTFS is added to the standard library for tests under Wine 8, which lacks
// FileDispositionInformationEx: a deleted file keeps its name until the last handle is
// closed, so its directory cannot be removed. NTFS moves such a file to
// \$Extend\$Deleted; this function moves it to a directory for temporary files.
func deleteLikeNTFS(h syscall.Handle) error {
	// First, because it has to fail for a running program.
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
	// After an error, for example for a file on another volume, the file keeps its name.
	_ = NtSetInformationFile(h, &IO_STATUS_BLOCK{}, unsafe.Pointer(&rename), uint32(unsafe.Sizeof(rename)), fileRenameInformation)
	return nil
}

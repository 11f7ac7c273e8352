// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package attrs

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// flags are the flags of FS_IOC_SETFLAGS that are copied, with their letter in
// chattr(1). The others describe how a file is stored, or prevent that it is
// replaced.
var flags = [...]struct {
	bit    int
	letter string
}{
	{0x1, "s"}, {0x2, "u"}, {0x4, "c"}, {0x8, "S"}, {0x40, "d"}, {0x80, "A"}, {0x400, "m"}, {0x800, "E"},
	{0x4000, "j"}, {0x8000, "t"}, {0x100000, "V"}, {0x800000, "C"}, {0x2000000, "x"},
}

// copyFlags sets the flags of src one by one, as some need a privilege or an empty
// file, or are inherited from the directory only. It returns those that dst does not
// have then.
func copyFlags(dst, src *os.File) (lost []string) {
	want, err := flagsOf(src)
	if err != nil {
		return []string{"chattr flags (" + err.Error() + ")"}
	}
	have, _ := flagsOf(dst)
	for _, f := range flags {
		if want&f.bit == 0 || have&f.bit != 0 {
			continue
		}
		_ = unix.IoctlSetPointerInt(int(dst.Fd()), unix.FS_IOC_SETFLAGS, have|f.bit)
		if have, _ = flagsOf(dst); have&f.bit == 0 {
			lost = append(lost, "chattr "+f.letter)
		}
	}
	return lost
}

// flagsOf returns 0 on a file system without flags.
func flagsOf(f *os.File) (int, error) {
	got, err := unix.IoctlGetInt(int(f.Fd()), unix.FS_IOC_GETFLAGS)
	for _, none := range []error{unix.ENOTTY, unix.EOPNOTSUPP, unix.ENOSYS, unix.EINVAL} {
		if errors.Is(err, none) {
			return 0, nil
		}
	}
	return got, err
}

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build darwin || freebsd

package attrs

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func create(t *testing.T, name string) *os.File {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(t.TempDir(), name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o755)
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

func TestUserAttributesAndFlagsAreCopied(t *testing.T) {
	dst, src := create(t, "new"), create(t, "old")
	if err := unix.Fsetxattr(int(src.Fd()), "user.note", []byte("from ops"), 0); err != nil {
		t.Skip("NOT PROVEN: no extended attributes here: ", err)
	}
	require.NoError(t, unix.Fsetxattr(int(dst.Fd()), "user.other", []byte("x"), 0))
	require.NoError(t, unix.Fchflags(int(src.Fd()), 0x1))
	if runtime.GOOS == "darwin" {
		require.NoError(t, unix.Fsetxattr(int(src.Fd()), "com.apple.quarantine", []byte("0081;0;x;"), 0))
	}
	lost, err := Copy(dst, src)
	require.NoError(t, err)
	require.Empty(t, lost)
	got, err := read(dst)
	require.NoError(t, err)
	require.Equal(t, []byte("from ops"), got["user.note"])
	require.NotContains(t, got, "user.other")
	_, err = unix.Fgetxattr(int(dst.Fd()), "com.apple.quarantine", nil)
	require.Error(t, err)
	flags, err := flagsOf(dst)
	require.NoError(t, err)
	require.NotZero(t, flags&0x1)
}

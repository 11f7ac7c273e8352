// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package attrs

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/windows"
)

// Access lists are equal if they grant the same rights. That the file does not inherit
// from its directory (P) is part of a list.
func TestEntries(t *testing.T) {
	for list, want := range map[string]string{
		"D:(A;;FA;;;BA)":                    "D:(A;;FA;;;BA)",
		"D:AI(A;ID;FA;;;BA)":                "D:(A;ID;FA;;;BA)",
		"D:P(A;;FA;;;BA)(A;;0x1200a9;;;BU)": "D:P(A;;FA;;;BA)(A;;0x1200a9;;;BU)",
		"D:PAI(D;;FA;;;BG)":                 "D:P(D;;FA;;;BG)",
		"D:P":                               "D:P",
	} {
		d, err := windows.SecurityDescriptorFromString(list)
		require.NoError(t, err, list)
		require.Equal(t, want, entries(d), list)
	}
}

// record returns one FILE_STREAM_INFO, followed by another one unless it is the last.
func record(t *testing.T, name string, last bool) []byte {
	t.Helper()
	text, err := windows.UTF16FromString(name)
	require.NoError(t, err)
	b := make([]byte, 24)
	binary.LittleEndian.PutUint32(b[4:], uint32(2*(len(text)-1)))
	for _, c := range text[:len(text)-1] {
		b = binary.LittleEndian.AppendUint16(b, c)
	}
	if !last {
		binary.LittleEndian.PutUint32(b, uint32(len(b)))
	}
	return b
}

// The content is a stream too, and Zone.Identifier is not reported.
func TestAlternateStreams(t *testing.T) {
	content, zone, note := record(t, "::$DATA", false), record(t, ":Zone.Identifier:$DATA", false), record(t, ":note:$DATA", true)
	require.Equal(t, []string{"stream :note"}, streams(slices.Concat(content, zone, note)))
	require.Empty(t, streams(record(t, "::$DATA", true)))
	require.Empty(t, streams(nil))
	require.Empty(t, streams(make([]byte, 64)))
	require.Empty(t, streams(note[:len(note)-2]))
}

// Both files have the same owner.
func TestOwnerIsCopied(t *testing.T) {
	dir := t.TempDir()
	open := func(name string) *os.File {
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_RDWR|os.O_CREATE, 0o755)
		require.NoError(t, err)
		t.Cleanup(func() { f.Close() })
		return f
	}
	lost, err := Copy(open("new"), open("old"))
	require.NoError(t, err)
	require.Empty(t, lost)
}

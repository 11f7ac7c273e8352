// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package fetch

import (
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// A fifo may have no writer, and a device no end.
func TestOnlyRegularFiles(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	require.NoError(t, unix.Mkfifo(fifo, 0o600))
	link := filepath.Join(dir, "link")
	require.NoError(t, os.Symlink("/dev/zero", link))
	c := client(t, nil, Options{})

	for _, name := range []string{fifo, link, "/dev/null", "/dev/zero", dir} {
		done := make(chan error, 1)
		go func() {
			_, err := c.Document(t.Context(), fileURL(name), 1<<20)
			done <- err
		}()
		select {
		case err := <-done:
			require.ErrorIs(t, err, ErrUnsupported, name)
		case <-time.After(late):
			require.Fail(t, "Document hangs", name)
		}
	}

	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	require.NoError(t, err)
	defer l.Close()
	_, err = c.Document(t.Context(), fileURL(filepath.Join(dir, "s")), 100)
	require.Error(t, err)
}

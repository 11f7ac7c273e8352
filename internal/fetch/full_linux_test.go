// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// A full disk is not the server's fault: it is not retried, and the partial download
// is kept.
func TestFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("NOT PROVEN: needs root to mount a small file system")
	}
	dir := t.TempDir()
	err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=512k")
	if err != nil {
		t.Skipf("NOT PROVEN: cannot mount a small file system: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	f, err := os.Create(filepath.Join(dir, "partial"))
	require.NoError(t, err)
	defer f.Close()

	data := random(1 << 20)
	o := &origin{data: data, answer: func(o *origin, _ int, w http.ResponseWriter, r *http.Request) { o.whole(w, r) }}
	srv := serve(t, o.ServeHTTP)
	c := client(t, srv, Options{})
	d := artifact(t, data, f, srv.URL+"/x", srv.URL+"/y")
	require.ErrorIs(t, c.Download(t.Context(), d), unix.ENOSPC)
	require.Equal(t, 1, o.requests())
	got := contentOf(t, f)
	require.NotEmpty(t, got)
	require.Equal(t, sha256Of(data[:len(got)]), sha256Of(got))

	require.NoError(t, unix.Mount("", dir, "", unix.MS_REMOUNT, "size=4m"))
	require.NoError(t, c.Download(t.Context(), d))
	require.Equal(t, sha256Of(data), sha256Of(contentOf(t, f)))
	require.Len(t, o.ranges, 2)
	require.NotEmpty(t, o.ranges[1], "it goes on")
}

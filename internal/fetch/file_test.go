// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"bytes"
	"context"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// fileURL returns the URL of a local path.
func fileURL(path string) *url.URL {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}

	return &url.URL{Scheme: "file", Path: path}
}

func TestFile(t *testing.T) {
	c := client(t, nil, Options{})
	name := filepath.Join(t.TempDir(), "a file%20.json")
	require.NoError(t, os.WriteFile(name, []byte(body), 0o600))
	size := int64(len(body))
	u := fileURL(name)

	doc, err := c.Document(t.Context(), u, size)
	require.NoError(t, err)
	require.Equal(t, body, string(doc))
	doc, err = c.Document(t.Context(), parse(t, u.String()), size)
	require.NoError(t, err)
	require.Equal(t, body, string(doc))
	u.Host = "LOCALHOST"
	_, err = c.Document(t.Context(), u, size)
	require.NoError(t, err)
	_, err = c.Document(t.Context(), u, size-1)
	require.ErrorIs(t, err, ErrTooLarge)

	for _, tc := range []struct {
		off  int64
		want error
	}{{0, nil}, {1, ErrLength}, {-1, ErrLength}} {
		var w bytes.Buffer
		require.ErrorIs(t, c.Artifact(t.Context(), u, size+tc.off, &w, nil), tc.want)
		if tc.want != nil {
			require.Zero(t, w.Len())
		}
	}

	_, err = c.Document(t.Context(), fileURL(name+".absent"), 100)
	require.ErrorIs(t, err, ErrNotFound)
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = c.Document(t.Context(), fileURL(filepath.Dir(name)), 100)
	require.Error(t, err)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = c.Document(ctx, u, 100)
	require.ErrorIs(t, err, context.Canceled)
}

func TestLocalPath(t *testing.T) {
	for _, tc := range []struct {
		url           string
		unix, windows string // "" is refused
	}{
		{"file:///srv/repo/x", "/srv/repo/x", ""},
		{"file://localhost/srv/x", "/srv/x", ""},
		{"file:///C:/repo/x%20y", "/C:/repo/x y", "C:/repo/x y"},
		{"file:///c:/x", "/c:/x", "c:/x"},
		{"file://fileserver/share/x", "", ""},
		{"file://127.0.0.1/srv/x", "", ""},
		{"file:////fileserver/share/x", "//fileserver/share/x", ""},
		{"file:///C:x", "/C:x", ""},
		{"file:///1:/x", "/1:/x", ""},
		{"file:///./C:/x", "/./C:/x", ""},
		{"file:srv/x", "", ""},
		{"file:../x", "", ""},
		{"file:", "", ""},
		{"file://", "", ""},
	} {
		t.Run(tc.url, func(t *testing.T) {
			for windows, want := range map[bool]string{false: tc.unix, true: tc.windows} {
				path, err := localPath(parse(t, tc.url), windows)
				if want == "" {
					require.ErrorIs(t, err, ErrUnsupported)
				} else {
					require.NoError(t, err)
				}
				require.Equal(t, want, filepath.ToSlash(path))
			}
		})
	}
}

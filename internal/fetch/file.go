// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// openFile opens a local regular file. It checks the open file, because another
// process may replace the path.
func openFile(ctx context.Context, u *url.URL, q request) (*response, error) {
	name, err := localPath(u, runtime.GOOS == "windows")
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(name, os.O_RDONLY|openFlags, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	if err != nil {
		return nil, err
	}
	err = checkFile(f, q)
	if err != nil {
		f.Close()
		return nil, err
	}

	return &response{
		bound: q.bound,
		from:  q.from,
		body:  cancellable{ctx, f},
		close: func() { f.Close() },
		where: func(err error) error { return err },
	}, nil
}

// checkFile rejects a file that does not fit q, and seeks to the first byte.
func checkFile(f *os.File, q request) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%w: not a regular file", ErrUnsupported)
	}
	err = q.checkAnnounced(info.Size())
	if err != nil {
		return err
	}
	_, err = f.Seek(q.from, io.SeekStart)

	return err
}

// localPath returns the path of a file URL (RFC 8089). A host, or on Windows a
// path without a drive letter, would refer to a file server.
func localPath(u *url.URL, windows bool) (string, error) {
	path := u.Path
	drive := len(path) > 3 && path[0] == '/' && path[2] == ':' && path[3] == '/' &&
		('a' <= path[1]|0x20 && path[1]|0x20 <= 'z')

	switch {
	case u.Host != "" && !strings.EqualFold(u.Host, "localhost"):
		return "", fmt.Errorf("%w: file on host %q, want a local file", ErrUnsupported, u.Host)
	case !strings.HasPrefix(path, "/"):
		return "", fmt.Errorf("%w: the path is not absolute", ErrUnsupported)
	case windows && !drive:
		return "", fmt.Errorf("%w: the path has no drive letter", ErrUnsupported)
	case windows:
		path = path[1:]
	}

	return filepath.FromSlash(path), nil
}

// cancellable is a reader that fails when its context ends.
type cancellable struct {
	ctx context.Context
	r   io.Reader
}

func (c cancellable) Read(p []byte) (int, error) {
	err := c.ctx.Err()
	if err != nil {
		return 0, err
	}

	return c.r.Read(p)
}

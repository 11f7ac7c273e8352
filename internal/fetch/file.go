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

// fromFile reads a regular file of this machine. What a name stands for is
// asked of the open file, so that nobody changes it in between.
func fromFile(ctx context.Context, u *url.URL, q question) (*answer, error) {
	name, err := localPath(u, runtime.GOOS == "windows")
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(name, os.O_RDONLY|noWaiting, 0)
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

	return &answer{
		bound: q.bound,
		from:  q.from,
		body:  cancellable{ctx, f},
		close: func() { f.Close() },
		where: func(err error) error { return err },
	}, nil
}

// checkFile refuses what is no answer to q and goes to the first byte of one.
func checkFile(f *os.File, q question) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%w: not a regular file", ErrUnsupported)
	}
	err = q.announced(info.Size())
	if err != nil {
		return err
	}
	_, err = f.Seek(q.from, io.SeekStart)

	return err
}

// localPath turns a file URL (RFC 8089) into a path. A host, or on Windows a
// path without a drive letter, would be a file server's.
func localPath(u *url.URL, windows bool) (string, error) {
	path := u.Path
	drive := len(path) > 3 && path[0] == '/' && path[2] == ':' && path[3] == '/' &&
		('a' <= path[1]|0x20 && path[1]|0x20 <= 'z')

	switch {
	case u.Host != "" && !strings.EqualFold(u.Host, "localhost"):
		return "", fmt.Errorf("%w: a file of the host %q, not of this one", ErrUnsupported, u.Host)
	case !strings.HasPrefix(path, "/"):
		return "", fmt.Errorf("%w: not an absolute path", ErrUnsupported)
	case windows && !drive:
		return "", fmt.Errorf("%w: a path without a drive letter", ErrUnsupported)
	case windows:
		path = path[1:]
	}

	return filepath.FromSlash(path), nil
}

// cancellable is a reader that ends with its context.
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

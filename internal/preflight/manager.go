// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// owned is the answer of a package manager that owns a path.
type owned struct {
	manager string
	pkg     string // may be unknown
	remedy  string
}

// managed returns a notice if a package manager owns the file with these names.
// The error is that of ctx.
func (s system) managed(ctx context.Context, names ...string) (*Error, error) {
	managers := []func(context.Context, []string) (*owned, error){s.byLocation}
	if s.goos != "windows" {
		names = s.aliases(names)
		managers = append(managers, s.dpkg, s.pacman, s.apk, s.rpm, s.freebsd)
	}
	var failed error
	for _, find := range managers {
		o, err := find(ctx, names)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if o != nil {
			return o.notice(names[0]), nil
		}
		failed = errors.Join(failed, err)
	}
	if failed == nil {
		return nil, nil
	}
	return &Error{
		Reason: ReasonPackageManager, Path: names[0], Err: failed,
		Detail: "could not find out whether a package manager owns the file",
		Advice: "if a package owns the file, update the package instead",
	}, nil
}

func (o *owned) notice(path string) *Error {
	detail := "owned by " + o.manager
	if o.pkg != "" {
		detail = fmt.Sprintf("owned by package %q of %s", o.pkg, o.manager)
	}
	return &Error{Reason: ReasonPackageManager, Path: path, Detail: detail, Advice: "update with " + o.remedy}
}

// aliases adds the names that the file has because of merged directories: a package
// may still name /bin/sh where the disk has /usr/bin/sh.
func (s system) aliases(names []string) []string {
	all := slices.Clone(names)
	for _, dir := range [...]string{"/usr/sbin", "/usr/lib64", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"} {
		to, err := os.Readlink(filepath.Join(s.root, dir))
		if err != nil {
			continue
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(dir), to)
		}
		for _, name := range all {
			if rest, ok := strings.CutPrefix(name, to+"/"); ok {
				all = append(all, dir+"/"+rest)
			}
		}
	}
	return all
}

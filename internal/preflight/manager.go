// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// askTime bounds how long a package manager may think about one path.
const askTime = 5 * time.Second

// maxDatabase bounds one file of a package manager's database.
const maxDatabase = 256 << 20

// owned is what a package manager says of a path.
type owned struct {
	manager string
	pkg     string // may be unknown
	remedy  string
}

// managed returns a notice if a package manager owns the file with these names.
// The error is the context's.
func (s system) managed(ctx context.Context, names ...string) (*Error, error) {
	find := []func(context.Context, []string) (*owned, error){s.byPlace}
	if s.goos != "windows" {
		names = s.aliases(names)
		find = append(find, s.dpkg, s.pacman, s.apk, s.rpm, s.freebsd)
	}
	var silent error
	for _, ask := range find {
		o, err := ask(ctx, names)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if o != nil {
			return o.notice(names[0]), nil
		}
		silent = errors.Join(silent, err)
	}
	if silent == nil {
		return nil, nil
	}
	return &Error{
		Reason: ReasonPackageManager, Path: names[0], Detail: "a package manager did not say whether it owns the file", Err: silent,
		Advice: "find out whether a package owns the file, and if so update that",
	}, nil
}

func (o *owned) notice(path string) *Error {
	detail := "owned by " + o.manager
	if o.pkg != "" {
		detail = fmt.Sprintf("owned by package %q of %s", o.pkg, o.manager)
	}
	return &Error{Reason: ReasonPackageManager, Path: path, Detail: detail, Advice: "update with " + o.remedy}
}

// aliases adds the names that the same file has because directories were merged:
// a package may still say /bin/sh where the disk has /usr/bin/sh.
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

// search calls see for every wanted line that a file matching pattern holds,
// until see returns false. The files are thousands and megabytes, so they are
// neither taken apart nor held in memory.
func (s system) search(ctx context.Context, pattern string, wanted []string, see func(file, line string) bool) error {
	files, err := filepath.Glob(filepath.Join(s.root, pattern))
	if err != nil {
		return err
	}
	t := newSieve(wanted)
	var failed error
	for _, file := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		found, err := t.file(file)
		failed = errors.Join(failed, err)
		for _, line := range found {
			if !see(file, line) {
				return nil
			}
		}
	}
	return failed
}

// sieve finds whole lines in files.
type sieve struct {
	wanted []string
	lines  [][]byte // with the line breaks around them
	buf    []byte
	keep   int // bytes that may be the beginning of a line, from one piece to the next
}

func newSieve(wanted []string) *sieve {
	t := &sieve{wanted: wanted}
	for _, line := range wanted {
		t.lines = append(t.lines, []byte("\n"+line+"\n"))
		t.keep = max(t.keep, len(line)+1)
	}
	t.buf = make([]byte, t.keep+sievePiece)
	return t
}

const sievePiece = 64 << 10

func (t *sieve) file(path string) (found []string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return t.read(path, io.LimitReader(f, maxDatabase+1))
}

func (t *sieve) read(path string, r io.Reader) (found []string, err error) {
	t.buf[0] = '\n' // the first line has one in front of it too
	have, total := 1, 0
	for err == nil {
		var n int
		n, err = io.ReadFull(r, t.buf[have:])
		have, total = have+n, total+n
		if err == io.ErrUnexpectedEOF || err == io.EOF {
			t.buf[have] = '\n' // the last line may have none behind it; n < len
			have++
		}
		for i, line := range t.lines {
			if bytes.Contains(t.buf[:have], line) && !slices.Contains(found, t.wanted[i]) {
				found = append(found, t.wanted[i])
			}
		}
		have = copy(t.buf, t.buf[max(0, have-t.keep):have])
	}
	switch {
	case total > maxDatabase:
		return nil, fmt.Errorf("reading %q: more than %d bytes", path, maxDatabase)
	case err == io.EOF || err == io.ErrUnexpectedEOF:
		return found, nil
	}
	return nil, err
}

func readFile(buf *bytes.Buffer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	n, err := buf.ReadFrom(io.LimitReader(f, maxDatabase+1))
	if err == nil && n > maxDatabase {
		err = fmt.Errorf("reading %q: more than %d bytes", path, maxDatabase)
	}
	return err
}

// pacman lists names without the leading slash.
func (s system) pacman(ctx context.Context, names []string) (o *owned, err error) {
	lines := make([]string, len(names))
	for i, name := range names {
		lines[i] = strings.TrimPrefix(name, "/")
	}
	err = s.search(ctx, "var/lib/pacman/local/*/files", lines, func(file, line string) bool {
		o = &owned{"pacman", filepath.Base(filepath.Dir(file)), "pacman -Syu"}
		return false
	})
	return o, err
}

// apk keeps one file: P:package, then F:directory and R:name for each of its
// files. Version 3 may keep it below /usr.
func (s system) apk(ctx context.Context, names []string) (*owned, error) {
	for _, path := range [...]string{"lib/apk/db/installed", "usr/lib/apk/db/installed"} {
		var buf bytes.Buffer
		err := readFile(&buf, filepath.Join(s.root, path))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		var pkg, dir string
		for line := range strings.Lines(buf.String()) {
			line = strings.TrimSuffix(line, "\n")
			switch {
			case strings.HasPrefix(line, "P:"):
				pkg = line[2:]
			case strings.HasPrefix(line, "F:"):
				dir = strings.TrimSuffix("/"+line[2:], "/") + "/"
			case strings.HasPrefix(line, "R:") && slices.Contains(names, dir+line[2:]):
				return &owned{"apk", pkg, "apk upgrade"}, nil
			}
		}
	}
	return nil, nil
}

func (s system) rpm(ctx context.Context, names []string) (*owned, error) {
	for _, db := range [...]string{
		"var/lib/rpm/rpmdb.sqlite", "var/lib/rpm/Packages.db", "var/lib/rpm/Packages", "usr/lib/sysimage/rpm/rpmdb.sqlite",
		"usr/lib/sysimage/rpm/Packages.db",
	} {
		if !exists(s.root, db) {
			continue
		}
		pkg, err := s.ask(ctx, "usr/bin/rpm", "-qf", "--queryformat", "%{NAME}\n", "--", names[0])
		if pkg == "" {
			return nil, err
		}
		return &owned{"rpm", pkg, "dnf, zypper or rpm-ostree"}, nil
	}
	return nil, nil
}

func (s system) freebsd(ctx context.Context, names []string) (*owned, error) {
	if !exists(s.root, "var/db/pkg/local.sqlite") {
		return nil, nil
	}
	pkg, err := s.ask(ctx, "usr/local/sbin/pkg", "which", "-q", "--", names[0])
	if pkg == "" {
		return nil, err
	}
	return &owned{"pkg", pkg, "pkg upgrade"}, nil
}

// ask runs a package manager from its fixed place, in an environment that cannot
// point it elsewhere, and returns the first line it prints. Exit status 1 is its
// way to say no.
func (s system) ask(ctx context.Context, program string, args ...string) (string, error) {
	program = filepath.Join(s.root, program)
	if !exists(program) {
		return "", nil // a database that was left behind
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	out := &head{}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = []string{"LC_ALL=C", "PATH=/usr/bin:/bin", "HOME=/"}
	cmd.Dir = s.root
	cmd.Stdout = out
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == 1 {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("asking %s: %w", filepath.Base(program), err)
	}
	line, _, _ := strings.Cut(string(out.text), "\n")
	return line, nil
}

// head keeps the beginning of what is written to it.
type head struct{ text []byte }

func (h *head) Write(p []byte) (int, error) {
	h.text = append(h.text, p[:min(len(p), 256-len(h.text))]...)
	return len(p), nil
}

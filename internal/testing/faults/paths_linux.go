// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package faults

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// dirs returns the directories without symlinks, as /proc has them.
func (w Watch) dirs() ([]string, error) {
	var dirs []string
	for _, dir := range w.Dirs {
		abs, err := filepath.Abs(dir)
		if err != nil {
			return nil, err
		}
		real, err := filepath.EvalSymlinks(abs)
		if err != nil {
			return nil, err
		}
		dirs = append(dirs, real)
	}
	return dirs, nil
}

// describe returns the call, and whether it is counted.
func (t *tracer) describe(tid int, nr uint64, args [6]uint64) (Call, bool) {
	k, ok := kindOf(nr)
	if !ok {
		return Call{}, false
	}
	class := k.class
	if k.of != nil {
		class = k.of(tid, args)
	}
	if class&t.classes == 0 {
		return Call{}, false
	}
	names, below := make([]string, 2), false
	for i, op := range k.files {
		names[i] = op.resolve(tid, args)
		below = below || t.below(names[i])
	}
	return Call{Name: k.name, Path: names[0], To: names[1], Class: class}, below
}

func (t *tracer) below(name string) bool {
	for _, dir := range t.dirs {
		if name == dir || strings.HasPrefix(name, dir+"/") {
			return true
		}
	}
	return false
}

// resolve returns the name of a file, or "" for an invalid descriptor or pointer, which
// the kernel refuses.
func (o operand) resolve(tid int, args [6]uint64) string {
	if o.path < 0 {
		return descriptor(tid, int32(args[o.dir]))
	}
	name, err := readString(tid, args[o.path])
	if err != nil {
		return ""
	}
	dir := int32(unix.AT_FDCWD)
	if o.dir >= 0 {
		dir = int32(args[o.dir])
	}
	switch {
	case name == "" && o.dir < 0:
		return ""
	case name == "": // AT_EMPTY_PATH, or no name at all
		return descriptor(tid, dir)
	case !filepath.IsAbs(name):
		name = descriptor(tid, dir) + "/" + name
	}
	name = filepath.Clean(name)
	if number, ok := procDescriptor(tid, name); ok {
		return descriptor(tid, number)
	}
	// The last element may be a symlink that the call removes or renames.
	if dir, err := filepath.EvalSymlinks(filepath.Dir(name)); err == nil {
		return filepath.Join(dir, filepath.Base(name))
	}
	return name
}

// descriptor returns the name of an open file of a thread, or its working directory.
func descriptor(tid int, number int32) string {
	link := fmt.Sprintf("/proc/%d/cwd", tid)
	if number != unix.AT_FDCWD {
		link = fmt.Sprintf("/proc/%d/fd/%d", tid, number)
	}
	name, err := os.Readlink(link)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(name, " (deleted)")
}

// procDescriptor returns the descriptor in a name like /proc/self/fd/3.
func procDescriptor(tid int, name string) (int32, bool) {
	var number int32
	for _, self := range []string{"self", "thread-self", fmt.Sprint(tid)} {
		if n, _ := fmt.Sscanf(name, "/proc/"+self+"/fd/%d", &number); n == 1 && strings.Count(name, "/") == 4 {
			return number, true
		}
	}
	return 0, false
}

// readString reads a string that ends with 0. It reads no page after that of the end,
// which may not exist.
func readString(tid int, addr uint64) (string, error) {
	if addr == 0 {
		return "", nil
	}
	const page = 4096
	var name []byte
	for len(name) <= unix.PathMax {
		part := make([]byte, page-addr%page)
		n, err := readMemory(tid, addr, part)
		if err != nil {
			return "", err
		}
		if end := bytes.IndexByte(part[:n], 0); end >= 0 {
			return string(append(name, part[:end]...)), nil
		}
		name = append(name, part[:n]...)
		addr += uint64(n)
	}
	return "", unix.ENAMETOOLONG
}

func readMemory(tid int, addr uint64, to []byte) (int, error) {
	local := []unix.Iovec{{Base: &to[0], Len: uint64(len(to))}}
	remote := []unix.RemoteIovec{{Base: uintptr(addr), Len: len(to)}}
	return unix.ProcessVMReadv(tid, local, remote, 0)
}

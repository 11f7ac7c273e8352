// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// ErrUnsafeDirectory means that other users could exchange files during the
// update. A person has to mend the permissions.
var ErrUnsafeDirectory = errors.New("directory is not safe to update in")

// smallFiles is how many files and directories an update makes at once at most:
// work directory, lock, journal and its successor, download, staged file, backup.
const smallFiles = 7

// place is where a target lies.
type place struct {
	target string // without symlinks
	dir    string
	names  []string // of the target: without symlinks, and as it was asked for if that is the same file by another directory
	info   fs.FileInfo
	parent fs.FileInfo
}

// volume is what a file system says of itself. A size of 0 is not known.
type volume struct {
	readOnly, noExec bool
	blockSize        uint64
	blocks, free     uint64
	files, freeFiles uint64
}

// find resolves target. It is as it should be if there is no problem.
func find(target string) (place, *Error) {
	asked, err := filepath.Abs(target)
	if err != nil {
		return place{target: target}, lost(target, err)
	}
	path, err := filepath.EvalSymlinks(asked)
	if err != nil {
		return place{target: asked}, lost(asked, err)
	}
	p := place{target: path, dir: filepath.Dir(path), names: []string{path}}
	if p.info, err = os.Lstat(path); err != nil {
		return p, lost(path, err)
	}
	if p.parent, err = os.Lstat(p.dir); err != nil {
		return p, lost(path, err)
	}
	if info, err := os.Lstat(asked); asked != path && err == nil && os.SameFile(info, p.info) {
		p.names = append(p.names, asked)
	}
	switch {
	case p.info.IsDir():
		return p, &Error{
			Reason: ReasonDirectory, Path: path, Err: syscall.EISDIR,
			Advice: "name the program's file, not its directory",
		}
	case !p.info.Mode().IsRegular():
		return p, &Error{
			Reason: ReasonNotRegular, Path: path, Detail: p.info.Mode().Type().String(),
			Advice: "name the program's file",
		}
	}
	return p, nil
}

// lost is a target to which the way could not be followed.
func lost(path string, err error) *Error {
	if cause, ok := errors.AsType[*fs.PathError](err); ok {
		err = cause.Err
	}
	e := &Error{Path: path, Err: err}
	switch {
	case errors.Is(err, syscall.ENAMETOOLONG):
		e.Reason, e.Advice = ReasonNameTooLong, "install the program under a shorter path"
	case errors.Is(err, fs.ErrPermission):
		e.Reason, e.Advice = ReasonNotWritable, "let the user who updates enter the directories above, or update as their owner"
	default:
		e.Reason, e.Advice = ReasonMissing, "install the program there first, or name the file that is to be updated"
	}
	return e
}

func (p place) problems(q Question) []*Error {
	var found []*Error
	add := func(e *Error) {
		if e != nil {
			found = append(found, e)
		}
	}
	add(p.unsafe())
	add(p.writable())
	if v, ok := volumeOf(p.dir); ok {
		add(p.readOnly(v))
		add(p.room(v, q.Room))
		add(p.noExec(v, q.Execute))
	}
	add(fixed(p.dir))
	add(foreign(p.target, p.info, p.parent))
	for _, path := range append([]string{p.target}, q.Beside...) {
		info, err := os.Lstat(path)
		if err != nil {
			if errors.Is(err, syscall.ENAMETOOLONG) {
				add(lost(path, err))
			}
			continue
		}
		add(fixed(path))
		add(mounted(path))
		add(sticky(path, info, p.parent))
	}
	return found
}

// unsafe finds the directory, or the first above it, in which everyone may
// rename what is not theirs.
func (p place) unsafe() *Error {
	for dir := p.dir; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err == nil && openToAll(info) {
			return &Error{
				Reason: ReasonUnsafeDirectory, Path: dir, Detail: "everyone may replace files in it",
				Advice: "take the right to write from others (chmod o-w), or install the program elsewhere",
				Err:    ErrUnsafeDirectory,
			}
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
}

func (p place) writable() *Error {
	path, err := p.dir, mayChange(p.dir)
	if err == nil {
		path, err = p.target, mayReplace(p.target)
	}
	// A read-only file system has a check of its own; anything but a refusal is
	// a question that the system did not answer.
	if !errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return &Error{
		Reason: ReasonNotWritable, Path: path, Err: err,
		Advice: "let the user who updates write to the directory, or update as its owner or as an administrator",
	}
}

func (p place) readOnly(v volume) *Error {
	if !v.readOnly {
		return nil
	}
	return &Error{
		Reason: ReasonReadOnly, Path: p.dir, Err: errReadOnly,
		Advice: "mount it writable, or update the image that it comes from",
	}
}

// room compares blocks, as a file takes whole ones. A file system that names no
// size has none to run out of: tmpfs without a limit, btrfs for its inodes.
func (p place) room(v volume, bytes int64) *Error {
	e := &Error{
		Reason: ReasonNoRoom, Path: p.dir, Err: errFull,
		Advice: "free some space on this file system, then try again",
	}
	if bytes > 0 && v.blocks > 0 && v.blockSize > 0 {
		need := (uint64(bytes)-1)/v.blockSize + 1
		if need > v.free {
			e.Detail = fmt.Sprintf("%d bytes are needed and %d are free", bytes, v.free*v.blockSize)
			return e
		}
	}
	if v.files > 0 && v.freeFiles < smallFiles {
		e.Detail = fmt.Sprintf("%d inodes are needed and %d are free", smallFiles, v.freeFiles)
		return e
	}
	return nil
}

// noExec spares a target without an execute bit: it is not run from there.
func (p place) noExec(v volume, execute bool) *Error {
	if !v.noExec || (!execute && p.info.Mode().Perm()&0o111 == 0) {
		return nil
	}
	return &Error{
		Reason: ReasonNoExec, Path: p.dir, Detail: "nothing can be run from this file system", Err: syscall.EACCES,
		Advice: "install the program on a file system that allows execution, or mount this one with exec",
	}
}

// fixed finds the attributes that keep everyone, root too, from replacing path
// or, if it is a directory, what is in it.
func fixed(path string) *Error {
	detail, ok := unchangeable(path)
	if !ok {
		return nil
	}
	return &Error{
		Reason: ReasonImmutable, Path: path, Detail: detail, Err: syscall.EPERM,
		Advice: "somebody protected it on purpose: ask, then take the attribute away (chattr -i -a, chflags)",
	}
}

func mounted(path string) *Error {
	if !isMount(path) {
		return nil
	}
	return &Error{
		Reason: ReasonMountPoint, Path: path, Detail: "it is mounted here by itself", Err: syscall.EBUSY,
		Advice: "update it where it is mounted from, or mount its directory instead",
	}
}

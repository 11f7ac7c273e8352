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

// ErrUnsafeDirectory means that other users could replace files during the update. A
// person has to correct the permissions.
var ErrUnsafeDirectory = errors.New("directory is not safe to update in")

// neededInodes is how many files and directories of an update exist at the same time
// at most: work directory, lock, journal and its successor, download, staged file,
// backup.
const neededInodes = 7

// targetFile is the target, with the directory that contains it.
type targetFile struct {
	path   string // without symlinks
	dir    string
	names  []string // path, and the path that was asked for if it leads to the same file through another directory
	info   fs.FileInfo
	parent fs.FileInfo
}

// volume describes a file system. A size of 0 means unknown.
type volume struct {
	readOnly, noExec bool
	blockSize        uint64
	blocks, free     uint64
	files, freeFiles uint64
}

// find resolves target, and returns a problem if it is not a regular file.
func find(target string) (targetFile, *Error) {
	asked, err := filepath.Abs(target)
	if err != nil {
		return targetFile{path: target}, notFound(target, err)
	}
	path, err := filepath.EvalSymlinks(asked)
	if err != nil {
		return targetFile{path: asked}, notFound(asked, err)
	}
	p := targetFile{path: path, dir: filepath.Dir(path), names: []string{path}}
	if p.info, err = os.Lstat(path); err != nil {
		return p, notFound(path, err)
	}
	if p.parent, err = os.Lstat(p.dir); err != nil {
		return p, notFound(path, err)
	}
	if info, err := os.Lstat(asked); asked != path && err == nil && os.SameFile(info, p.info) {
		p.names = append(p.names, asked)
	}
	switch {
	case p.info.IsDir():
		return p, &Error{
			Reason: ReasonDirectory, Path: path, Err: syscall.EISDIR,
			Advice: "give the path of the program, not of its directory",
		}
	case !p.info.Mode().IsRegular():
		return p, &Error{
			Reason: ReasonNotRegular, Path: path, Detail: p.info.Mode().Type().String(),
			Advice: "give the path of the program",
		}
	}
	return p, nil
}

// notFound is the problem of a path that could not be followed.
func notFound(path string, err error) *Error {
	if cause, ok := errors.AsType[*fs.PathError](err); ok {
		err = cause.Err
	}
	e := &Error{Path: path, Err: err}
	switch {
	case errors.Is(err, syscall.ENAMETOOLONG):
		e.Reason, e.Advice = ReasonNameTooLong, "install the program under a shorter path"
	case errors.Is(err, fs.ErrPermission):
		e.Reason, e.Advice = ReasonNotWritable, "give the user who updates access to the directories above, or update as their owner"
	default:
		e.Reason, e.Advice = ReasonMissing, "install the program there first, or give the path of the file to update"
	}
	return e
}

func (p targetFile) problems(q Question) []*Error {
	var found []*Error
	add := func(e *Error) {
		if e != nil {
			found = append(found, e)
		}
	}
	if !q.Shared {
		add(p.unsafe())
		add(p.exposed(q.Exposed))
	}
	add(p.writable())
	add(p.readable())
	if v, ok := volumeOf(p.dir); ok {
		add(p.readOnly(v))
		add(p.room(v, q.Room))
		add(p.noExec(v, q.Execute))
	}
	add(immutable(p.dir))
	if !q.Shared || !openToAll(p.parent) { // there every file may have one owner
		add(foreign(p.path, p.info, p.parent))
	}
	add(privileged(p.path))
	for _, path := range append([]string{p.path}, q.Beside...) {
		info, err := os.Lstat(path)
		if err != nil {
			if errors.Is(err, syscall.ENAMETOOLONG) {
				add(notFound(path, err))
			}
			continue
		}
		add(immutable(path))
		add(mounted(path))
		add(sticky(path, info, p.info, p.parent))
	}
	return found
}

// unsafe finds the nearest directory in which every user may rename the files of
// others.
func (p targetFile) unsafe() *Error {
	for dir := p.dir; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err == nil && openToAll(info) {
			return &Error{
				Reason: ReasonUnsafeDirectory, Path: dir, Detail: "every user may replace files in it",
				Advice: "remove the write permission of others (chmod o-w), install the program elsewhere, or accept that with InsecureSharedDirectory()",
				Err:    ErrUnsafeDirectory,
			}
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
}

// exposed finds a directory whose owner could have root run another program.
func (p targetFile) exposed(by func(target, dir fs.FileInfo) (int, bool)) *Error {
	for dir := p.dir; by != nil; dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err == nil {
			if uid, exposed := by(p.info, info); exposed {
				return &Error{
					Reason: ReasonUnsafeDirectory, Path: dir, Err: ErrUnsafeDirectory,
					Detail: fmt.Sprintf("user %d owns it, and could have root run another program", uid),
					Advice: fmt.Sprintf("chown the directory to root, or the program to user %d", uid),
				}
			}
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	return nil
}

func (p targetFile) writable() *Error {
	path, err := p.dir, mayChange(p.dir)
	if err == nil {
		path, err = p.path, mayReplace(p.path)
	}
	// A read-only file system has a check of its own. Any other error means that
	// the system did not answer.
	if !errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return &Error{
		Reason: ReasonNotWritable, Path: path, Err: err,
		Advice: "give the user who updates write access to the directory, or update as its owner or as an administrator",
	}
}

// readable finds a program that its owner may run and not read: the backup may have to
// be a copy, and its hash is wanted.
func (p targetFile) readable() *Error {
	err := mayRead(p.path)
	if !errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return &Error{
		Reason: ReasonNotReadable, Path: p.path, Err: err,
		Advice: "let its owner read it (chmod u+r), or update as root",
	}
}

// privileged finds capabilities that the new file cannot have.
func privileged(path string) *Error {
	if !hasCapabilities(path) || maySetCapabilities() {
		return nil
	}
	return &Error{
		Reason: ReasonCapabilities, Path: path, Detail: "they cannot be given to the new file", Err: syscall.EPERM,
		Advice: "update as root or with CAP_SETFCAP, or remove them (setcap -r) and let the service manager grant them",
	}
}

func (p targetFile) readOnly(v volume) *Error {
	if !v.readOnly {
		return nil
	}
	return &Error{
		Reason: ReasonReadOnly, Path: p.dir, Err: errReadOnly,
		Advice: "mount it read-write, or update the image that it comes from",
	}
}

// room compares blocks, as a file takes whole ones. A file system may report no size,
// as tmpfs without a limit, or no number of inodes, as btrfs.
func (p targetFile) room(v volume, bytes int64) *Error {
	e := &Error{
		Reason: ReasonNoRoom, Path: p.dir, Err: errFull,
		Advice: "free some space on this file system and try again",
	}
	if bytes > 0 && v.blocks > 0 && v.blockSize > 0 {
		need := (uint64(bytes)-1)/v.blockSize + 1
		if need > v.free {
			e.Detail = fmt.Sprintf("%d bytes are needed and %d are free", bytes, v.free*v.blockSize)
			return e
		}
	}
	if v.files > 0 && v.freeFiles < neededInodes {
		e.Detail = fmt.Sprintf("%d inodes are needed and %d are free", neededInodes, v.freeFiles)
		return e
	}
	return nil
}

// noExec reports nothing for a target without an execute bit, which is not run.
func (p targetFile) noExec(v volume, execute bool) *Error {
	if !v.noExec || (!execute && p.info.Mode().Perm()&0o111 == 0) {
		return nil
	}
	return &Error{
		Reason: ReasonNoExec, Path: p.dir, Detail: "no program can be run from this file system", Err: syscall.EACCES,
		Advice: "install the program on another file system, or mount this one with exec",
	}
}

// immutable finds the attributes that keep all users, even root, from replacing path
// or, if it is a directory, the files in it.
func immutable(path string) *Error {
	detail, ok := unchangeable(path)
	if !ok {
		return nil
	}
	return &Error{
		Reason: ReasonImmutable, Path: path, Detail: detail, Err: syscall.EPERM,
		Advice: "it was protected on purpose: if you agree, remove the attribute (chattr -i -a, chflags)",
	}
}

func mounted(path string) *Error {
	if !isMount(path) {
		return nil
	}
	return &Error{
		Reason: ReasonMountPoint, Path: path, Detail: "the file itself is a mount point", Err: syscall.EBUSY,
		Advice: "update the file that is mounted here, or mount its directory instead",
	}
}

// Reason is a short text that says why an update would fail. It is stable.
type Reason string

const (
	// ReasonMissing is a target that cannot be found.
	ReasonMissing Reason = "missing"
	// ReasonDirectory is a directory where a file should be.
	ReasonDirectory Reason = "is a directory"
	// ReasonNotRegular is a device, a pipe or a socket.
	ReasonNotRegular Reason = "not a regular file"
	// ReasonNameTooLong is a path, or that of a file beside the target, that is too
	// long for the system.
	ReasonNameTooLong Reason = "name too long"
	// ReasonNotWritable is a directory in which we may not create or list files.
	ReasonNotWritable Reason = "directory not writable"
	// ReasonNotReadable is a program that we may not read.
	ReasonNotReadable Reason = "not readable"
	// ReasonCapabilities are file capabilities that we have no right to set.
	ReasonCapabilities Reason = "file capabilities"
	// ReasonReadOnly is a file system that is mounted read-only.
	ReasonReadOnly Reason = "read-only file system"
	// ReasonNoRoom is a file system with too little free space, or too few free inodes.
	ReasonNoRoom Reason = "not enough space"
	// ReasonNoExec is a file system on which no program may be executed.
	ReasonNoExec Reason = "mounted noexec"
	// ReasonImmutable is a file or directory with the immutable or append-only
	// attribute, which root cannot ignore either.
	ReasonImmutable Reason = "immutable"
	// ReasonSticky is another user's file in a sticky directory.
	ReasonSticky Reason = "sticky directory"
	// ReasonForeignOwner is an owner or group that we have no right to set.
	ReasonForeignOwner Reason = "foreign owner"
	// ReasonMountPoint is a file that is a mount point, as in containers.
	ReasonMountPoint Reason = "mount point"
	// ReasonUnsafeDirectory is a directory in which every user may rename files, or whose
	// owner could have root run another program.
	ReasonUnsafeDirectory Reason = "unsafe directory"

	// ReasonPackageManager is a file that a package manager owns; only a notice.
	// If Err is set, a package manager is there and did not answer.
	ReasonPackageManager Reason = "package manager"
	// ReasonBundle is a file inside a macOS application, whose signature becomes
	// invalid when the file changes; only a notice.
	ReasonBundle Reason = "application bundle"
	// ReasonContainerImage is a file in the image of a container. An update of it
	// is lost when the container is removed; only a notice.
	ReasonContainerImage Reason = "container image"
)

// Error is one reason why an update would fail, or one notice.
type Error struct {
	Reason Reason
	Path   string // the file or directory that it is about
	Detail string // what was found; may be empty
	Advice string // what a person can do about it
	Err    error  // the system's error; may be nil
}

func (e *Error) Error() string {
	text := fmt.Sprintf("%q: %s", e.Path, e.Reason)
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text + " (" + e.Advice + ")"
}

// Unwrap returns the system's error: fs.ErrPermission, syscall.EROFS, syscall.ENOSPC
// and so on.
func (e *Error) Unwrap() error { return e.Err }

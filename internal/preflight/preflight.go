// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package preflight tells beforehand why the update of a file would fail.
//
// # What it promises
//
// [Check] only looks: it makes, opens for writing and changes nothing. What it
// cannot find out, because a system does not say or refuses the question, is no
// problem: the update itself is the judge, and may fail on what is not seen
// here, such as a quota, a mandatory access policy, or another process that
// takes the room first.
//
// # Which system has which check
//
//	                     linux        darwin, freebsd  other unix  windows
//	missing, directory,
//	not regular,
//	name too long        yes          yes              yes         yes
//	not writable         yes          1                1           yes (ACL)
//	unsafe directory     yes          yes              yes         -
//	foreign owner,
//	sticky directory     yes          2                2           -
//	read-only, no room   yes          yes              -           yes
//	no inodes            yes          yes              -           -
//	noexec               yes          yes              -           -
//	immutable            yes (statx)  yes (flags)      -           -
//	mount point          5.8 (statx)  yes              -           -
//	container image      yes          -                -           -
//	package manager      yes          yes              yes         by path
//
// 1: not for setuid programs, as access(2) asks for the real user. 2: only the
// user 0 counts as privileged; Linux has capabilities.
//
// # Package managers
//
// dpkg (with diversions and merged /usr), pacman and apk are read from their own
// plain files; rpm and FreeBSD's pkg are run from their fixed place, as their
// databases are not plain; Homebrew, Snap, Flatpak, Nix, Guix, and on Windows
// Scoop, Chocolatey, WinGet and the Store are known by where they put files. A
// manager that owns the path is a notice, no problem: refusing is a policy.
package preflight

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
)

// Reason says what is in the way. The text is for people and logs, and stable.
type Reason string

const (
	// ReasonMissing is a target that cannot be found.
	ReasonMissing Reason = "missing"
	// ReasonDirectory is a directory where a file should be.
	ReasonDirectory Reason = "is a directory"
	// ReasonNotRegular is a device, a pipe or a socket.
	ReasonNotRegular Reason = "not a regular file"
	// ReasonNameTooLong is a name that leaves no room for those beside it.
	ReasonNameTooLong Reason = "name too long"
	// ReasonNotWritable is a directory in which we may not make or list files.
	ReasonNotWritable Reason = "directory not writable"
	// ReasonReadOnly is a file system that is mounted read-only.
	ReasonReadOnly Reason = "read-only file system"
	// ReasonNoRoom is a file system with too little room, or too few inodes.
	ReasonNoRoom Reason = "no room"
	// ReasonNoExec is a file system from which nothing is executed.
	ReasonNoExec Reason = "mounted noexec"
	// ReasonImmutable is a file or directory with the immutable or append-only
	// attribute, which binds root too.
	ReasonImmutable Reason = "immutable"
	// ReasonSticky is somebody else's file in a sticky directory.
	ReasonSticky Reason = "sticky directory"
	// ReasonForeignOwner is an owner or group that we cannot give to a file.
	ReasonForeignOwner Reason = "foreign owner"
	// ReasonMountPoint is a file that is itself a mount, as in containers.
	ReasonMountPoint Reason = "mount point"
	// ReasonUnsafeDirectory is a directory in which everyone may rename files.
	ReasonUnsafeDirectory Reason = "unsafe directory"

	// ReasonPackageManager is a file that a package manager owns; only a notice.
	// With Err set a manager is there and did not answer.
	ReasonPackageManager Reason = "package manager"
	// ReasonBundle is a file inside a macOS application, whose signature breaks
	// when the file changes; only a notice.
	ReasonBundle Reason = "application bundle"
	// ReasonContainerImage is a file in the image of a container, where an
	// update lasts as long as the container; only a notice.
	ReasonContainerImage Reason = "container image"
)

// Error is one reason why an update would fail, or one thing to know before it.
type Error struct {
	Reason Reason
	Path   string // the file or directory that is in the way
	Detail string // what was found, may be empty
	Advice string // what a person can do, in one sentence
	Err    error  // the system's word for it, may be nil
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

// Unwrap lets errors.Is find the cause: fs.ErrPermission, syscall.EROFS,
// syscall.ENOSPC and so on.
func (e *Error) Unwrap() error { return e.Err }

// Question is an update that somebody thinks of.
type Question struct {
	// Target is the file that would be replaced. Symlinks are followed.
	Target string
	// Beside are the paths of what else the update makes, replaces or works in,
	// beside the target: its backup, its work directory. Any may be absent.
	Beside []string
	// Room is how many bytes will be written beside the target: the file, what
	// it is unpacked from, the backup if that has to be a copy. 0 means unknown,
	// and is not checked.
	Room int64
	// Execute says that the new file will be run before it is in place. A target
	// with an execute bit implies it.
	Execute bool
}

// Report is what Check found.
type Report struct {
	Target   string   // the file itself, without symlinks; as far as it was found
	Problems []*Error // each would make the update fail
	Notices  []*Error // for a person, or a policy, to know
}

// Check looks for what would make an update fail, and for what a person should
// know before it. The error is the context's: everything else is in the report.
func Check(ctx context.Context, q Question) (*Report, error) { return here().check(ctx, q) }

// Problems is the half of Check that looks for what would make an update fail. It
// is quick.
func Problems(q Question) *Report {
	p, problem := find(q.Target)
	r := &Report{Target: p.target}
	if problem != nil {
		r.Problems = append(r.Problems, problem)
	} else {
		r.Problems = p.problems(q)
	}
	return r
}

// Notices is the other half. It searches the databases of package managers, which
// takes some milliseconds where they are large. There are none of a target in
// which nothing can be installed.
func Notices(ctx context.Context, target string) ([]*Error, error) {
	return here().notices(ctx, target)
}

// system is where the databases of package managers and the marks of containers
// are looked for.
type system struct {
	root string
	goos string
}

func here() system { return system{root: string(filepath.Separator), goos: runtime.GOOS} }

func (s system) check(ctx context.Context, q Question) (*Report, error) {
	r := Problems(q)
	notices, err := s.notices(ctx, q.Target)
	if err != nil {
		return nil, err
	}
	r.Notices = notices
	return r, nil
}

func (s system) notices(ctx context.Context, target string) (all []*Error, err error) {
	p, problem := find(target)
	if problem != nil {
		return nil, nil
	}
	if s.layered(p.dir) {
		all = append(all, &Error{
			Reason: ReasonContainerImage, Path: p.target,
			Detail: "what is written here is gone with the container",
			Advice: "update the image instead, or keep the program on a volume",
		})
	}
	owner, err := s.managed(ctx, p.names...)
	if err != nil {
		return nil, err
	}
	for _, notice := range []*Error{s.bundle(p.target), owner} {
		if notice != nil {
			all = append(all, notice)
		}
	}
	return all, nil
}

// containerMarks are what docker, podman, cri-o and kubelet put into containers.
var containerMarks = [...]string{
	".dockerenv", "run/.containerenv", "run/secrets/kubernetes.io", "var/run/secrets/kubernetes.io",
}

// layered tells whether dir is in the image of a container. The mark alone does
// not say so: images are unpacked to disks too. Nor does the overlay: live and
// embedded systems boot from one.
func (s system) layered(dir string) bool {
	if !onLayers(s.root, dir) {
		return false
	}
	for _, mark := range containerMarks {
		if exists(s.root, mark) {
			return true
		}
	}
	return false
}

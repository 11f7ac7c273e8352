// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package preflight finds out why the update of a file would fail, before it is
// tried.
//
// # Guarantees
//
// [Check] changes nothing, and opens nothing for writing. If the system does not
// answer a question, Check reports no problem. So the update may still fail for a
// reason that is not found here, such as a quota, a mandatory access policy, or
// another process that fills the disk first.
//
// # Which check runs on which system
//
//	                     linux        darwin, freebsd  other unix  windows
//	missing, directory,
//	not regular,
//	name too long        yes          yes              yes         yes
//	not writable         yes          1                1           yes (ACL)
//	unsafe directory     yes          yes              yes         -
//	foreign owner,
//	sticky directory     yes          2                2           -
//	not readable         yes          1                1           -
//	file capabilities    yes          -                -           -
//	read-only, no space  yes          yes              -           yes
//	no inodes            yes          yes              -           -
//	noexec               yes          yes              -           -
//	immutable            yes (statx)  yes (flags)      -           -
//	mount point          5.8 (statx)  yes              -           -
//	container image      yes          -                -           -
//	package manager      yes          yes              yes         by path
//
// 1: not for setuid programs, as access(2) checks the rights of the real user. 2: only
// user 0 counts as privileged; on Linux capabilities count. Root and the owner of the
// target may update it, another user with capabilities may not.
//
// # Package managers
//
// The databases of dpkg (with diversions and merged /usr), pacman and apk are text
// files, which are read, each up to 256 MiB. rpm and FreeBSD's pkg are run, from their
// fixed path, for at most 5 seconds. Homebrew, Snap, Flatpak, Nix, Guix, and on Windows
// Scoop, Chocolatey, WinGet and the Store are known by where they put files. A file
// that a package manager owns is a notice, not a problem: whether to update it is the
// caller's decision.
package preflight

import (
	"context"
	"io/fs"
	"path/filepath"
	"runtime"
	"time"
)

// Question describes the update to check.
type Question struct {
	// Target is the file that would be replaced. Symlinks are followed.
	Target string
	// Beside are the other paths that the update creates or replaces, beside the
	// target: its backup, its work directory. They need not exist.
	Beside []string
	// Room is how many bytes will be written beside the target: the file, its
	// download, the backup if that has to be a copy. 0 means unknown: the free
	// space is not checked.
	Room int64
	// Execute means that the new file will be run before it is installed. A target
	// with an execute bit implies it.
	Execute bool
	// Shared accepts directories that every user may write to.
	Shared bool
	// Exposed reports whether the owner of dir, a directory above the target, could have
	// root run another program, and who that is. nil: no directory is.
	Exposed func(target, dir fs.FileInfo) (owner int, exposed bool)
}

// Report is what Check found.
type Report struct {
	Target   string   // without symlinks, if it was found
	Problems []*Error // each would make the update fail
	Notices  []*Error // what a person, or a policy, should know
}

// Check reports what would make an update fail, and what a person should know before
// it. The only error it returns is that of ctx. It is safe for concurrent use.
func Check(ctx context.Context, q Question) (*Report, error) { return here().check(ctx, q) }

// Problems is the part of Check that reports what would make an update fail. It takes
// less than a millisecond.
func Problems(q Question) *Report {
	p, problem := find(q.Target)
	r := &Report{Target: p.path}
	if problem != nil {
		r.Problems = append(r.Problems, problem)
	} else {
		r.Problems = p.problems(q)
	}
	return r
}

// system is the machine in which package managers and containers are looked for.
type system struct {
	root string
	goos string

	askTimeout  time.Duration // for one run of a package manager
	maxDatabase int64         // bytes of one file of a package manager's database
}

func here() system {
	return system{
		root: string(filepath.Separator), goos: runtime.GOOS,
		askTimeout: 5 * time.Second, maxDatabase: 256 << 20,
	}
}

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
	if s.inContainerImage(p.dir) {
		all = append(all, &Error{
			Reason: ReasonContainerImage, Path: p.path,
			Detail: "what is written here is lost when the container is removed",
			Advice: "update the image instead, or install the program on a volume",
		})
	}
	owner, err := s.managed(ctx, p.names...)
	if err != nil {
		return nil, err
	}
	for _, notice := range []*Error{s.bundle(p.path), owner} {
		if notice != nil {
			all = append(all, notice)
		}
	}
	return all, nil
}

// containerFiles are what docker, podman, cri-o and kubelet put into containers.
var containerFiles = []string{
	".dockerenv", "run/.containerenv", "run/secrets/kubernetes.io", "var/run/secrets/kubernetes.io",
}

// inContainerImage reports whether dir is in the image of a container. A container
// file alone does not prove it, since images are unpacked to disks too. Nor does an
// overlay, from which live and embedded systems boot.
func (s system) inContainerImage(dir string) bool {
	if !onOverlay(s.root, dir) {
		return false
	}
	for _, name := range containerFiles {
		if exists(s.root, name) {
			return true
		}
	}
	return false
}

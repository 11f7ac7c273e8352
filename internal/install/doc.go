// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package install replaces a program's file by another, so that its name always
// leads to a complete file.
//
// # Use
//
//	s, err := install.Begin(target)
//	defer s.Close()
//	path, err := s.StagePath()               // download to path
//	staged, err := s.Seal(path, hash, size)  // it is what was promised
//	backup, err := s.Commit(staged)          // it runs from now on
//
// Begin finds the file behind a symlink, takes a lock and makes the private
// directory .<base>.update beside the file (0700, on the same file system, as
// rename needs). Commit leaves the old file at <target>.backup, and [Rollback]
// puts that back.
//
// An error means that target, mode, owner, an older backup and the directory
// are what they were once Close has run. Two exceptions say so: a
// [RollbackFailure] is a target that may be broken, and "removing backup" or
// "putting the older backup back", joined to the cause, a backup that is not what
// it was beside a target that is.
//
// # Why fsync, and in which order
//
// After a rename without fsync a power cut can leave the new name with no
// content, because names and content reach the disk on different ways. So
// content is forced out before a name leads to it, and the names before success
// is reported. These are the steps, and what is on disk after each:
//
//  1. Seal: staged file 0600, hashed, forced out. Target old.
//  2. Commit gives the staged file the owner, then the mode of the target (a
//     change of owner clears setuid, and until it is done setuid would be
//     somebody else's), and forces that out. Target old.
//  3. The backup is made in the private directory: a hard link to the old file,
//     or a copy where links cannot be had or the file has other names already.
//     Target old.
//  4. An older backup is moved into the private directory. Target old, no
//     backup.
//  5. The backup gets its name, and the directory is forced out. Target old,
//     backup equal to it.
//  6. The staged file is renamed over the target. Target old or new, backup old.
//  7. The directory is forced out. Target new, backup old.
//
// If step 7 fails, nobody knows what a power cut would leave. That is no
// success: the old file is put back and the error returned. A file system
// that cannot force out directories at all (some network and FUSE file systems)
// is taken as it is.
//
// Windows does not let a running program be replaced, only be renamed. There
// the backup is a copy, and step 6 is two renames: target into the private
// directory, staged file to target. If the second fails, the first is undone.
//
// # Who is kept out
//
// Everything happens relative to a handle of the target's directory (os.Root),
// so exchanging a parent directory leads nowhere. Names are random, files are
// created exclusively, existing ones are opened only if they are regular files
// and still the same after opening; only our own names in our own directory are
// ever removed. Before and after the rename the file at the name is compared
// with the one that was hashed.
//
// A directory that everyone may write to is refused, unless it is sticky. Its
// owner and a group that may write to it are trusted: they can replace the
// program without us. So is a process of the same user.
//
// # What is not covered
//
//   - A process killed, or a power cut, between steps 3 and 7 leaves the private
//     directory behind. The next Begin clears it, and puts an older backup back
//     whose place was not taken; if the backup was a copy, the older one is given
//     up then.
//   - On Windows a process killed between the two renames leaves no target. The
//     old file then is in the private directory, as aside-*, and .backup is a
//     copy of it; both have to be put back by hand.
//   - On Windows other users are kept out by the rights that the directory's
//     children inherit only, and directories are not forced out.
//   - ACLs, extended attributes, file capabilities and SELinux labels are lost.
//   - The backup of a setuid program is a setuid program.
//   - Rollback trusts a regular file of the target's owner; it remembers no hash.
package install

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
// rename needs). Commit leaves the old file at <target>.backup, and Session.Rollback
// puts that back.
//
// An error means that target, mode, owner, an older backup and the directory
// are what they were once Close has run. Two exceptions say so: a
// [RollbackFailure] is a target that is not the old file any more, and "undoing
// the backup", joined to the cause, a journal that the next Begin or Recover has
// to end because the disk did not let us.
//
// A download that breaks off can be kept in the work directory, for the next
// session to go on with: see Partial. Nothing else of an update that failed stays.
//
// # Why fsync, and in which order
//
// After a rename without fsync a power cut can leave the new name with no
// content, because names and content reach the disk on different ways. So
// content is forced out before a name leads to it, the journal before the step
// that it announces, and the names before success is reported.
//
// # States
//
// The journal is .<base>.update/journal.json, replaced whole. At rest it is
// absent or says installed. These are the steps of an update, what is on disk
// once each is done, and what recover makes of it if the world stops there.
// Begin recovers too, so an update needs no Recover before it. The tests stop at
// every operation and look at what is left.
//
//	step                                 journal    target   .backup    recover
//	1 Seal: 0600, hashed, forced out     as before  old      as before  removes the leftovers
//	2 owner, then mode, forced out       as before  old      as before  the same
//	3 second name of the old file        as before  old      as before  the same
//	4 journal                            swapping   old      as before  undoes: journal as before
//	5 older backup → previous-*          swapping   old      none       undoes; previous-* → .backup
//	6 second name → .backup, forced out  swapping   old      old        undoes: removes .backup, as 5
//	7 staged file → target, forced out   swapping   new      old        finishes: 9; if a check is owed undoes
//	8 health check                       swapping   new      old        undoes: .backup → target, then as 6
//	9 journal                            installed  new      old        counts a start on probation
//
// A change of owner clears setuid, hence the order in step 2. Step 3 is a hard
// link, or a copy where links cannot be had or the file has other names. While
// the target is on probation .backup holds something better than the target;
// then step 3 makes keep-* instead, 5 and 6 are left out, and keep-* is what 8
// is undone from.
//
// Rollback, also the one that ends a failed probation:
//
//	step                                 journal    target   .backup    recover
//	1 second names of both files         installed  new      old        removes the leftovers
//	2 journal                            restoring  new      old        undoes: journal as before
//	3 second name → target, forced out   restoring  old      old        finishes: 4, 5
//	4 .backup removed, forced out        restoring  old      none       finishes: 5
//	5 journal                            none, or what failed its probation
//
// The journal names both files by hash, and recover asks the disk which of them
// the target is; where it is a third one somebody else installed it, and what is
// undone is our backup. A damaged journal leads nowhere: it is reported, and
// replaced by the next update; what is lost with it is the probation, which
// backup is whose, and the list of versions that failed.
//
// If the fsync after a rename fails nobody knows what a power cut would leave.
// That is no success: the old file is put back and the error returned. A file
// system that cannot force out directories at all (some network and FUSE file
// systems) is taken as it is.
//
// Windows does not let a running program be replaced, only be renamed. There the
// second name is a copy, and the step that replaces the target is two renames:
// target → aside-*, whose name the journal has, and staged file → target. If the
// second fails, the first is undone; if the world stops between them there is no
// target until Recover is run, by another program, and renames aside-* back.
// aside-* is removed by the next update or Recover that finds it not running, or
// at boot where Windows permits. A file that somebody else has open, as virus
// scanners do for a moment, is tried again for three seconds.
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
//   - On Windows other users are kept out by the rights that the directory's
//     children inherit only.
//   - The backup of a setuid program is a setuid program.
//   - A backup of v0.1.0, or one whose journal is lost, is put back if it is a
//     regular file of the target's owner: nobody wrote down its hash.
package install

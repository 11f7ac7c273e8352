// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package install replaces a program's file by another one, so that its name always
// leads to a complete file.
//
// # Use
//
//	s, err := install.Begin(ctx, target, install.Options{})
//	defer s.Close()
//	path, err := s.StagePath()
//	f, remove, err := s.Create(path)         // download to f
//	staged, err := s.Seal(path, hash, size)  // verify the download
//	backup, err := s.Commit(staged, plan)    // install it
//
// Begin resolves symlinks, takes a lock and creates the work directory
// .<base>.update beside the target (0700, on the same file system, as rename needs).
// Commit keeps the old file as <target>.backup, and Session.Rollback restores that.
//
// After an error and Close, the target, its mode and owner, an older backup and the
// directory are what they were, with three exceptions: after a [RollbackFailure] the
// target is not the old file any more, after "undoing the backup", joined to the
// cause, the next Begin or Recover has to finish what the disk did not permit, and a
// version that failed its smoke test or health check is remembered.
//
// An interrupted download can be kept in the work directory, and continued by the
// next session: see Partial. Nothing else of a failed update is kept.
//
// # Why fsync, and in which order
//
// After a rename without fsync a power cut can leave the new name without content,
// because names and content are written to the disk independently. So content is
// synced before a name leads to it, the journal before the step that it announces,
// and the names before success is reported.
//
// # States
//
// The journal is .<base>.update/journal.json, which is always replaced as a whole. It is
// all that is remembered of a target. At rest it is absent, without a state or in state
// installed. The table has the steps of an update, what
// is on disk after each, and what recovery does if the process or the machine stops
// there. Begin recovers too, so an update needs no Recover before it. The tests stop at
// every operation and check the result.
//
//	step                              journal    target   .backup    recovery
//	1 Seal: 0600, hashed, synced      as before  old      as before  removes the leftovers
//	2 owner, then mode, synced        as before  old      as before  the same
//	3 link to the old file            as before  old      as before  the same
//	4 journal                         swapping   old      as before  undoes: journal as before
//	5 older backup → previous-*       swapping   old      none       undoes; previous-* → .backup
//	6 link → .backup, synced          swapping   old      old        undoes: removes .backup, as 5
//	7 staged file → target, synced    swapping   new      old        finishes: 9; undoes if there is a check
//	8 health check                    swapping   new      old        undoes: .backup → target, then as 6
//	9 journal                         installed  new      old        counts a start on probation
//
// A change of owner clears setuid, hence the order in step 2. Step 3 is a hard link, or
// a copy if the file system has no links or the file has other names. While the target
// is on probation, .backup is a version that was confirmed, and stays: step 3 makes
// keep-* instead, 5 and 6 are omitted, and 8 is undone from keep-*.
//
// Rollback, also after a failed probation:
//
//	step                              journal    target   .backup    recovery
//	1 links to both files             installed  new      old        removes the leftovers
//	2 journal                         restoring  new      old        undoes: journal as before
//	3 link → target, synced           restoring  old      old        finishes: 4, 5
//	4 .backup removed, synced         restoring  old      none       finishes: 5
//	5 journal                         installed  old      none       counts no start
//
// The journal has the hashes of both files, and recovery reads the target to see which
// one it is. If it is neither, another program installed it, and only our backup is
// undone. A damaged journal is reported, and replaced by the next update. Lost with it
// are the probation, the hash of the backup, the versions that failed, and the floor.
//
// # What is remembered
//
// Each row is an event, and what becomes of the record. "left" and "good" are said of a
// version; the floor, below which no update goes, is the highest good version.
//
//	event                             record
//	installed without probation       good; no failure of this file any more
//	installed on probation            neither; if the target was on probation, its backup stays
//	start on probation                counted once, by the judge or Recover; the clock runs
//	start that overlaps with another  not counted
//	two judges within a second        one start, unless a process called Recover between
//	start of what another installed   not on probation any more; neither good nor left
//	Confirm after a start             good
//	Confirm before a start            nothing: the caller is the version before
//	too many starts, or too late      backup restored; left, and given up
//	the same without a backup         stays installed; left, and given up; no probation
//	Rollback, or backup moved by hand backup restored; left, and given up
//	smoke test or health check fails  tried again after 1, 2, 4 … 24 hours; given up after 5
//	                                  failures on more than one day; neither good nor left
//	health check was interrupted      the same
//	confirmed, another file found     stays good: only what is above left it
//	given up, and asked for           refused, unless the caller insists
//
// A failure belongs to a file, by its hash: another build of the version is another file.
// 16 files are remembered, of releases the last 16 versions under each of 4 sets of keys.
//
// # Two locks
//
// "lock" excludes other updates, from Begin to Close: it may be held for a whole download.
// "journal.lock" is held for one change of the journal, at most. A program that starts
// reads the journal without a lock, and at rest nothing is locked or written. To count a
// start, or to confirm, it takes the second one only. What changes the journal while an
// update is running is seen by that update before it announces its swap.
//
// "starts.lock" is held, shared, by every process that started on probation. A start is
// counted if nobody holds it.
//
// If the fsync after a rename fails, what a power cut would leave is unknown. This is a
// failure: the old file is restored and the error returned. A file system that cannot
// sync directories at all (some network and FUSE file systems) is accepted.
//
// On Windows a running program cannot be replaced, but it can be renamed. There the
// link is a copy, and the target is replaced by two renames: target → aside-*, a name
// in the journal, and staged file → target. If the second fails, the first is undone.
// If the machine stops between them, there is no target until another program calls
// Recover, which renames aside-* back. aside-* is removed by the next update or Recover
// after the program has finished, or at boot if Windows permits. A file that another
// program has open, as virus scanners do for a moment, is retried for three seconds.
//
// # Security
//
// All operations are relative to a handle of the target's directory (os.Root), so that
// replacing a parent directory has no effect. Names are random, and files are created
// exclusively. Existing files are opened only if they are regular files and the same
// after opening. Only files in our work directory with our names are ever removed. The
// file at a name is compared with the one that was hashed before and after the rename.
//
// A directory that every user may write to is refused, unless it is sticky or
// Options.Shared is set. Its owner and a group that may write to it are trusted, because
// they can replace the program anyway. So are other processes of the same user. Root
// refuses a target below a directory that belongs neither to root nor to the target's
// owner: its owner chooses the file, and so the user as whom the program runs. The table
// in package store says who may use the work directory, and what is done with one that is
// found.
//
// Root that updates the program of another user does not trust that user: files in the
// work directory are opened without following links or waiting for a fifo, the staged file
// stays root's until Commit, so that its owner can run it and not change it, and Commit
// reads it again.
//
// # File systems that move
//
// A file is known by its number, size, time and mode. Where these differ, content, owner,
// mode and the names of the open file decide whether it was exchanged: some FUSE file
// systems renumber files or round their times, at a link or a rename. A link that does not
// look like its file is replaced by a copy. File systems with fixed modes (FAT, NTFS) are
// accepted if nobody else can write to them.
//
// # Limitations
//
//   - On Windows other users are kept out only by the access rights that the directory
//     hands down.
//   - The backup of a setuid program is a setuid program.
//   - A backup of v0.1.0, or one whose journal is lost, is restored if it is a regular
//     file of the target's owner: its hash is not known.
package install

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package store keeps small files between updates: private to the users who may
// update, replaced whole, and safe against a crash. It has the lock that excludes
// two updates, and the format with a checksum in which facts are written down.
//
//   - [Acquire] locks a file; the lock ends with the process that holds it.
//   - [Write] and [Read] are for one file in an open directory.
//   - [Format] and [Parse] write and read [Fields] with a checksum.
//   - [Dir] is the directory of one target. It is checked at each use: another
//     user must not be able to write to it.
//   - [Access] decides about the private directory beside a target, for Dir and for
//     package install.
//
// # Who may touch what
//
// The users who may update a target are root and its owner. They share one private
// directory beside it, which is the owner's: root creates it, and each file in it, for
// the owner, by the handle of what it has just created, and never changes the owner of
// what it found. [Access.Judge] decides by who owns the target, who runs, and what is
// found:
//
//	runs             finds at the name of the directory      what is done
//	neither of them  anything                                nothing is read, counted or made: ErrForeign, or no error at a start;
//	                                                         with Shared as the owner: there all files may have one
//	root or owner    nothing                                 made, 0700, the owner's, whatever the umask
//	root or owner    the owner's, 0700                       used
//	root or owner    the owner's, others may look            set to 0700, used
//	root or owner    the owner's, a group may write to it    the same
//	                 that may write to the directory above
//	root or owner    the owner's, others may write           ErrUnsafeDirectory, until a person has decided about what is in it;
//	                                                         used if the program accepted that (Shared)
//	root or owner    another user's, or root's where the     removed if it is empty, else moved aside as it is, and a new one made;
//	                 owner is another                        ErrUnsafeDirectory if a sticky directory, or overlayfs, forbids that
//	root or owner    another user's, each time it was       ErrUnsafeDirectory: the file system sets the owner of all files;
//	                 made                                   used if the program accepted that (Shared)
//	root or owner    a link, a file, a fifo                  ErrUnsafeDirectory: it was planted
//
// A mode that cannot be set is accepted, as on file systems with fixed modes: what counts
// is that nobody else can write.
//
// In it, a file is read only if it is a regular one and written to only if root could not
// be made to write to one of its own: the lock if it has one name and belongs to the
// owner, everything else through a new file and a rename. A lock that its users
// may not open was left by a process that was stopped between creating it and giving it
// owner and mode; after two seconds it is removed.
//
// StateDir stays with the user who chose it: it, and the directories above, have to
// belong to root, the runner or the owner of the target, and others must not be able to
// exchange them.
//
// # More rights than the starter
//
// A process for which [Elevated] is true counts no start and judges no probation: who
// starts a setuid program, and kills it, would else decide about its version.
package store

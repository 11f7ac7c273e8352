// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package attrs copies the attributes of a file, besides owner and mode, to another
// file.
//
// On Linux these are the extended attributes, including POSIX ACLs, file capabilities
// and SELinux labels, and the flags of chattr. Signatures of the old content
// (fs-verity, IMA) are not copied.
//
// On Windows they are the owner, the access list, and the attributes hidden, system
// and not content indexed. Alternate streams are not copied. A verified file needs no
// Zone.Identifier.
//
// On macOS and FreeBSD they are the access list, extended attributes and flags, but
// not those that record where the old content came from (com.apple.quarantine) and
// who signed it. The code for these two systems was built, and never run. On other
// systems nothing is copied.
package attrs

import "errors"

// ErrLost means that the new file cannot have an attribute of the old one that
// decides who may run it, or with which rights.
var ErrLost = errors.New("access rights or capabilities cannot be kept")

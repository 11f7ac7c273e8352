// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package attrs carries what a file has besides content, owner and mode over to
// another file: extended attributes, and what Linux keeps in them, which is POSIX
// ACLs, file capabilities and SELinux labels; and the flags of chattr. A seal on
// the old content (fs-verity, IMA) is not the new one's, and lost.
//
// On Windows it is the owner, the access list, and the attributes hidden, system
// and not content indexed. Alternate streams are lost, and with them
// Zone.Identifier, which a verified file is not to have.
//
// On macOS and FreeBSD it is the access list, extended attributes and flags, but
// for what tells where the old content came from (com.apple.quarantine) and who
// signed it. That was never run, only built. On other systems nothing is carried
// over.
package attrs

import "errors"

// ErrLost means that the new file cannot have what the old one has, and that this
// decides who may run it and with which rights.
var ErrLost = errors.New("access rights or capabilities cannot be kept")

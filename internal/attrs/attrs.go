// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package attrs carries what a file has besides content, owner and mode over to
// another file: extended attributes, and what Linux keeps in them, which is POSIX
// ACLs, file capabilities and SELinux labels.
//
// On Windows it is the access list, and the attributes hidden, system and not
// content indexed. Alternate streams are lost, and with them Zone.Identifier,
// which a verified file is not to have.
//
// On other systems nothing is carried over: macOS's and FreeBSD's extended
// attributes and all ACLs but those that a directory hands down are lost there,
// and so is com.apple.quarantine.
package attrs

import "errors"

// ErrLost means that the new file cannot have what the old one has, and that this
// decides who may run it and with which rights.
var ErrLost = errors.New("access rights or capabilities cannot be kept")

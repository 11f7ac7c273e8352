// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package repository is the publisher's view of a repository of releases: a
// tree of plain files that any web server can serve.
//
//	<root>/<version>/<os>/<arch>/release.json
//	<root>/<version>/<os>/<arch>/<name>-<os>-<arch>-<version>.bz2
//
// Add publishes, Sign and Cosign sign what is published, List shows it, and
// Verify and VerifyURL check it as a client would, from the disk or over HTTP.
//
// # What a client can see
//
// Files are prepared in a private directory, .update-repo-…, inside the root,
// brought to the disk, and renamed into place: artifacts first, the documents
// that name them last. Whatever stops the machine, each platform of a release
// is as it was or wholly published. An error or a cancelled context undoes what
// was done, the directories included. After a kill or a power cut the private
// directory stays behind; the next change to the repository removes it.
//
// A published release is immutable. With Force its document is replaced; an
// artifact that has to differ gets a name of its own, which ends in the
// beginning of its hash, and the old one is deleted after the document no
// longer names it.
//
// One process at a time changes a repository; others wait for it.
package repository

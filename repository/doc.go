// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package repository publishes releases: it is the publisher's side of a
// repository, a tree of plain files that any web server can serve.
//
//	<root>/<version>/<os>/<arch>/release.json
//	<root>/<version>/<os>/<arch>/<name>-<os>-<arch>-<version>.bz2
//
// [Repository.Add] publishes, [Repository.Sign] and [Repository.Cosign] sign what
// is published, [Repository.List] lists it, and [Repository.Verify] and
// [VerifyURL] check it as a client does, on disk or over HTTP.
//
// # Glossary
//
//	repository   the tree, in a directory or at a URL
//	platform     an operating system and an architecture, as in GOOS and GOARCH
//	release      one version of a product for one platform
//	document     release.json: describes a release and carries its signatures
//	artifact     a file that holds the binary, compressed or not, or a patch
//	patch        an artifact that turns one older binary into the new one
//	signature    the publisher's signature over the whole document except signatures
//	cosignature  another key's signature over the same bytes
//	transaction  one change of a repository
//
// # Transactions
//
// Files are written to a private directory, .update-repo-…, inside the root,
// synced, and renamed into place: artifacts first, the documents that name them
// last. If the machine stops at any moment, each release is either unchanged or
// completely published. An error or a cancelled context undoes the
// change, including new directories. After a kill or a power cut the private
// directory remains; the next transaction removes it.
//
// A published release is immutable. With Force its document is replaced. If the
// content of an artifact changed, it gets another name, with the first characters of
// its hash in it. The old artifact is deleted when no document names it.
//
// A repository is locked during a transaction; other processes wait.
package repository

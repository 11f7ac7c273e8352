// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package updater replaces the program that embeds it, in place, by a signed
// release from a plain static repository.
//
//	err := updater.Apply(
//		updater.SourceRepo("https://repo.example.net/updater"),
//		updater.Product("choria"),
//		updater.CurrentVersion("1.2.2"),
//		updater.Version("1.2.3"),
//		updater.PublicKey(releaseKey),
//	)
//
// [Apply] fetches <repo>/<version>/<os>/<arch>/release.json, checks it with
// package trust, downloads the cheapest artifact it names, checks that before
// and after it is unpacked, and renames the new binary over the old one, which
// stays beside it as <target>.backup. [Rollback] puts it back. Restarting is
// the program's own business.
//
// # What is promised
//
// An error means that the target is what it was, with one exception: when
// [RollbackError] returns non-nil, the old binary could not be put back and a
// person is needed. Errors wrap the sentinels of this package and of package
// trust, so that errors.Is tells what happened; each sentinel's documentation
// says what to do.
//
// Nothing is installed on a hash alone. Without [PublicKey] or [PublicKeys]
// every call fails with [ErrNoPublicKey], unless [InsecureAllowUnsigned] is
// spelled out.
//
// # Releases that do not work
//
// [SmokeTest] runs the verified binary before it is installed, [HealthCheck] after.
// [Probation] is for what only shows later: the program calls [Recover] first of
// all and [Confirm] once it works, and a version that was started too often in
// between is replaced by the one before. Recover also ends an update that the
// machine did not get through.
//
// # Choosing options
//
// Give [CurrentVersion]: it ends Apply early when there is nothing to do, and
// it is the version below which no update goes. Give [Product] unless the key
// signs one product only: otherwise a release of another product, signed by
// the same key, is installed. Leave [TargetFile] out to update the running
// program.
//
// A program that updates more than once, or needs the details, uses [New] and
// the methods of [Updater]. Apply, FetchSpec and RollbackError, and all other
// names of go-updater v0.1.0, keep their meaning; programs written for it need
// only a PublicKey line.
package updater

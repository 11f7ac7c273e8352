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
// [Apply] locks the target, fetches <repo>/<version>/<os>/<arch>/release.json, and
// verifies it with package trust. It downloads the smallest artifact that the
// document names, verifies it before and after it is decompressed, and renames the
// new binary over the old one, which stays beside it as <target>.backup. [Rollback]
// puts it back. [Restart] starts the new one in place of this process.
//
// # Glossary
//
//   - target: the file that is replaced, by default the running program.
//   - repository: a directory of static files, served by any web server. A mirror
//     is a copy of it.
//   - release: one version of a product for one platform (operating system and
//     architecture).
//   - document: the signed release.json that describes a release.
//   - artifact: a file from which the binary of a release is made: the binary
//     itself, compressed, or a patch of an older binary.
//   - threshold: how many distinct keys must have signed.
//   - authority: something that proves where a document comes from, other than the
//     signatures in it. Example: TUF metadata (package trust/tuf).
//   - floor: the version below which no update goes: the highest that runs, or worked
//     here and was not left since.
//   - smoke test: a trial of the new binary before it is installed. Health check: a
//     trial after. Probation: the number of starts that a new version may have before
//     it must call Confirm.
//   - backup: the binary that was replaced.
//
// # Guarantees
//
// At every instant the target is a complete old or a complete new binary; on Windows
// there is an instant without one, which [Recover] ends. An error means that the target
// is what it was, with one exception: if [RollbackError] returns non-nil, the old
// binary could not be put back and a person is needed.
// Errors wrap the sentinels of this package and of package trust, for errors.Is;
// each sentinel's documentation says what to do.
//
// A correct hash is not enough to install a release. Without [PublicKey],
// [PublicKeys] or [VouchedBy] every call fails with [ErrNoPublicKey], unless
// [InsecureAllowUnsigned] is given.
//
// # Releases that do not work
//
// [SmokeTest] runs the verified binary before it is installed, [HealthCheck] after.
// [Probation] finds problems that appear later. The program calls [Recover] when it
// starts, and [Confirm] when it works. If it starts too often without Confirm, the
// backup is restored. A version that fails before it can call Recover needs [Judge], which
// the command updater-judge and [JudgeIfAsked] are. Recover also ends an update that was interrupted, for example by
// a power cut.
//
// # A program that restarts itself
//
// Use [New] and [Updater.Apply], and call [Updater.Restart] if Result.Updated is true, not
// after every call without an error: where nothing was updated, the next process would
// come to the same place. Set [CurrentVersion] from the version that the build writes into
// the binary. [Updater.Status] and [OnEvent] are for operators.
//
// # Choosing options
//
// Set [CurrentVersion]. If it equals Version, Apply returns at once; and no lower
// version is installed. Set [Product] unless the key signs one product only: without
// it, the first release installed decides which product this is. Leave
// [TargetFile] out to update the running program.
//
// A program that updates more than once, or needs the details, uses [New] and
// the methods of [Updater]. Apply, FetchSpec and RollbackError, and all other
// names of go-updater v0.1.0, keep their meaning; programs written for it need
// only a PublicKey line.
package updater

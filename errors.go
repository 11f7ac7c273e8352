// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater

import (
	"errors"
	"fmt"
	"strings"

	"github.com/choria-io/go-updater/internal/fetch"
	"github.com/choria-io/go-updater/internal/install"
	"github.com/choria-io/go-updater/internal/release"
)

// What a caller may want to act on, besides the refusals of package trust.
var (
	// ErrConfig is a configuration that cannot work. The text names the option.
	ErrConfig = errors.New("invalid updater configuration")

	// ErrNoPublicKey is a configuration without any key to trust: use PublicKey.
	ErrNoPublicKey = errors.New("no public key given (use PublicKey())")

	// ErrState is a record of earlier updates that is damaged or unsafe, while no
	// CurrentVersion says below which version not to go. Give CurrentVersion, or
	// remove the file that the error names.
	ErrState = errors.New("remembered trust is damaged")

	// ErrNoArtifact is a release that holds no artifact this version can read.
	ErrNoArtifact = release.ErrNoArtifact

	// ErrHash is a file that is not the one that was signed: another length or
	// another hash. Retry later; if it happens again, the repository is damaged.
	ErrHash = install.ErrHash

	// ErrNotFound is a document or artifact that the repository does not have.
	ErrNotFound = fetch.ErrNotFound

	// ErrForbidden is a document or artifact that the repository refuses to serve.
	// An object store answers so for missing files, too, to clients that may not
	// list it.
	ErrForbidden = fetch.ErrForbidden

	// ErrUnauthorized is a repository or a proxy that wants credentials, other ones
	// than it got: status 401 or 407. Give those of the repository with [Header], and
	// those of a proxy in its URL (HTTPS_PROXY) or with [HTTPClient].
	ErrUnauthorized = fetch.ErrUnauthorized

	// ErrUnreachable is a repository that could not be connected to: its name has no
	// address, the connection was refused, there is no route to it, or it does not
	// speak TLS. Check the address, the network, and the proxy if one is needed.
	ErrUnreachable = fetch.ErrUnreachable

	// ErrCertificate is a repository whose certificate is not accepted: of an unknown
	// authority, of another host, or outside its validity by the clock of this
	// machine. For an authority of your own use [HTTPClient] with RootCAs, else check
	// the clock, and whether a proxy intercepts the connection.
	ErrCertificate = fetch.ErrCertificate

	// ErrTemporary matches, besides another sentinel, an error that may go away by
	// itself: too many requests, a server's failure, a connection that was refused,
	// lost or stalled. Try again after some minutes. An error without it stays until
	// somebody changes the repository, the network or the options.
	ErrTemporary = fetch.ErrTemporary

	// ErrPanic is a panic in a Downloader or an Authority. It ended the update and
	// not the program. The text says where.
	ErrPanic = errors.New("panic")

	// ErrTooLarge is a document, or a release, above its size limit. For
	// releases see MaxSize.
	ErrTooLarge = fetch.ErrTooLarge

	// ErrStalled is a repository that sends too little to wait for: less than
	// 512 bytes a second on average over 30 seconds. Retry later.
	ErrStalled = fetch.ErrStalled

	// ErrRedirect is a redirect that is not followed: from https to http, to
	// another scheme, or one too many.
	ErrRedirect = fetch.ErrRedirect

	// ErrLocked is a target that another update is working on. Retry later.
	ErrLocked = install.ErrLocked

	// ErrNoBackup is a rollback without anything to go back to.
	ErrNoBackup = install.ErrNoBackup

	// ErrSmokeTest is a new binary that was verified and does not work here. It
	// was not installed.
	ErrSmokeTest = errors.New("smoke test failed")

	// ErrHealth is a new binary that did not pass the health check. The old one
	// is back.
	ErrHealth = install.ErrHealth

	// ErrFailedBefore is a release whose binary failed its probation on this machine,
	// or was rolled back: publish another one, or see RetryFailed. So is one whose smoke
	// test or health check failed: it is tried again after a wait, of an hour at first
	// and a day at most, and given up after five failures on more than one day.
	ErrFailedBefore = errors.New("this release failed here before")

	// ErrVersion is a target that is the wanted release already, and that runs, while
	// CurrentVersion says another version. A restart would lead here again. Build the
	// release with its version, such as with -ldflags "-X main.version=1.2.3".
	ErrVersion = errors.New("the program that runs is the wanted release, but reports another version")

	// ErrOff is what Apply and Check return while updates are switched off, see Off.
	// It is no failure.
	ErrOff = errors.New("updates are switched off")

	// ErrDisabled is what Apply and Rollback return in a program that was built
	// with the tag noselfupdate: a distribution updates it. Recover and Confirm
	// do nothing there.
	ErrDisabled = errors.New("self-update is disabled in this build; use your package manager")

	// ErrJournal is a damaged record of the last update. See Recover.
	ErrJournal = install.ErrJournal

	// ErrOwner is a new file that cannot have owner, mode, ACL or capabilities of
	// the old one. Update as its owner, or as root.
	ErrOwner = install.ErrOwner

	// ErrUnsafeDirectory is a target in a directory where other users could
	// exchange files. Fix its permissions, or who owns it.
	ErrUnsafeDirectory = install.ErrUnsafeDirectory
)

// LockedError is an [ErrLocked] that says which process holds the lock.
type LockedError struct {
	Target string // the file that is being updated
	PID    int    // 0 if not known; of a process that may have ended since

	err error
}

func (e *LockedError) Error() string { return e.err.Error() }

// Unwrap returns the cause, which is an [ErrLocked].
func (e *LockedError) Unwrap() error { return e.err }

// RollbackFailure is an update that failed and whose old binary could not be
// put back. The target needs a person. See [RollbackError].
type RollbackFailure struct {
	Cause error // what made the update fail
	Err   error // what kept the old binary from being put back

	err error
}

func (e *RollbackFailure) Error() string { return e.err.Error() }

// Unwrap returns the error that both are part of.
func (e *RollbackFailure) Unwrap() error { return e.err }

// RollbackError takes an error returned by Apply and returns the error, if any,
// that kept the old binary from being put back. It is nil if no rollback was
// needed or if it succeeded, and it finds the failure behind wrapped errors.
// Call it on every error of Apply: non-nil means that the target may be broken.
func RollbackError(err error) error {
	if failure, ok := errors.AsType[*RollbackFailure](err); ok {
		return failure.Err
	}
	return nil
}

// public wraps an error of package install in the type that is documented here.
func public(err error) error {
	if held, ok := errors.AsType[*install.LockedError](err); ok {
		err = &LockedError{Target: held.Target, PID: held.PID, err: err}
	}
	if failure, ok := errors.AsType[*install.RollbackFailure](err); ok {
		err = &RollbackFailure{Cause: oneLine(failure.Cause), Err: oneLine(failure.Err), err: oneLine(err)}
	}
	return err
}

// oneLine returns err with a text without line breaks: logs, and what reads them, take a
// line for a message. Errors that were joined, what code of the program returns, and
// names of files have them. errors.Is and errors.As find what they find in err.
func oneLine(err error) error {
	if err == nil || strings.IndexFunc(err.Error(), breaksLine) < 0 {
		return err
	}
	return &lineError{err}
}

type lineError struct{ err error }

func (e *lineError) Error() string { return unbroken(e.err.Error()) }

func (e *lineError) Unwrap() error { return e.err }

// unbroken returns the lines of text as one.
func unbroken(text string) string {
	var lines []string
	for _, line := range strings.FieldsFunc(text, breaksLine) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "; ")
}

// breaksLine reports whether r ends a line (Unicode UAX 14, BK, CR, LF and NL).
func breaksLine(r rune) bool {
	return '\n' <= r && r <= '\r' || r == '\u0085' || r == '\u2028' || r == '\u2029'
}

// guard turns a panic in code of the program into a refusal: a program that
// updates itself must survive a fault in parsing what a repository sent.
func guard(where string, call func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w in %s: %v", ErrPanic, where, p)
		}
	}()
	return call()
}

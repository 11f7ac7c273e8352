// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/choria-io/go-updater/internal/install"
	"github.com/choria-io/go-updater/trust"
)

// Downloader can download releases from repositories
//
// It is not trusted: the core verifies the document behind the Spec, and hashes
// the file that FetchBinary wrote, before anything is installed.
type Downloader interface {
	// Configure is called before anything else, with the whole configuration.
	Configure(*Config) error
	// FetchSpec returns the Spec of Config.Version, with its document: see Spec.
	FetchSpec() (*Spec, error)
	// FetchBinary creates target, which does not exist, with the uncompressed
	// binary in it. The directory of target is private to the update.
	FetchBinary(spec *Spec, target string) error
}

// Verifier is a [Downloader] that brings trust of its own, as trust/tuf does: what
// it says of a release document counts besides the signatures that PublicKey asks
// for, both must hold, and it counts alone where no key is given. To implement it
// is to be trusted like a key; a Downloader that merely fetches does not.
type Verifier interface {
	Downloader

	// VerifyDocument returns the ids of those who vouch for every byte of the
	// document, at least one, or the refusal. It is asked about what FetchSpec
	// returned, before any field of it is looked at, and once more when the lock
	// of the target is held; it asks no repository.
	VerifyDocument(document []byte) (by []string, err error)

	// TrustID names whom it trusts at present, after FetchSpec. What is remembered
	// of a release, and that nothing older is installed, holds for one TrustID, so
	// it changes with the keys that can vouch for a release and with nothing else.
	TrustID() string
}

// Updater updates one target. It is safe for concurrent use; its calls wait for
// one another.
type Updater struct {
	config *Config
	turn   chan struct{} // holds the one token
}

// Result is what Apply did.
type Result struct {
	Updated  bool     // false: CurrentVersion was Version already
	Version  string   // the version that the target holds now
	Previous string   // CurrentVersion, empty if it was not given
	Target   string   // the file that was replaced, symbolic links resolved
	Backup   string   // where the previous binary lies
	Signers  []string // key ids of those who signed, see trust.Key.ID
}

// New returns an Updater for the options, or an error that wraps [ErrConfig].
func New(opts ...Option) (*Updater, error) {
	c, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	if err := c.complete(); err != nil {
		return nil, err
	}
	u := &Updater{config: c, turn: make(chan struct{}, 1)}
	u.turn <- struct{}{}
	return u, nil
}

// begin waits for the calls before this one and sets the context that
// downloaders see.
func (u *Updater) begin(ctx context.Context) (end func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err // select would toss a coin
	}
	select {
	case <-u.turn:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	u.config.ctx, u.config.shown.ctx = ctx, ctx
	return func() {
		u.config.ctx, u.config.shown.ctx = nil, nil
		u.turn <- struct{}{}
	}, nil
}

// Apply installs Version, unless CurrentVersion says that it runs already. An
// error means that the target is what it was, unless [RollbackError] of it is
// non-nil. Cancelling ctx stops the download; once the verified binary is being
// swapped in, the swap is finished.
func (u *Updater) Apply(ctx context.Context) (*Result, error) {
	if disabled {
		return nil, ErrDisabled
	}
	end, err := u.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	c := u.config
	result := &Result{Version: c.Version, Previous: c.CurrentVersion}
	if c.CurrentVersion == c.Version {
		c.note(info, "already at the wanted version", "version", c.Version)
		return result, nil
	}
	c.note(info, "starting update", "version", c.Version, "current", c.CurrentVersion, "repo", redacted(c.SourceRepo))

	spec, v, err := c.fetchSpec()
	if err != nil {
		return nil, err
	}
	c.warn()
	told, err := c.preflight(ctx, v)
	if err != nil {
		return nil, err
	}
	defer told()
	session, err := c.session(ctx)
	if err != nil {
		return nil, fmt.Errorf("preparing update: %w", err)
	}
	defer func() {
		if err := session.Close(); err != nil {
			c.note(warning, "could not tidy up after the update", "error", err)
		}
	}()
	// Another process may have installed a newer release before we held the
	// lock: what was verified then is verified again now (T6).
	if v, err = c.verify(spec); err != nil {
		return nil, err
	}
	result.Target, result.Signers = session.Target(), v.Signers
	if failed, ok := session.Failed(v.Release.Hash); ok && c.retry != c.Version {
		return nil, fmt.Errorf("refusing release %s: %w: version %q was given up at %s, see RetryFailed()",
			c.Version, ErrFailedBefore, failed.Version, failed.When.Format(time.RFC3339))
	}
	if result.Updated = !session.Holds(v.Release.Hash, size(v)); result.Updated {
		if result.Backup, err = c.install(session, spec, v); err != nil {
			return nil, err
		}
	}
	c.dropPartials(session, nil)
	if err := c.remember(v); err != nil {
		// The update stands: it must not be reported as failed. The version
		// that runs from now on is the floor all the same.
		c.note(warning, "the update is installed, but could not be remembered", "error", err)
	}
	if !result.Updated {
		c.note(info, "the target holds the wanted version already, restart it", "version", c.Version, "target", result.Target)
		return result, nil
	}
	c.note(info, "updated", "version", c.Version, "target", result.Target, "backup", result.Backup)
	return result, nil
}

// install downloads, checks and swaps: rows 9 to 12 of the order of checks.
func (c *Config) install(session *install.Session, spec *Spec, v *trust.Verified) (backup string, err error) {
	c.dropPartials(session, v.Release.Artifacts)
	path, err := session.StagePath()
	if err != nil {
		return "", fmt.Errorf("preparing update: %w", err)
	}
	c.shown.work = session
	err = guard("FetchBinary", func() error { return c.Downloader.FetchBinary(spec, path) })
	c.shown.work = nil
	if err != nil {
		return "", fmt.Errorf("downloading release %s: %w", c.Version, err)
	}
	staged, err := session.Seal(path, v.Release.Hash, size(v))
	if err != nil {
		return "", fmt.Errorf("checking the downloaded binary: %w", err)
	}
	if err := c.smoke(session, staged); err != nil {
		return "", err
	}
	if err := c.Context().Err(); err != nil {
		return "", err
	}
	plan := install.Plan{Version: c.Version, Previous: c.CurrentVersion, Probation: c.probation}
	if c.healthCheck != nil {
		plan.Check = func() error { return c.healthCheck.Run(c.Context(), session.Target()) }
	}
	if backup, err = session.Commit(staged, plan); err != nil {
		return "", fmt.Errorf("replacing %s: %w", session.Target(), err)
	}
	if lost := session.Lost(); len(lost) > 0 {
		c.note(warning, "the new file does not have these attributes, flags or streams of the old", "attributes", lost)
	}
	return backup, nil
}

// dropPartials removes what came of downloads that are not of these artifacts: a
// patch of a release and the whole of it may both have broken off.
func (c *Config) dropPartials(session *install.Session, of []trust.Artifact) {
	var hashes []string
	for _, a := range of {
		hashes = append(hashes, a.Hash)
	}
	if err := session.DropPartials(hashes...); err != nil {
		c.note(warning, "could not tidy up after an earlier download", "error", err)
	}
}

// smoke runs the verified file before it is installed.
func (c *Config) smoke(session *install.Session, staged *install.Staged) error {
	if c.smokeTest == nil {
		return nil
	}
	err := session.Try(staged, func(path string) error { return c.smokeTest.Run(c.Context(), path) })
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSmokeTest, err)
	}
	return nil
}

// session locks the target, and ends what was interrupted there.
func (c *Config) session(ctx context.Context) (*install.Session, error) {
	s, err := install.Begin(ctx, c.TargetFile)
	if c.wait && errors.Is(err, ErrLocked) {
		c.note(info, "waiting for the other update to end", "error", err)
		s, err = install.BeginWhenFree(ctx, c.TargetFile)
	}
	if err != nil {
		return nil, err
	}
	c.noteRecovery(s.Recovered())
	return s, nil
}

// size is that of the binary; a document of v0.1.0 does not tell.
func size(v *trust.Verified) int64 {
	if v.Legacy {
		return install.AnySize
	}
	return v.Release.Size
}

// warn says what the configuration leaves unchecked.
func (c *Config) warn() {
	if c.allowUnsigned {
		c.note(warning, "the release is installed without checking a signature", "version", c.Version)
	}
	if _, ordered := compareVersions(c.Version, c.CurrentVersion); !ordered && c.CurrentVersion != "" {
		c.note(warning, "versions that are not semantic have no order, downgrades are not noticed",
			"version", c.Version, "current", c.CurrentVersion)
	}
}

// Rollback puts the backup that the last Apply made back in place of the
// target. It needs no network and asks no repository. [ErrNoBackup] means there
// is nothing to go back to. The backup is used up by it.
func (u *Updater) Rollback(ctx context.Context) error {
	end, err := u.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	return u.config.rollback(ctx)
}

func (c *Config) rollback(ctx context.Context) error {
	if disabled {
		return ErrDisabled
	}
	session, err := c.session(ctx)
	if err != nil {
		return fmt.Errorf("rolling back %s: %w", c.TargetFile, err)
	}
	if err := errors.Join(session.Rollback(), session.Close()); err != nil {
		return fmt.Errorf("rolling back %s: %w", c.TargetFile, err)
	}
	c.note(info, "rolled back", "target", c.TargetFile)
	return nil
}

// FetchSpec retrieves the update specification matching opts, and verifies it
//
// Its BinaryURI is computed from SourceRepo, whatever the downloader said, and
// nil when that is no http, https or file URL.
func FetchSpec(opts ...Option) (*Spec, error) {
	u, err := New(opts...)
	if err != nil {
		return nil, err
	}
	defer u.config.release()
	spec, v, err := u.config.fetchSpec()
	if err != nil {
		return nil, err
	}
	spec.BinaryURI, _ = u.config.url(v.Release.Binary)
	return spec, nil
}

// Apply applies a specific update: [New] and [Updater.Apply] in one, without a
// deadline. Call [RollbackError] on its error.
func Apply(opts ...Option) error {
	u, err := New(opts...)
	if err != nil {
		return err
	}
	defer u.config.release()
	_, err = u.Apply(context.Background())
	return err
}

// Rollback is [Updater.Rollback] without a deadline. Of the options only
// TargetFile and the loggers matter: neither repository nor key is needed.
func Rollback(opts ...Option) error {
	c, err := newConfig(opts)
	if err != nil {
		return err
	}
	return c.rollback(context.Background())
}

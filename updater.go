// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/choria-io/go-updater/internal/install"
	"github.com/choria-io/go-updater/internal/layout"
	"github.com/choria-io/go-updater/internal/release"
	"github.com/choria-io/go-updater/internal/store"
	"github.com/choria-io/go-updater/trust"
)

// Updater updates one target. It is safe for concurrent use; its calls wait for
// one another.
type Updater struct {
	settings *settings
	turn     chan struct{} // holds the one token
}

// Result is what Apply did.
type Result struct {
	Updated  bool     // false: there was nothing to do, restart only if this is true
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
		return nil, oneLine(err)
	}
	s, err := c.fix()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if err := s.connect(c); err != nil {
		return nil, oneLine(fmt.Errorf("%w: %w", ErrConfig, err))
	}
	u := &Updater{settings: s, turn: make(chan struct{}, 1)}
	u.turn <- struct{}{}
	return u, nil
}

// begin waits for the calls before this one.
func (u *Updater) begin(ctx context.Context) (end func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err // if both are ready, select picks one at random
	}
	select {
	case <-u.turn:
		return func() { u.turn <- struct{}{} }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Apply installs Version, unless CurrentVersion says that it runs already. An
// error means that the target is what it was, unless [RollbackError] of it is
// non-nil. Cancelling ctx stops the download; once the verified binary is being
// swapped in, the swap is finished.
//
// If the target is the release already, because the program was not restarted after an
// update, Result.Updated is false. If this process runs it even so, CurrentVersion is
// wrong, and a restart would change nothing: that is [ErrVersion], on Linux, where it can
// be seen.
func (u *Updater) Apply(ctx context.Context) (*Result, error) {
	if install.Disabled {
		return nil, ErrDisabled
	}
	end, err := u.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	s := u.settings
	if err := s.off(); err != nil {
		s.decided(ctx, false, err.Error(), time.Time{})
		return nil, err
	}
	result, err := s.apply(ctx)
	if err != nil {
		return nil, s.notApplied(ctx, err)
	}
	return result, nil
}

// runs reports whether CurrentVersion is Version.
func (s *settings) runs() bool {
	return strings.TrimPrefix(s.current, "v") == strings.TrimPrefix(s.version, "v")
}

func (s *settings) apply(ctx context.Context) (*Result, error) {
	if s.runs() {
		s.log.Info(ctx, "already at the wanted version", "version", s.version)
		s.decided(ctx, false, reasonRuns, time.Time{})
		return &Result{Version: s.version, Previous: s.current}, nil
	}
	s.log.Info(ctx, "starting update", "version", s.version, "current", s.current, "repo", redacted(s.repo))
	session, err := s.session(ctx)
	if err != nil {
		return nil, s.explain(fmt.Errorf("preparing update: %w", err))
	}
	defer func() {
		if err := session.Close(); err != nil {
			s.log.Warn(ctx, "could not clean up after the update", "error", err)
		}
	}()
	w, err := s.walk(ctx, session)
	if err != nil {
		return nil, err
	}
	s.happened(ctx, EventChecked, s.version, s.current, "")
	s.warnUnchecked(ctx)
	if err := w.preflight(ctx); err != nil {
		return nil, err
	}
	result, err := w.apply(ctx, session)
	if w.deadEnd {
		return w.afresh(ctx, session, err)
	}
	return result, err
}

// apply installs the verified release: it downloads, verifies, tries and swaps.
func (w *walk) apply(ctx context.Context, session *install.Session) (*Result, error) {
	result := &Result{Version: w.version, Previous: w.current, Target: session.Target(), Signers: w.verified.Signers}
	if failed, blocked := w.blocked(); blocked {
		w.decided(ctx, false, string(failed.Reason), failed.Next)
		return nil, failedBefore(w.version, failed)
	}
	if result.Updated = !session.Holds(w.verified.Release.Hash, w.size()); result.Updated {
		w.decided(ctx, true, reasonOther, time.Time{})
		backup, err := w.install(ctx, session)
		if err != nil {
			return nil, err
		}
		result.Backup = backup
	} else if w.decided(ctx, false, reasonHeld, time.Time{}); w.current != "" && install.Runs(result.Target) == install.RunsTarget {
		return nil, fmt.Errorf("%w: it is %q, and CurrentVersion() is %q (build it with its version, as with -ldflags \"-X main.version=%s\")",
			ErrVersion, w.version, w.current, w.version)
	}
	w.dropPartials(ctx, session, nil)
	if err := w.remember(session, result.Updated); err != nil {
		// The update stands: it must not be reported as failed. The version
		// that runs from now on is the floor all the same.
		w.log.Warn(ctx, "the update is installed, but could not be remembered", "error", err)
	}
	if !result.Updated {
		w.log.Info(ctx, "the target is the wanted version already: restart it", "version", w.version, "target", result.Target)
		return result, nil
	}
	w.happened(ctx, EventInstalled, w.version, w.current, "")
	w.log.Info(ctx, "updated", "version", w.version, "target", result.Target, "backup", result.Backup)
	return result, nil
}

// install downloads, checks and swaps.
func (w *walk) install(ctx context.Context, session *install.Session) (backup string, err error) {
	w.dropPartials(ctx, session, w.verified.Release.Artifacts)
	path, err := session.StagePath()
	if err != nil {
		return "", fmt.Errorf("preparing update: %w", err)
	}
	if err := w.binary(ctx, session, path); err != nil {
		return "", fmt.Errorf("downloading release %s: %w", w.version, err)
	}
	staged, err := session.Seal(path, w.verified.Release.Hash, w.size())
	if err != nil {
		return "", fmt.Errorf("checking the downloaded binary: %w", err)
	}
	if test := w.set.smokeTest; test != nil {
		err := session.Try(staged, func(path string) error { return test.run(ctx, path, session.Owner()) })
		if err != nil {
			if ctx.Err() == nil {
				err = errors.Join(err, session.Fail(w.version, w.verified.Release.Hash, install.FailedSmokeTest))
			}
			return "", fmt.Errorf("%w: %w", ErrSmokeTest, err)
		}
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	plan := install.Plan{
		Version: w.version, Previous: w.current, Probation: w.set.probation, ProbationTime: w.set.probationTime, Judge: w.set.judge,
	}
	if w.set.stateDir == "" {
		plan.Accept = w.installed()
	}
	if check := w.set.healthCheck; check != nil {
		plan.Check = func() error { return check.run(ctx, session.Target(), session.Owner()) }
	}
	if backup, err = session.Commit(staged, plan); err != nil {
		return "", fmt.Errorf("replacing %s: %w", session.Target(), public(err))
	}
	if lost := session.Lost(); len(lost) > 0 {
		w.log.Warn(ctx, "the new file does not have these attributes, flags or streams of the old", "attributes", lost)
	}
	return backup, nil
}

// binary creates the verified binary at path, or what a foreign downloader says
// is it.
func (w *walk) binary(ctx context.Context, session *install.Session, path string) error {
	work := release.Workspace{
		Installed: session.Old,
		Partial: func(sha256hex string) (*os.File, func(bool) error, error) {
			p, err := session.Partial(sha256hex)
			if err != nil {
				return nil, nil, err
			}
			return p.File, p.End, nil
		},
	}
	if w.foreign != nil {
		return w.foreign.fetchBinary(ctx, w.spec, path, work) // it has the path, as in v0.1.0
	}
	work.Create = session.Create
	err := guard("fetching the binary", func() error { return w.source.Binary(ctx, w.verified, path, work) })
	w.deadEnd = w.leadsNowhere(ctx, err)
	return err
}

// dropPartials removes partial downloads of other artifacts than these.
func (w *walk) dropPartials(ctx context.Context, session *install.Session, of []trust.Artifact) {
	var hashes []string
	for _, a := range of {
		hashes = append(hashes, a.Hash)
	}
	if err := session.DropPartials(hashes...); err != nil {
		w.log.Warn(ctx, "could not clean up after an earlier download", "error", err)
	}
}

// session locks the target, and ends what was interrupted there.
func (s *settings) session(ctx context.Context) (*install.Session, error) {
	options := s.installing()
	session, err := install.Begin(ctx, s.target, options)
	if s.set.wait && errors.Is(err, ErrLocked) {
		s.log.Info(ctx, "waiting for the other update to end", "error", err)
		options.Wait = true
		session, err = install.Begin(ctx, s.target, options)
	}
	if err != nil {
		return nil, public(err)
	}
	s.logRecovery(ctx, session.Recovered())
	return session, nil
}

// warnUnchecked logs what the configuration leaves unchecked.
func (s *settings) warnUnchecked(ctx context.Context) {
	if s.set.allowUnsigned {
		s.log.Warn(ctx, "the release is installed without checking a signature", "version", s.version)
	}
	if _, ordered := layout.CompareVersions(s.version, s.current); !ordered && s.current != "" {
		s.log.Warn(ctx, "versions that are not semantic have no order, downgrades are not noticed",
			"version", s.version, "current", s.current)
	}
}

// Apply applies a specific update: [New] and [Updater.Apply] in one, without a
// deadline. Call [RollbackError] on its error. Without an error the target is Version;
// only [Updater.Apply] reports whether it was before, so that a program need not restart.
func Apply(opts ...Option) error {
	u, err := New(opts...)
	if err != nil {
		return err
	}
	_, err = u.Apply(context.Background())
	return err
}

// walk is what one call of Apply, Check or Preflight has established. Each fact is
// established once: what is remembered is read, the document fetched, and its
// signatures verified, before anything else uses them.
type walk struct {
	*settings
	dir    store.Dir
	facts  install.Facts  // what the journal says
	memory store.Memories // what is remembered of releases, by the keys

	raw      []byte // the document
	verified *trust.Verified
	trusted  string          // whom the document was verified against
	answer   *release.Answer // of the built-in downloader, without an authority
	deadEnd  bool            // the document was kept, and its binary could not be had
	spec     *Spec           // of a foreign downloader
}

// walk reads what is remembered, and fetches and verifies the document. session is nil
// for calls that do not update.
func (s *settings) walk(ctx context.Context, session *install.Session) (*walk, error) {
	w := &walk{settings: s}
	if err := w.recall(ctx, session); err != nil {
		return nil, err
	}
	if err := guard("fetching the release", func() error { return w.document(ctx) }); err != nil {
		return nil, err
	}
	if len(w.memory) > 0 && w.memory[0].Policy != w.trusted {
		w.log.Info(ctx, "the public keys changed since the last update", "file", w.memoryPath())
	}
	return w, nil
}

func (w *walk) document(ctx context.Context) error {
	switch {
	case w.foreign != nil:
		spec, err := w.foreign.fetchSpec(ctx)
		if err != nil {
			return fmt.Errorf("fetching release %s: %w", w.version, err)
		}
		w.spec = spec
		return w.verifySpec(spec)
	case w.set.authority != nil:
		return w.vouched(ctx)
	}
	answer, err := w.source.Document(ctx, release.Cache{Dir: w.dir}, func(document []byte) error {
		return w.verify(document, nil, w.policyID())
	})
	w.answer = answer
	return err
}

// verify checks a document against the configuration and what is remembered, in the
// order of package trust. by are those who vouch for it by other means than
// signatures in it; trusted names everybody who is trusted.
func (w *walk) verify(document []byte, by []string, trusted string) error {
	m := w.remembered(trusted)
	want := trust.Want{
		Name: cmp.Or(w.set.product, m.Product), Version: w.version, OS: w.os, Arch: w.arch, Now: w.now(), LastSeen: m.Seen,
		Running: w.current, Floor: w.floor(m), Released: m.Released(w.version),
		Compare: layout.CompareVersions, AllowDowngrade: w.set.allowDowngrade,
	}
	var v *trust.Verified
	var err error
	switch {
	case w.set.authority != nil:
		v, err = trust.VerifyVouched(document, by, w.policy, want)
	case w.policy != nil:
		v, err = trust.Verify(document, w.policy, want)
	default:
		v, err = trust.InsecureVerifyUnsigned(document, want)
	}
	if w.set.product == "" && m.Product != "" && errors.Is(err, trust.ErrMismatch) {
		err = fmt.Errorf("%w (releases of %q were installed before; use Product() if it was renamed)", err, m.Product)
	}
	if err != nil {
		return fmt.Errorf("refusing release %s for %s/%s: %w", w.version, w.os, w.arch, err)
	}
	if limit := w.maxSize(); v.Release.Size > limit {
		return fmt.Errorf("refusing release %s: %w: a binary of %d bytes, MaxSize() is %d", w.version, ErrTooLarge, v.Release.Size, limit)
	}
	w.raw, w.verified, w.trusted = document, v, trusted
	return nil
}

// policyID names whom the configuration trusts, besides an authority.
func (s *settings) policyID() string {
	if s.policy == nil {
		return "insecure: unsigned releases are allowed"
	}
	return s.policy.ID()
}

// vouchedID names whom the configuration trusts: an authority, and the keys if
// there are any.
func (s *settings) vouchedID(authority string) string {
	sum := sha256.Sum256([]byte(authority))
	id := hex.EncodeToString(sum[:])
	if s.policy == nil {
		return "vouched: " + id
	}
	return s.policy.ID() + " and " + id
}

// size is that of the binary; a document of v0.1.0 does not state it.
func (w *walk) size() int64 {
	if w.verified.Legacy {
		return install.AnySize
	}
	return w.verified.Release.Size
}

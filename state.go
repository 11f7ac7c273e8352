// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/semver"

	"github.com/choria-io/go-updater/internal/install"
	"github.com/choria-io/go-updater/internal/store"
	"github.com/choria-io/go-updater/trust"
)

const (
	stateFormat = 1
	maxState    = 4 << 10
)

// state is what is remembered of the releases installed on a target, so that an
// older one cannot be passed off as new, and an expired one not as fresh. It
// holds for one policy: a change of keys starts anew, from the version that
// runs, which is how a poisoned memory is repaired.
type state struct {
	Policy   string
	Version  string    // the highest installed
	Released time.Time // of its document
	Seen     time.Time // when it was installed, by the clock here
}

func (s *state) accepted() *trust.Accepted {
	if s.Version == "" {
		return nil
	}
	return &trust.Accepted{Version: s.Version, Released: s.Released}
}

// statePath is beside the target, or in StateDir under a name that no other
// target shares.
func (c *Config) statePath() (string, error) {
	target, err := filepath.EvalSymlinks(c.TargetFile)
	if err != nil {
		return "", fmt.Errorf("finding target: %w", err)
	}
	if c.stateDir == "" {
		// Before anything is read or written by way of it, also without the lock.
		work := install.WorkDir(target)
		if err := store.CheckOwned(work); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("%w: %w", ErrState, err)
		}
		return filepath.Join(work, install.TrustFile), nil
	}
	sum := sha256.Sum256([]byte(target))
	return filepath.Join(c.stateDir, filepath.Base(target)+"-"+hex.EncodeToString(sum[:4])+".json"), nil
}

// remembered loads the state that holds for those who are trusted now. A damaged file is never
// taken for an empty one in silence: with a CurrentVersion that stays the floor
// and the damage is logged, without one ErrState is returned.
func (c *Config) remembered(trusted string) (*state, error) {
	path, err := c.statePath()
	if errors.Is(err, fs.ErrNotExist) {
		return &state{}, nil // no target, so nothing was installed; v0.1.0's FetchSpec needed none
	}
	if err != nil {
		return nil, err
	}
	s, err := readState(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &state{}, nil
	case errors.Is(err, install.ErrUnsafeDirectory):
		return nil, fmt.Errorf("%w: %w", ErrState, err)
	case err != nil && c.CurrentVersion == "" && !c.allowDowngrade:
		return nil, fmt.Errorf("%w: %s: %w", ErrState, path, err)
	case err != nil:
		c.note(warning, "remembered trust is damaged, the running version is the floor", "file", path, "error", err)
		return &state{}, nil
	case s.Policy != trusted:
		c.note(info, "the public keys changed since the last update", "file", path)
		return &state{}, nil
	}
	return s, nil
}

func readState(path string) (*state, error) {
	raw, err := store.ReadFile(path, maxState)
	if err != nil {
		return nil, err
	}
	f, err := store.Parse(raw)
	if err != nil {
		return nil, err
	}
	format := f.Int("format")
	s := &state{Policy: f.Text("policy"), Version: f.Text("version"), Released: f.Time("released"), Seen: f.Time("seen")}
	switch {
	case f.Err() != nil:
		return nil, f.Err()
	case format != stateFormat || s.Policy == "" || s.Version == "" || s.Seen.IsZero() || len(raw) > maxState:
		return nil, fmt.Errorf("not a state file of format %d", stateFormat)
	}
	return s, nil
}

// remember stores an installed release, unless a higher one is remembered: a
// downgrade that a person asked for does not lower the floor.
func (c *Config) remember(v *trust.Verified) error {
	policy, err := c.policy()
	if err != nil {
		return err
	}
	trusted, err := c.trustID(policy)
	if err != nil {
		return err
	}
	path, err := c.statePath()
	if err != nil {
		return err
	}
	next := state{Policy: trusted, Version: c.Version, Released: v.Release.Released, Seen: c.Now().UTC()}
	if old, err := readState(path); err == nil && old.Policy == next.Policy {
		order, ok := compareVersions(next.Version, old.Version)
		_, ordered := compareVersions(old.Version, old.Version)
		switch {
		case ok && order < 0, !ok && ordered: // what has no order does not lower the floor
			next.Version, next.Released = old.Version, old.Released
		case ok && order == 0 && old.Released.After(next.Released):
			next.Released = old.Released
		}
		if old.Seen.After(next.Seen) {
			next.Seen = old.Seen
		}
	}
	raw := store.Format(store.Fields{
		"format": stateFormat, "policy": next.Policy, "version": next.Version, "released": next.Released, "seen": next.Seen,
	})
	if err := c.makeStateDir(filepath.Dir(path)); err != nil {
		return err
	}
	if c.stateDir != "" { // others, with locks of their own, may write there
		if err := store.RemoveLeftovers(c.stateDir, strings.TrimSuffix(filepath.Base(path), "json")); err != nil {
			c.note(warning, "could not tidy up where it is remembered what was installed", "error", err)
		}
	}
	return store.WriteFile(path, raw)
}

// makeStateDir makes the directory for what is remembered, or refuses what is in
// its place. StateDir may be a link: who gave it chose that. Beside the target it is
// not made by who can only look for updates: those who install them would refuse it.
func (c *Config) makeStateDir(dir string) error {
	if _, err := os.Lstat(dir); c.stateDir == "" && errors.Is(err, fs.ErrNotExist) && !store.MayUpdate(c.TargetFile) {
		return fmt.Errorf("making %q: %w: that is for the owner of the target, use StateDir()", dir, fs.ErrPermission)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if c.stateDir != "" {
		dir += string(filepath.Separator) + "." // what the link leads to
	}
	return store.CheckOwned(dir)
}

// trustID names whom the configuration trusts.
func (c *Config) trustID(p *trust.Policy) (string, error) {
	verifier, vouched := c.Downloader.(Verifier)
	switch {
	case !vouched && p == nil:
		return "insecure: unsigned releases are allowed", nil
	case !vouched:
		return p.ID(), nil
	}
	var id string
	err := guard("TrustID", func() error {
		id = hashString(verifier.TrustID())
		return nil
	})
	if p == nil {
		return "vouched: " + id, err
	}
	return p.ID() + " and " + id, err
}

// compareVersions orders two semantic versions, a leading v being optional. ok
// is false if either is not one.
func compareVersions(a, b string) (order int, ok bool) {
	a, b = "v"+strings.TrimPrefix(a, "v"), "v"+strings.TrimPrefix(b, "v")
	return semver.Compare(a, b), semver.IsValid(a) && semver.IsValid(b)
}

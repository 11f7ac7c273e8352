// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package tuf

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	updater "github.com/choria-io/go-updater"
	"github.com/choria-io/go-updater/internal/store"
	"github.com/choria-io/go-updater/internal/tuf/client"
	"github.com/choria-io/go-updater/trust"
)

const (
	// keepName is the directory of what is remembered, metadataDir that of the
	// metadata in the repository.
	keepName    = "tuf"
	metadataDir = "metadata/"
	lockName    = "lock"

	// lockPause is how often a lock that another process holds is asked for.
	lockPause = 50 * time.Millisecond
)

// Downloader is an [updater.Verifier] that trusts what TUF metadata vouches for. Its
// methods must not be called concurrently on one value; the core does not. One value
// serves one [updater.Updater].
type Downloader struct {
	root   []byte
	cfg    *updater.Config
	http   updater.HTTPDownloader
	memory client.Memory // where there is no target to remember something beside
	id     string        // the last TrustID
}

var _ updater.Verifier = (*Downloader)(nil)

// New returns a Downloader that trusts the root metadata root.json: the first one of
// the repository, or a later one. What is wrong with it is told by [updater.New], as
// an [updater.ErrConfig]. That it expired is no fault, as long as the repository has a
// later one.
func New(root []byte) *Downloader { return &Downloader{root: slices.Clone(root)} }

// Configure implements updater.Downloader
func (d *Downloader) Configure(c *updater.Config) error {
	if err := client.CheckRoot(d.root); err != nil {
		return err
	}
	if err := d.http.Configure(c); err != nil {
		return err
	}
	d.cfg, d.id = c, ""
	return nil
}

// FetchSpec implements updater.Downloader: it brings the metadata up to date and
// fetches the release document that it vouches for. The first repository whose
// metadata and document hold together is taken.
func (d *Downloader) FetchSpec() (*updater.Spec, error) {
	var spec *updater.Spec
	err := d.locked(func(c *client.Client) (failed error) {
		repos := d.cfg.Repositories()
		for _, repo := range repos {
			var err error
			if spec, err = d.fetchSpec(c, repo); err == nil {
				return nil
			}
			if len(repos) == 1 || d.cfg.Context().Err() != nil {
				return err
			}
			d.cfg.Warn("this repository is of no use, trying a mirror", "error", err)
			if failed != nil {
				err = fmt.Errorf("%w; %w", failed, err)
			}
			failed = err
		}
		return failed
	})
	if err != nil {
		return nil, err
	}
	return spec, nil
}

func (d *Downloader) fetchSpec(c *client.Client, repo string) (*updater.Spec, error) {
	ctx := d.cfg.Context()
	view, err := c.Refresh(ctx, remote{&d.http, repo})
	if err != nil {
		return nil, fmt.Errorf("refreshing TUF metadata: %w", err)
	}
	target, err := view.Target(ctx, d.path())
	if err != nil {
		return nil, err
	}
	if target.Length > trust.MaxDocument {
		return nil, fmt.Errorf("target %q: %w: %d bytes, a document has at most %d", target.Path, updater.ErrTooLarge, target.Length, trust.MaxDocument)
	}
	document, err := d.http.ReadFile(repo, target.File, target.Length)
	if err != nil {
		return nil, err
	}
	if err := target.Verify(document); err != nil {
		return nil, err
	}
	return updater.ParseSpec(document)
}

// path is the name of the release document as a target.
func (d *Downloader) path() string {
	return strings.Join([]string{d.cfg.Version, d.cfg.OperatingSystem, d.cfg.Architecture, "release.json"}, "/")
}

// FetchBinary implements updater.Downloader, as updater.HTTPDownloader does it.
func (d *Downloader) FetchBinary(spec *updater.Spec, target string) error {
	return d.http.FetchBinary(spec, target)
}

// VerifyDocument implements updater.Verifier: the metadata as it is remembered now,
// perhaps by another process, must vouch for these bytes, and not be expired. It
// returns the ids of the keys that signed the role that lists the document.
func (d *Downloader) VerifyDocument(document []byte) (by []string, err error) {
	err = d.locked(func(c *client.Client) error {
		target, err := d.remembered(c)
		if err == nil {
			err = target.Verify(document)
		}
		if err == nil {
			by = target.By
		}
		return err
	})
	return by, err
}

// TrustID implements updater.Verifier: it names the keys and thresholds of the roles
// through which a release is vouched for, of targets first. Once the metadata cannot
// be read any more it is what it was.
func (d *Downloader) TrustID() string {
	err := d.locked(func(c *client.Client) error {
		target, err := d.remembered(c)
		if err == nil {
			sum := sha256.Sum256([]byte(target.Trusted))
			d.id = hex.EncodeToString(sum[:])
		}
		return err
	})
	if err != nil && d.cfg != nil {
		d.cfg.Warn("the TUF metadata that is remembered cannot be used", "error", err)
	}
	return d.id
}

func (d *Downloader) remembered(c *client.Client) (*client.Target, error) {
	view, err := c.Load(d.cfg.Context())
	if err != nil {
		return nil, fmt.Errorf("reading TUF metadata: %w", err)
	}
	return view.Target(d.cfg.Context(), d.path())
}

// locked calls work with a client that no other process gets in the way of.
func (d *Downloader) locked(work func(c *client.Client) error) error {
	if d.cfg == nil {
		return errors.New("the tuf.Downloader was not configured")
	}
	c := &client.Client{Root: d.root, Store: &d.memory, Now: d.cfg.Now, Note: d.cfg.Warn}
	dir, err := d.cfg.KeepDir(keepName)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return work(c)
	case err != nil:
		return fmt.Errorf("%w: %w", updater.ErrState, err)
	}
	c.Store = client.Dir{Path: dir, ReadFile: store.ReadFile, WriteFile: store.WriteFile}
	held, err := acquire(d.cfg.Context(), dir)
	if err != nil {
		return err
	}
	defer func() { _ = held.Release() }() // of a panic, too, which the core makes an error
	if err := store.RemoveLeftovers(dir, ""); err != nil {
		d.cfg.Warn("could not tidy up beside the TUF metadata", "error", err)
	}
	err = work(c)
	if errors.Is(err, client.ErrState) {
		return fmt.Errorf("%w: in %s: %w", updater.ErrState, dir, err)
	}
	return err
}

// acquire waits for the lock of a directory.
func acquire(ctx context.Context, dir string) (*store.Lock, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", updater.ErrState, err)
	}
	defer root.Close()
	timer := time.NewTicker(lockPause)
	defer timer.Stop()
	for {
		held, err := store.Acquire(root, lockName)
		switch {
		case err == nil:
			return held, nil
		case !errors.Is(err, store.ErrHeld):
			return nil, fmt.Errorf("%w: in %s: %w", updater.ErrState, dir, err)
		}
		select {
		case <-timer.C:
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for %w: %w", updater.ErrLocked, ctx.Err())
		}
	}
}

// remote reads the metadata of one repository.
type remote struct {
	http *updater.HTTPDownloader
	repo string
}

// Fetch implements client.Fetcher
func (r remote) Fetch(_ context.Context, name string, limit int64) ([]byte, error) {
	return r.http.ReadFile(r.repo, metadataDir+name, limit)
}

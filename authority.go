// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net/url"
	"time"

	"github.com/choria-io/go-updater/internal/fetch"
	"github.com/choria-io/go-updater/internal/layout"
	"github.com/choria-io/go-updater/internal/store"
	"github.com/choria-io/go-updater/trust"
)

// Authority proves the origin of documents by other means than signatures in
// them, as package trust/tuf does with TUF metadata. It is trusted like a key: where
// a public key is given too both must hold, and where none is given the authority
// alone decides. An error of it, or a panic, is a refusal.
//
// Its methods are called by one goroutine at a time for each [Updater].
type Authority interface {
	// Validate reports what is wrong with the authority itself. [New] calls it,
	// and returns its error as [ErrConfig].
	Validate() error

	// Refresh learns from one repository what the authority vouches for at
	// present. It is called for one repository after the other, and again for those
	// that failed with [ErrTemporary] if all failed.
	Refresh(ctx context.Context, r Refresh) (Voucher, error)
}

// Refresh is what an [Authority] works with.
type Refresh struct {
	Repository Repository
	Store      Store
	Now        time.Time // by the clock of the configuration

	// Warn logs what went wrong without ending the update; args are keys and
	// values, as log/slog has them.
	Warn func(message string, args ...any)
}

// Voucher answers from one [Refresh] of an [Authority].
type Voucher interface {
	// Document returns the document called name, below the root of the
	// repository, if the authority vouches for every byte of it.
	Document(ctx context.Context, name string) (*Vouched, error)
}

// Vouched is a document whose origin an [Authority] has proved.
type Vouched struct {
	Document []byte
	By       []string // ids of those who vouch, at least one

	// TrustID names whom the authority trusts with this document. What is
	// remembered of a release, and that nothing older is installed, holds for one
	// TrustID. It changes with the keys that can vouch, and with nothing else.
	TrustID string
}

// Repository reads small files of one repository.
type Repository interface {
	// ReadFile returns the file called name, a path in the grammar of
	// trust.CheckPath, of at most limit bytes. It is not verified. Errors are
	// [ErrNotFound], [ErrForbidden], [ErrTooLarge], [ErrStalled], [ErrRedirect],
	// and trust.ErrMalformed for a name outside the grammar. An error of Refresh or
	// Document wraps them, so that [ErrTemporary] is seen.
	ReadFile(ctx context.Context, name string, limit int64) ([]byte, error)
}

// Store keeps the files of an [Authority] between updates, beside the target or
// where [StateDir] says. Without a target they last as long as the [Updater].
type Store interface {
	// Read returns a file of at most limit bytes, and limit+1 bytes of a longer
	// one. It returns fs.ErrNotExist if the file does not exist.
	Read(name string, limit int64) ([]byte, error)

	// Update calls change while no other process is in Update of the same store,
	// and stores the files that it returns, in their order. After a crash each of
	// them holds what it held before or all of its data. A change that takes long
	// keeps other processes waiting: it does not use the network.
	Update(ctx context.Context, change func() ([]StoredFile, error)) error
}

// StoredFile is a file of a [Store]. Its name is one file name.
type StoredFile struct {
	Name string
	Data []byte
}

// VouchedBy sets an authority to trust, besides the public key or alone. It
// needs the built-in [HTTPDownloader].
func VouchedBy(a Authority) Option {
	return func(c *Config) error {
		if a == nil {
			return errors.New("VouchedBy() was given nil")
		}
		c.set.authority = a
		return nil
	}
}

// authorityDir is the directory of an authority's files.
const authorityDir = "authority"

// vouched gets the document from the first repository whose answers the authority
// vouches for, and that verifies.
func (w *walk) vouched(ctx context.Context) error {
	keep := authorityStore{in: w.volatile}
	if !w.dir.IsZero() {
		dir := w.dir.Sub(authorityDir)
		keep = authorityStore{dir, dir.Path()}
	}
	return w.source.Client.Each(ctx, w.source.Repos, func(client *fetch.Client, repo *url.URL) error {
		got, err := w.vouch(ctx, repositoryReader{client, repo}, keep)
		if errors.Is(err, ErrState) {
			err = fmt.Errorf("%w (kept in %q)", err, keep.path)
		}
		if err != nil {
			return fmt.Errorf("fetching release %s: %w", w.version, err)
		}
		return w.verify(got.Document, got.By, w.vouchedID(got.TrustID))
	})
}

func (w *walk) vouch(ctx context.Context, repo Repository, keep Store) (got *Vouched, err error) {
	err = guard("the authority", func() error {
		voucher, err := w.set.authority.Refresh(ctx, Refresh{
			Repository: repo, Store: keep, Now: w.now(),
			Warn: func(message string, args ...any) { w.log.Warn(ctx, message, args...) },
		})
		if err != nil {
			return err
		}
		got, err = voucher.Document(ctx, w.source.Release.Document())
		return err
	})
	if err == nil && got == nil {
		err = errors.New("the authority returned no document")
	}
	return got, err
}

// repositoryReader is the Repository at one URL.
type repositoryReader struct {
	client *fetch.Client
	base   *url.URL
}

func (r repositoryReader) ReadFile(ctx context.Context, name string, limit int64) ([]byte, error) {
	if err := trust.CheckPath(name); err != nil {
		return nil, err
	}
	return r.client.Document(ctx, layout.URL(r.base, name), limit)
}

// authorityStore is the Store in a directory or in memory. What fails in it is an
// ErrState.
type authorityStore struct {
	in interface {
		Read(name string, limit int64) ([]byte, error)
		Update(ctx context.Context, change func() ([]store.File, error)) error
	}
	path string
}

func (s authorityStore) Read(name string, limit int64) ([]byte, error) {
	raw, err := s.in.Read(name, min(limit, math.MaxInt64-1))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: reading %s: %w", ErrState, name, err)
	}
	return raw, err
}

func (s authorityStore) Update(ctx context.Context, change func() ([]StoredFile, error)) error {
	var refused error
	err := s.in.Update(ctx, func() (files []store.File, err error) {
		changed, err := change()
		for _, f := range changed {
			files = append(files, store.File(f))
		}
		refused = err
		return files, err
	})
	switch {
	case err == nil || refused != nil:
		return err
	case errors.Is(err, store.ErrHeld):
		return fmt.Errorf("%w: %w", ErrLocked, err)
	}
	return fmt.Errorf("%w: %w", ErrState, err)
}

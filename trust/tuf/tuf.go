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
	"slices"
	"time"

	updater "github.com/choria-io/go-updater"
	"github.com/choria-io/go-updater/internal/layout"
	"github.com/choria-io/go-updater/internal/store"
	"github.com/choria-io/go-updater/internal/tuf/client"
	"github.com/choria-io/go-updater/trust"
)

// New returns an authority, for [updater.VouchedBy], that trusts the root metadata
// root.json: the first one of the repository, or a later one. [updater.New] reports
// what is wrong with it, as [updater.ErrConfig]. An expired root is no fault, as long
// as the repository has a later one.
func New(root []byte) updater.Authority { return authority{slices.Clone(root)} }

type authority struct{ root []byte }

// Validate implements updater.Authority
func (a authority) Validate() error { return client.CheckRoot(a.root) }

// Refresh implements updater.Authority: it brings the metadata up to date (TUF
// specification §5.3 to §5.6).
func (a authority) Refresh(ctx context.Context, r updater.Refresh) (updater.Voucher, error) {
	c := &client.Client{
		Root: a.root, Store: keep{r.Store}, Now: func() time.Time { return r.Now }, Note: r.Warn,
	}
	view, err := c.Refresh(ctx, remote{r.Repository})
	if err != nil {
		return nil, fmt.Errorf("refreshing TUF metadata: %w", state(err))
	}
	return voucher{view, r.Repository}, nil
}

// voucher answers from metadata that was consistent and verified at one time.
type voucher struct {
	view       *client.View
	repository updater.Repository
}

// Document implements updater.Voucher. By are the ids of the keys that signed the
// role which lists the document. TrustID names the keys and thresholds of the roles
// through which it is vouched for, beginning with targets.
func (v voucher) Document(ctx context.Context, name string) (*updater.Vouched, error) {
	target, err := v.view.Target(ctx, name)
	if err != nil {
		return nil, state(err)
	}
	if target.Length > trust.MaxDocument {
		return nil, fmt.Errorf("target %q: %w: %d bytes, a document has at most %d", target.Path, updater.ErrTooLarge, target.Length, trust.MaxDocument)
	}
	document, err := v.repository.ReadFile(ctx, target.File, target.Length)
	if err != nil {
		return nil, err
	}
	if err := target.Verify(document); err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(target.Trusted))
	return &updater.Vouched{Document: document, By: target.By, TrustID: hex.EncodeToString(sum[:])}, nil
}

func state(err error) error {
	if errors.Is(err, client.ErrState) {
		return fmt.Errorf("%w: %w", updater.ErrState, err)
	}
	return err
}

// remote reads the metadata of one repository.
type remote struct{ updater.Repository }

// Fetch implements client.Fetcher
func (r remote) Fetch(ctx context.Context, name string, limit int64) ([]byte, error) {
	return r.ReadFile(ctx, layout.Metadata(name), limit)
}

// keep is the store of the updater, as the client has it.
type keep struct{ updater.Store }

// Update implements client.Store
func (k keep) Update(ctx context.Context, change func() ([]store.File, error)) error {
	return k.Store.Update(ctx, func() (files []updater.StoredFile, err error) {
		changed, err := change()
		for _, f := range changed {
			files = append(files, updater.StoredFile(f))
		}
		return files, err
	})
}

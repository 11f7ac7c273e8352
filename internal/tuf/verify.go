// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package tuf

import (
	"fmt"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/choria-io/go-updater/trust"
)

// FirstRoot parses a root that is trusted because of where it came from. Its own
// keys must have signed it.
func FirstRoot(data []byte) (*RootMeta, error) {
	root, err := Parse[metadata.RootType](data)
	if err == nil {
		_, err = Verify(RootKeyring(&root.Signed, Root), root)
	}
	if err != nil {
		return nil, err
	}
	return root, nil
}

// NextRoot parses the root after before: signed by the keys of that one and by its
// own, and one version higher (§5.3.4, §5.3.5).
func NextRoot(before *metadata.RootType, data []byte) (*RootMeta, error) {
	next, err := Parse[metadata.RootType](data)
	if err != nil {
		return nil, err
	}
	if _, err := Verify(RootKeyring(before, Root), next); err != nil {
		return nil, fmt.Errorf("by the keys of root %d: %w", before.Version, err)
	}
	if _, err := Verify(RootKeyring(&next.Signed, Root), next); err != nil {
		return nil, fmt.Errorf("by its own keys: %w", err)
	}
	if err := CheckIs(before.Version+1, next); err != nil {
		return nil, err
	}
	return next, nil
}

// CheckIs returns trust.ErrMismatch unless the metadata says that it is of this
// version.
func CheckIs[T metadata.Roles](version int64, md *metadata.Metadata[T]) error {
	if v := Version(md); v != version {
		return fmt.Errorf("%w: it says that it is version %d", trust.ErrMismatch, v)
	}
	return nil
}

// CheckFile returns trust.ErrMismatch unless a file has the length and the hashes
// that other metadata declares, if it declares any.
func CheckFile(want *metadata.MetaFiles, data []byte) error {
	if err := guard(func() error { return want.VerifyLengthHashes(data) }); err != nil {
		return fmt.Errorf("%w: %w", trust.ErrMismatch, err)
	}
	return nil
}

// CheckTarget returns trust.ErrMismatch unless data is the target file.
func CheckTarget(want *metadata.TargetFiles, data []byte) error {
	if err := guard(func() error { return want.VerifyLengthHashes(data) }); err != nil {
		return fmt.Errorf("%w: %w", trust.ErrMismatch, err)
	}
	return nil
}

// CheckExpiry returns trust.ErrExpired if a role has expired. At its expiry it has.
func CheckExpiry(role string, expires, now time.Time) error {
	if now.Before(expires) {
		return nil
	}
	return fmt.Errorf("%w: %s expired at %s, it is %s", trust.ErrExpired, role, expires.UTC().Format(time.RFC3339), now.Format(time.RFC3339))
}

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"context"
	"errors"
	"fmt"
	"math/bits"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/choria-io/go-updater/internal/fetch"
	"github.com/choria-io/go-updater/internal/tuf"
	"github.com/choria-io/go-updater/trust"
)

// parse reads metadata as a client does, and refuses what update-repo does not write.
func parse[T metadata.Roles](raw []byte) (*metadata.Metadata[T], error) {
	md, err := tuf.Parse[T](raw)
	if err == nil {
		err = checkPortable(md)
	}
	if err != nil {
		return nil, err
	}

	return md, nil
}

// checkPortable refuses what our client reads and others may not.
func checkPortable[T metadata.Roles](md *metadata.Metadata[T]) error {
	expires := tuf.Expires(md)
	switch {
	case tuf.Version(md) > maxVersion:
		return fmt.Errorf("%w: version %d is above 2^48", trust.ErrMalformed, tuf.Version(md))
	case expires.IsZero() || expires.Nanosecond() != 0:
		return fmt.Errorf("%w: it expires at a fraction of a second", trust.ErrMalformed)
	}
	if root, ok := any(&md.Signed).(*metadata.RootType); ok && !root.ConsistentSnapshot {
		return fmt.Errorf("%w: the root does not ask for consistent snapshots", trust.ErrMalformed)
	}

	return nil
}

// format returns metadata as bytes, and as a client reads them.
func format[T metadata.Roles](md *metadata.Metadata[T]) ([]byte, *metadata.Metadata[T], error) {
	raw, err := md.ToBytes(false)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", trust.ErrMalformed, err)
	}
	back, err := parse[T](raw)

	return raw, back, err
}

// clone copies metadata without its signatures.
func clone[T metadata.Roles](md *metadata.Metadata[T]) (*metadata.Metadata[T], error) {
	_, out, err := format(md)
	if err != nil {
		return nil, err
	}
	out.Signatures = []metadata.Signature{}

	return out, nil
}

// sameSigned reports whether signatures of a are signatures of b.
func sameSigned(a, b any) (bool, error) {
	one, err := tuf.Payload(a)
	if err != nil {
		return false, err
	}
	other, err := tuf.Payload(b)

	return string(one) == string(other), err
}

// verify returns an error unless enough keys signed.
func verify[T metadata.Roles](r tuf.Keyring, md *metadata.Metadata[T]) error {
	_, err := tuf.Verify(r, md)

	return err
}

// read reads a file that has to exist.
func read(ctx context.Context, files Directory, name, role string) ([]byte, error) {
	raw, err := files.Fetch(ctx, name, tuf.Limit(role))
	if errors.Is(err, fetch.ErrNotFound) {
		return nil, fmt.Errorf("%w: %s", ErrMissing, name)
	}

	return raw, err
}

// usesBins reports whether all releases are in bins as update-repo makes them. A
// client would find targets in the metadata itself before those of the bins, and no
// list of keys shows them.
func usesBins(t *tuf.TargetsMeta) bool {
	d := t.Signed.Delegations

	return len(t.Signed.Targets) == 0 && d != nil && len(d.Roles) == 0 && d.SuccinctRoles != nil && d.SuccinctRoles.NamePrefix == Bins && d.SuccinctRoles.BitLength <= bits.Len(MaxBins)-1
}

// checkUsesBins returns trust.ErrMismatch unless the targets use bins.
func checkUsesBins(t *tuf.TargetsMeta) error {
	if usesBins(t) {
		return nil
	}

	return fmt.Errorf("%w: %s delegates releases to other roles than bins", trust.ErrMismatch, tuf.FileName(t.Signed.Version, Targets))
}

// checkBin refuses a bin that update-repo would not write.
func checkBin(role string, bin, t *tuf.TargetsMeta) error {
	if bin.Signed.Delegations != nil {
		return fmt.Errorf("%w: a bin that delegates", trust.ErrMismatch)
	}
	for name, target := range bin.Signed.Targets {
		if binOf(t, name) != role {
			return fmt.Errorf("%w: %q is in the wrong bin", trust.ErrMismatch, name)
		}
		if len(target.Hashes) != 1 || len(target.Hashes["sha256"]) != 32 || target.Length < 0 {
			return fmt.Errorf("%w: %q does not have exactly one hash, SHA-256", trust.ErrMismatch, name)
		}
	}

	return nil
}

// binOf returns the name of the bin of a target.
func binOf(t *tuf.TargetsMeta, target string) string {
	return t.Signed.Delegations.SuccinctRoles.GetRolesForTarget(target)[0].Name
}

// targetsIn returns what a bin lists.
func targetsIn(bin *tuf.TargetsMeta) map[string]Target {
	out := make(map[string]Target, len(bin.Signed.Targets))
	for name, t := range bin.Signed.Targets {
		out[name] = Target{Length: t.Length, SHA256: t.Hashes["sha256"].String()}
	}

	return out
}

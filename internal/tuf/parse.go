// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package tuf

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/secure-systems-lab/go-securesystemslib/cjson"
	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/choria-io/go-updater/trust"
)

// Metadata of the four kinds.
type (
	RootMeta      = metadata.Metadata[metadata.RootType]
	TimestampMeta = metadata.Metadata[metadata.TimestampType]
	SnapshotMeta  = metadata.Metadata[metadata.SnapshotType]
	TargetsMeta   = metadata.Metadata[metadata.TargetsType]
)

var errPanic = errors.New("the TUF library panicked")

// guard turns a panic of the library into an error. The library was written for
// signed metadata, and reads it before the signature is checked.
func guard(call func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", errPanic, p)
		}
	}()
	return call()
}

// Parse reads metadata, and checks that everything that is used later is there and
// is covered by the signatures. The signatures are not verified yet. It returns
// trust.ErrMalformed.
func Parse[T metadata.Roles](data []byte) (md *metadata.Metadata[T], err error) {
	err = guard(func() (err error) {
		md, err = new(metadata.Metadata[T]).FromBytes(data)
		return err
	})
	if err == nil {
		err = check(any(&md.Signed), int64(len(data)))
	}
	if err == nil {
		err = checkCovered(data, md.Signed)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", trust.ErrMalformed, err)
	}
	return md, nil
}

// Payload returns the bytes that a signature of metadata covers.
func Payload(signed any) ([]byte, error) {
	raw, err := cjson.EncodeCanonical(signed)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", trust.ErrMalformed, err)
	}
	return raw, nil
}

// checkCovered refuses members that the library reads but leaves out of the bytes
// that it verifies, such as succinct_roles beside roles. A mirror could add them to
// signed metadata.
func checkCovered(data []byte, signed any) error {
	var received struct {
		Signed json.RawMessage `json:"signed"`
	}
	if err := json.Unmarshal(data, &received); err != nil {
		return err
	}
	all, err := Payload(received.Signed)
	if err != nil {
		return err
	}
	covered, err := Payload(signed)
	if err == nil && !bytes.Equal(all, covered) {
		err = errors.New("not all of it is covered by a signature")
	}
	return err
}

// check takes a pointer to the signed part, and the length of the file.
func check(signed any, length int64) error {
	role, spec, version, _ := head(signed)
	if limit := Limit(role); length > limit {
		return fmt.Errorf("%d bytes, at most %d are accepted", length, limit)
	}
	// A client accepts the major version of the specification that it was made for
	// (§1.3), and no other.
	if !strings.HasPrefix(spec, "1.") {
		return fmt.Errorf("specification version %q, not 1.x", spec)
	}
	if err := checkVersion(version); err != nil {
		return err
	}
	switch s := signed.(type) {
	case *metadata.RootType:
		return checkRoot(s)
	case *metadata.TimestampType:
		return checkMeta(s.Meta, Snapshot)
	case *metadata.SnapshotType:
		return checkMeta(s.Meta, Targets)
	case *metadata.TargetsType:
		return checkTargets(s)
	}
	return nil
}

// head takes a pointer to the signed part. The role of delegated roles is [Targets].
func head(signed any) (role, spec string, version int64, expires time.Time) {
	switch s := signed.(type) {
	case *metadata.RootType:
		return Root, s.SpecVersion, s.Version, s.Expires
	case *metadata.TimestampType:
		return Timestamp, s.SpecVersion, s.Version, s.Expires
	case *metadata.SnapshotType:
		return Snapshot, s.SpecVersion, s.Version, s.Expires
	case *metadata.TargetsType:
		return Targets, s.SpecVersion, s.Version, s.Expires
	}
	return "", "", 0, time.Time{}
}

// Version returns the version of metadata.
func Version[T metadata.Roles](md *metadata.Metadata[T]) int64 {
	_, _, version, _ := head(&md.Signed)
	return version
}

// Expires returns the time at which metadata expires.
func Expires[T metadata.Roles](md *metadata.Metadata[T]) time.Time {
	_, _, _, expires := head(&md.Signed)
	return expires
}

func checkVersion(v int64) error {
	if v < 1 || v > MaxVersion {
		return fmt.Errorf("version %d is not within 1 and 2^53-1", v)
	}
	return nil
}

func checkRoot(r *metadata.RootType) error {
	for _, name := range topLevel {
		role := r.Roles[name]
		if role == nil {
			return fmt.Errorf("role %q is missing", name)
		}
		if err := checkRole(name, role.KeyIDs, role.Threshold); err != nil {
			return err
		}
	}
	return checkKeys(r.Keys)
}

func checkRole(name string, ids []string, threshold int) error {
	if threshold < 1 || len(ids) > MaxKeys {
		return fmt.Errorf("role %q with a threshold of %d and %d keys", name, threshold, len(ids))
	}
	return nil
}

func checkKeys(keys map[string]*metadata.Key) error {
	for id, key := range keys {
		if key == nil {
			return fmt.Errorf("key %q is null", id)
		}
	}
	return nil
}

func checkMeta(meta map[string]*metadata.MetaFiles, needed string) error {
	if meta[needed+".json"] == nil {
		return fmt.Errorf("no version of %q is given", needed+".json")
	}
	for name, file := range meta {
		if file == nil || file.Length < 0 {
			return fmt.Errorf("%q is null, or has a negative length", name)
		}
		if err := checkVersion(file.Version); err != nil {
			return fmt.Errorf("%q: %w", name, err)
		}
	}
	return nil
}

func checkTargets(t *metadata.TargetsType) error {
	for path, file := range t.Targets {
		if file == nil || file.Length < 0 {
			return fmt.Errorf("target %q is null, or has a negative length", path)
		}
	}
	d := t.Delegations
	if d == nil {
		return nil
	}
	if err := checkKeys(d.Keys); err != nil {
		return err
	}
	if d.SuccinctRoles != nil {
		return checkRole(d.SuccinctRoles.NamePrefix, d.SuccinctRoles.KeyIDs, d.SuccinctRoles.Threshold)
	}
	seen := map[string]bool{}
	for _, role := range d.Roles {
		switch {
		case role.Name == "" || slices.Contains(topLevel, role.Name):
			return fmt.Errorf("a delegated role has the name %q", role.Name)
		case seen[role.Name]:
			return fmt.Errorf("role %q is delegated to twice", role.Name)
		}
		seen[role.Name] = true
		if err := checkRole(role.Name, role.KeyIDs, role.Threshold); err != nil {
			return err
		}
	}
	return nil
}

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/secure-systems-lab/go-securesystemslib/cjson"
	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/choria-io/go-updater/trust"
)

// topLevel are the names that no delegated role may have: a role's name is part of
// that of its file.
var topLevel = []string{metadata.ROOT, metadata.TIMESTAMP, metadata.SNAPSHOT, metadata.TARGETS}

// parse reads metadata of the kind T, and checks that everything that is looked at
// later is there. It is not verified yet.
func parse[T metadata.Roles](data []byte) (md *metadata.Metadata[T], err error) {
	err = guard(func() (err error) {
		md, err = new(metadata.Metadata[T]).FromBytes(data)
		return err
	})
	if err == nil {
		err = errors.Join(check(any(&md.Signed)), checkCovered(data, md.Signed))
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", trust.ErrMalformed, err)
	}
	return md, nil
}

// checkCovered refuses what the library reads and leaves out of the bytes that a
// signature is compared with, as it does with succinct_roles beside roles: anybody
// could add such a thing to signed metadata.
func checkCovered(data []byte, signed any) error {
	var received struct {
		Signed json.RawMessage `json:"signed"`
	}
	if err := json.Unmarshal(data, &received); err != nil {
		return err
	}
	all, err := cjson.EncodeCanonical(received.Signed)
	if err != nil {
		return err
	}
	covered, err := cjson.EncodeCanonical(signed)
	if err == nil && !bytes.Equal(all, covered) {
		err = errors.New("not all of it is covered by a signature")
	}
	return err
}

func check(signed any) error {
	switch s := signed.(type) {
	case *metadata.RootType:
		return errors.Join(checkHead(s.SpecVersion, s.Version), checkRoot(s))
	case *metadata.TimestampType:
		return errors.Join(checkHead(s.SpecVersion, s.Version), checkMeta(s.Meta, metadata.SNAPSHOT))
	case *metadata.SnapshotType:
		return errors.Join(checkHead(s.SpecVersion, s.Version), checkMeta(s.Meta, metadata.TARGETS))
	case *metadata.TargetsType:
		return errors.Join(checkHead(s.SpecVersion, s.Version), checkTargets(s))
	}
	return fmt.Errorf("metadata of the kind %T", signed)
}

// checkHead: a client knows the major version of the specification that it was
// made for (§1.3), and no other.
func checkHead(spec string, version int64) error {
	if !strings.HasPrefix(spec, "1.") {
		return fmt.Errorf("specification version %q, not 1.x", spec)
	}
	return checkVersion(version)
}

func checkVersion(v int64) error {
	if v < 1 || v > maxVersion {
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
	if threshold < 1 || len(ids) > maxKeys {
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
			return fmt.Errorf("%q is null, or of a negative length", name)
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
			return fmt.Errorf("target %q is null, or of a negative length", path)
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
			return fmt.Errorf("a delegated role is called %q", role.Name)
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

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package tuf

import (
	"crypto/sha256"
	"encoding/hex"
	"path"
	"strings"

	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// Delegation is a role that another delegates to.
type Delegation struct {
	Role string
	Keys Keyring
}

// Delegations returns the roles that t delegates a target to, in order, up to the
// first that is terminating. last reports that there was one: no other role may
// then list the target (§5.6.7).
func Delegations(t *metadata.TargetsType, target string) (found []Delegation, last bool) {
	d := t.Delegations
	if d == nil {
		return nil, false
	}
	if s := d.SuccinctRoles; s != nil {
		keys := BinKeyring(d)
		for _, role := range s.GetRolesForTarget(target) {
			found = append(found, Delegation{role.Name, keys})
		}
		return found, true // all of TAP 15 are
	}
	for _, role := range d.Roles {
		if !delegates(&role, target) {
			continue
		}
		found = append(found, Delegation{role.Name, NewKeyring(d.Keys, role.KeyIDs, role.Threshold)})
		if role.Terminating {
			return found, true
		}
	}
	return found, false
}

// BinKeyring returns the keyring of all bins of succinct delegations.
func BinKeyring(d *metadata.Delegations) Keyring {
	return NewKeyring(d.Keys, d.SuccinctRoles.KeyIDs, d.SuccinctRoles.Threshold)
}

// delegates reports whether a role may list a target. The library compares
// path_hash_prefixes with base64, and matches paths like the file names of the
// operating system.
func delegates(role *metadata.DelegatedRole, target string) bool {
	for _, pattern := range role.Paths {
		// A wildcard does not match a slash (§4.5).
		if matched, err := path.Match(pattern, target); err == nil && matched {
			return true
		}
	}
	sum := sha256.Sum256([]byte(target))
	hash := hex.EncodeToString(sum[:])
	for _, prefix := range role.PathHashPrefixes {
		if strings.HasPrefix(hash, prefix) {
			return true
		}
	}
	return false
}

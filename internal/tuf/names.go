// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package tuf

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// The top-level roles.
const (
	Root      = metadata.ROOT
	Timestamp = metadata.TIMESTAMP
	Snapshot  = metadata.SNAPSHOT
	Targets   = metadata.TARGETS
)

// topLevel are the names that no delegated role may have: the name of a role is
// part of the name of its file.
var topLevel = []string{Root, Timestamp, Snapshot, Targets}

// TimestampFile is the only file of metadata without a version in its name (§6.2).
const TimestampFile = "timestamp.json"

// Limits in bytes, those of go-tuf's own client.
const (
	MaxRoot      = 512_000
	MaxTimestamp = 16_384
	MaxSnapshot  = 2_000_000
	MaxTargets   = 5_000_000 // also of a delegated role
)

const (
	// MaxKeys is how many keys a role may have.
	MaxKeys = 64

	// MaxVersion is the highest version. JSON readers disagree about larger numbers.
	MaxVersion = 1<<53 - 1
)

// Limit returns the greatest length of a role's metadata, in bytes.
func Limit(role string) int64 {
	switch role {
	case Root:
		return MaxRoot
	case Timestamp:
		return MaxTimestamp
	case Snapshot:
		return MaxSnapshot
	}
	return MaxTargets
}

// FileName returns the name of a role's metadata in a repository with consistent
// snapshots (§6.2), such as "12.snapshot.json".
func FileName(version int64, role string) string {
	if role == Timestamp {
		return TimestampFile
	}
	return fmt.Sprintf("%d.%s.json", version, role)
}

var versioned = regexp.MustCompile(`^([1-9][0-9]{0,14})\.([a-z]+(?:-[0-9a-f]+)?)\.json$`)

// ParseName is the inverse of [FileName] for the roles that update-repo publishes:
// the top-level roles, and bins such as "bins-0f".
func ParseName(name string) (version int64, role string, ok bool) {
	m := versioned.FindStringSubmatch(name)
	if m == nil {
		return 0, "", false
	}
	version, err := strconv.ParseInt(m[1], 10, 64)
	return version, m[2], err == nil
}

// StoredName returns the name under which a client remembers a role. A delegated
// role may have any name of any length, and file systems fold case and reserve
// names, so its file is named after a hash.
func StoredName(role string) string {
	if slices.Contains(topLevel, role) {
		return role + ".json"
	}
	sum := sha256.Sum256([]byte(role))
	return "role-" + hex.EncodeToString(sum[:]) + ".json"
}

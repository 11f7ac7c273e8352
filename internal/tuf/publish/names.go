// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"path"
	"regexp"

	"github.com/choria-io/go-updater/internal/layout"
	"github.com/choria-io/go-updater/internal/tuf"
	"github.com/choria-io/go-updater/internal/tuf/client"
)

// The roles. Bins is the name of all bins together, and the prefix of theirs.
const (
	Root      = tuf.Root
	Targets   = tuf.Targets
	Bins      = "bins"
	Snapshot  = tuf.Snapshot
	Timestamp = tuf.Timestamp
)

// Names of files.
const (
	TimestampFile = tuf.TimestampFile
	RootDraft     = "root.draft.json"
	TargetsDraft  = "targets.draft.json"

	// NoTimestamp says that no timestamp was published yet. It is there from the first
	// snapshot to the first timestamp: without it, a snapshot alone means that the
	// timestamp is lost. It is not signed: the version of the timestamp after it is one
	// that clients accept, even if it is not true.
	NoTimestamp = "timestamp.none.json"
)

const (
	// MaxFile is the length of the longest file of metadata, in bytes.
	MaxFile = tuf.MaxTargets

	// MaxBins is how many bins there may be. The snapshot, which all clients
	// download, grows by 30 bytes with each.
	MaxBins = 1 << 14

	// DefaultBins keeps what a client downloads below 100 KB up to 60,000 releases.
	DefaultBins = 1 << 8

	// maxVersion leaves room above any version that a repository reaches without
	// an attack.
	maxVersion = 1 << 48
)

// File is a file in the directory of the metadata.
type File struct {
	Name    string
	Content []byte
}

// Directory is where metadata is read from. What it returns is not trusted.
type Directory interface {
	client.Fetcher
	Names(ctx context.Context) ([]string, error)
}

// Target is what metadata says of a release.json.
type Target struct {
	Length int64  `json:"length"` // in bytes
	SHA256 string `json:"sha256"` // in hex
}

// TargetOf describes a document.
func TargetOf(document []byte) Target {
	sum := sha256.Sum256(document)

	return Target{Length: int64(len(document)), SHA256: hex.EncodeToString(sum[:])}
}

// Copy returns the name under which TUF clients download the target.
func (t Target) Copy(target string) string { return layout.Hashed(target, t.SHA256) }

var copyName = regexp.MustCompile(`^[0-9a-f]{64}\.release\.json$`)

// IsCopy reports whether a file has the name of a copy of a release.json.
func IsCopy(name string) bool { return copyName.MatchString(path.Base(name)) }

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"regexp"
	"strconv"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// The roles. Bins is the name of all bins together, and the prefix of theirs.
const (
	Root      = metadata.ROOT
	Targets   = metadata.TARGETS
	Bins      = "bins"
	Snapshot  = metadata.SNAPSHOT
	Timestamp = metadata.TIMESTAMP
)

// Names of files.
const (
	Dir           = "metadata" // in the repository
	TimestampFile = "timestamp.json"
	RootDraft     = "root.draft.json"
	TargetsDraft  = "targets.draft.json"
)

// Limits of what is read and written.
const (
	// MaxFile is the length of the longest file in bytes. Clients have limits of
	// their own for each role; the largest, for targets and bins, is as much.
	MaxFile = 5_000_000

	// MaxBins is how many bins there may be. The snapshot, which all clients
	// fetch, grows by 30 bytes with each.
	MaxBins = 1 << 14

	// DefaultBins keeps a client's refresh below 100 KB up to 60,000 releases.
	DefaultBins = 1 << 8

	// maxVersion is far below where JSON readers lose integers, and can be
	// reached in no other way than by somebody who wants it to be reached.
	maxVersion = 1 << 48
)

// What a caller may want to tell apart.
var (
	// ErrMalformed means that a file is not the metadata that it should be.
	ErrMalformed = errors.New("malformed metadata")

	// ErrSignatures means that not enough keys of the role have signed.
	ErrSignatures = errors.New("not enough valid signatures")

	// ErrExpired means that clients refuse the metadata for its age.
	ErrExpired = errors.New("metadata has expired")

	// ErrMissing means that a file is not there that others name. Fetch it from
	// where the repository is served.
	ErrMissing = errors.New("metadata is missing")

	// ErrMismatch means that a file is not the one, or a target not where, other
	// metadata says.
	ErrMismatch = errors.New("metadata does not fit together")

	// ErrKey means that a key belongs to none of the roles that are to be signed.
	ErrKey = errors.New("not a key of the role")

	// ErrNeedsKey means that a role has to be signed, and none or too few of its
	// keys are at hand.
	ErrNeedsKey = errors.New("a key is needed")

	// ErrDraft means that a draft is for something else, or that there is none.
	ErrDraft = errors.New("no such draft")

	// ErrRequest means that what was asked for contradicts itself.
	ErrRequest = errors.New("impossible request")

	// ErrSigner means that a signer failed, or returned something that is not a
	// signature by its key: nothing was signed.
	ErrSigner = errors.New("the signer did not make a valid signature")

	// ErrPinned means that the roots are not those that the caller trusts.
	ErrPinned = errors.New("not the trusted root")
)

// File is a file in the directory of the metadata.
type File struct {
	Name    string
	Content []byte
}

// Files is where metadata is read from. What it returns is not trusted.
type Files interface {
	// Read returns the file, or fs.ErrNotExist, and need not read beyond
	// MaxFile+1 bytes. Check calls it from several goroutines.
	Read(ctx context.Context, name string) ([]byte, error)
}

// Directory is Files that can be listed.
type Directory interface {
	Files
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

// Copy is the name under which TUF clients fetch the target (§6.2).
func (t Target) Copy(target string) string {
	return path.Join(path.Dir(target), t.SHA256+"."+path.Base(target))
}

var copyName = regexp.MustCompile(`^[0-9a-f]{64}\.release\.json$`)

// IsCopy reports whether a file is named as the copy of a target.
func IsCopy(name string) bool { return copyName.MatchString(path.Base(name)) }

var versioned = regexp.MustCompile(`^([1-9][0-9]{0,14})\.([a-z]+(?:-[0-9a-f]+)?)\.json$`)

// parseName takes 12.bins-0f.json apart.
func parseName(name string) (version int64, role string, ok bool) {
	m := versioned.FindStringSubmatch(name)
	if m == nil {
		return 0, "", false
	}
	version, err := strconv.ParseInt(m[1], 10, 64)

	return version, m[2], err == nil && version < maxVersion
}

func fileName(version int64, role string) string { return fmt.Sprintf("%d.%s.json", version, role) }

// Validity is how long metadata of each role is good for, in whole seconds. It
// is part of what the root and targets keys sign, so that a refresh by cron
// needs no flags; clients do not look at it.
type Validity struct {
	Root, Targets, Bins, Snapshot, Timestamp time.Duration
}

const day = 24 * time.Hour

// DefaultValidity is a year for what is signed by hand, and days for what is
// signed by a machine: how long a client can be kept from seeing anything new.
func DefaultValidity() Validity {
	return Validity{Root: 365 * day, Targets: 365 * day, Bins: 365 * day, Snapshot: 14 * day, Timestamp: 3 * day}
}

func (v Validity) of(role string) time.Duration {
	switch role {
	case Root:
		return v.Root
	case Targets:
		return v.Targets
	case Snapshot:
		return v.Snapshot
	case Timestamp:
		return v.Timestamp
	}

	return v.Bins
}

// FormatValidity writes a time as people give it: in days, where it is whole ones.
func FormatValidity(d time.Duration) string {
	switch {
	case d == day:
		return "1 day"
	case d%day == 0:
		return fmt.Sprintf("%d days", d/day)
	case d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	}

	return d.String()
}

// validityField is where the validity is kept, in seconds, in what describes
// the role to those who verify it.
const validityField = "x-go-updater-validity"

func setValidity(fields *map[string]any, d time.Duration) {
	if *fields == nil {
		*fields = map[string]any{}
	}
	(*fields)[validityField] = int64(d / time.Second)
}

// validityOf reads it leniently: roots that others made have none.
func validityOf(fields map[string]any, role string) time.Duration {
	var seconds int64
	switch n := fields[validityField].(type) {
	case float64: // from JSON
		seconds = int64(n)
	case int64:
		seconds = n
	}
	if seconds <= 0 || seconds > int64(100*365*day/time.Second) {
		return DefaultValidity().of(role)
	}

	return time.Duration(seconds) * time.Second
}

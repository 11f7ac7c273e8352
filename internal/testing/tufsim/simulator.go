// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package tufsim is a TUF repository in memory, for tests. It signs any metadata that
// a test makes, valid or not, and records the requests of clients.
package tufsim

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/secure-systems-lab/go-securesystemslib/cjson"
	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/choria-io/go-updater/internal/fetch"
)

// Names of the top-level roles.
const (
	Root      = metadata.ROOT
	Timestamp = metadata.TIMESTAMP
	Snapshot  = metadata.SNAPSHOT
	Targets   = metadata.TARGETS
)

// Lifetime is how long metadata is valid, unless a test changes it.
const Lifetime = 30 * 24 * time.Hour

// Repo is a repository. Tests change its fields and then call Publish.
type Repo struct {
	Root      *metadata.RootType
	Timestamp *metadata.TimestampType
	Snapshot  *metadata.SnapshotType
	Roles     map[string]*metadata.TargetsType // targets and the delegated roles

	Signers map[string][]*Key   // keys that sign a role
	Signed  map[string][][]byte // published files of a role; version N is at index N-1
	Files   map[string][]byte   // target files, by path

	Hashes bool // declare lengths and hashes of metadata

	mu    sync.Mutex
	asked []string
	now   time.Time
	keys  int
}

// New returns a repository with one Ed25519 key for each role and version 1 of
// everything published. The same now gives the same bytes.
func New(now time.Time) *Repo {
	r := &Repo{Signers: map[string][]*Key{}, Signed: map[string][][]byte{}, Files: map[string][]byte{}, now: now}
	expires := r.In(Lifetime)
	r.Root = &metadata.Root(expires).Signed
	r.Timestamp = &metadata.Timestamp(expires).Signed
	r.Snapshot = &metadata.Snapshot(expires).Signed
	r.Roles = map[string]*metadata.TargetsType{Targets: &metadata.Targets(expires).Signed}
	for _, role := range []string{Root, Timestamp, Snapshot, Targets} {
		r.AddKey(role, r.NewKey())
	}
	r.Publish(Targets, Snapshot, Timestamp, Root)
	return r
}

// In returns the time d after the repository was made, in whole seconds.
func (r *Repo) In(d time.Duration) time.Time { return r.now.Add(d).UTC().Truncate(time.Second) }

// Targets returns the top-level targets role.
func (r *Repo) Targets() *metadata.TargetsType { return r.Roles[Targets] }

// AddKey adds a key to a top-level role. It signs from now on.
func (r *Repo) AddKey(role string, key *Key) {
	r.Root.Keys[key.ID] = key.Public
	r.Root.Roles[role].KeyIDs = append(r.Root.Roles[role].KeyIDs, key.ID)
	r.Signers[role] = append(r.Signers[role], key)
}

// Rotate replaces the keys of a top-level role by as many new ones as its threshold.
func (r *Repo) Rotate(role string) {
	r.Root.Roles[role].KeyIDs, r.Signers[role] = nil, nil
	for range r.Root.Roles[role].Threshold {
		r.AddKey(role, r.NewKey())
	}
}

// Delegate lets a role delegate to another one with a key, which is made if it is new.
func (r *Repo) Delegate(from string, role metadata.DelegatedRole, key *Key) {
	t := r.Roles[from]
	if t.Delegations == nil {
		t.Delegations = &metadata.Delegations{Keys: map[string]*metadata.Key{}}
	}
	role.KeyIDs, role.Threshold = []string{key.ID}, max(1, role.Threshold)
	t.Delegations.Keys[key.ID] = key.Public
	t.Delegations.Roles = append(t.Delegations.Roles, role)
	r.make(role.Name, key)
}

// Bins lets a role delegate to 2^bits bins (TAP 15), all with one key.
func (r *Repo) Bins(from string, bits int, prefix string, key *Key) {
	s := &metadata.SuccinctRoles{KeyIDs: []string{key.ID}, Threshold: 1, BitLength: bits, NamePrefix: prefix}
	r.Roles[from].Delegations = &metadata.Delegations{Keys: map[string]*metadata.Key{key.ID: key.Public}, SuccinctRoles: s}
	for _, name := range s.GetRoles() {
		r.make(name, key)
	}
}

func (r *Repo) make(role string, key *Key) {
	if r.Roles[role] == nil {
		r.Roles[role] = &metadata.Targets(r.In(Lifetime)).Signed
	}
	if !slices.Contains(r.Signers[role], key) {
		r.Signers[role] = append(r.Signers[role], key)
	}
}

// AddTarget adds a target file to a role, with these kinds of hashes.
func (r *Repo) AddTarget(role, path string, content []byte, hashes ...string) {
	info, err := metadata.TargetFile().FromBytes(path, content, hashes...)
	if err != nil {
		panic(err)
	}
	r.Roles[role].Targets[path] = info
	r.Files[path] = content
}

// Publish signs the next version of each role in this order, and names it in snapshot
// or timestamp.
func (r *Repo) Publish(roles ...string) {
	for _, role := range roles {
		next := int64(0)
		if len(r.Signed[role]) > 0 {
			next = 1
		}
		var raw []byte
		switch role {
		case Root:
			r.Root.Version += next
			raw = Seal(r.Root, r.Signers[role])
		case Timestamp:
			r.Timestamp.Version += next
			raw = Seal(r.Timestamp, r.Signers[role])
		case Snapshot:
			r.Snapshot.Version += next
			raw = Seal(r.Snapshot, r.Signers[role])
			r.Timestamp.Meta["snapshot.json"] = r.meta(r.Snapshot.Version, raw)
		default:
			r.Roles[role].Version += next
			raw = Seal(r.Roles[role], r.Signers[role])
			r.Snapshot.Meta[role+".json"] = r.meta(r.Roles[role].Version, raw)
		}
		r.Signed[role] = append(r.Signed[role], raw)
	}
}

// PublishAll publishes these targets roles, and then snapshot and timestamp.
func (r *Repo) PublishAll(roles ...string) { r.Publish(append(roles, Snapshot, Timestamp)...) }

// Restart removes all versions of a role. The next one is version.
func (r *Repo) Restart(role string, version int64) {
	delete(r.Signed, role)
	switch role {
	case Root:
		r.Root.Version = version
	case Timestamp:
		r.Timestamp.Version = version
	case Snapshot:
		r.Snapshot.Version = version
	default:
		r.Roles[role].Version = version
	}
}

// Latest returns the latest file of a role.
func (r *Repo) Latest(role string) []byte { return r.Signed[role][len(r.Signed[role])-1] }

// ReplaceLatest replaces the latest file of a role.
func (r *Repo) ReplaceLatest(role string, raw []byte) { r.Signed[role][len(r.Signed[role])-1] = raw }

func (r *Repo) meta(version int64, raw []byte) *metadata.MetaFiles {
	m := &metadata.MetaFiles{Version: version}
	if r.Hashes {
		sum := sha256.Sum256(raw)
		m.Length, m.Hashes = int64(len(raw)), metadata.Hashes{"sha256": sum[:]}
	}
	return m
}

// Seal returns the file of metadata that these keys signed.
func Seal[T metadata.Roles](signed *T, keys []*Key) []byte {
	md := metadata.Metadata[T]{Signed: *signed, Signatures: []metadata.Signature{}}
	payload, err := cjson.EncodeCanonical(md.Signed)
	if err != nil {
		panic(err)
	}
	for _, key := range keys {
		md.Signatures = append(md.Signatures, metadata.Signature{KeyID: key.ID, Signature: key.sign(payload)})
	}
	raw, err := md.ToBytes(false)
	if err != nil {
		panic(err)
	}
	return raw
}

// Asked returns the requests since the last call: names of metadata without .json, as
// they were in the request, and paths of targets after a slash.
func (r *Repo) Asked() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	asked := r.asked
	r.asked = nil
	return asked
}

func (r *Repo) ask(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, name)
}

// Fetch implements client.Fetcher without a network.
func (r *Repo) Fetch(_ context.Context, name string, limit int64) ([]byte, error) {
	r.ask(strings.TrimSuffix(url.PathEscape(name), ".json"))
	data := r.find(name)
	switch {
	case data == nil:
		return nil, fetch.ErrNotFound
	case int64(len(data)) > limit:
		return nil, fetch.ErrTooLarge
	}
	return data, nil
}

// find returns metadata by its unescaped name.
func (r *Repo) find(name string) []byte {
	role := strings.TrimSuffix(name, ".json")
	versions := r.Signed[role]
	version := len(versions)
	if number, rest, ok := strings.Cut(role, "."); ok && (rest == Root || r.Root.ConsistentSnapshot) {
		if n, err := strconv.Atoi(number); err == nil {
			versions, version = r.Signed[rest], n
		}
	}
	if version < 1 || version > len(versions) {
		return nil
	}
	return versions[version-1]
}

// ServeHTTP serves metadata below /metadata/ and target files below /targets/.
func (r *Repo) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	kind, name, _ := strings.Cut(strings.TrimPrefix(req.URL.EscapedPath(), "/"), "/")
	plain, err := url.PathUnescape(name)
	var data []byte
	switch {
	case err != nil:
	case kind == "metadata":
		r.ask(strings.TrimSuffix(name, ".json"))
		data = r.find(plain)
	case kind == "targets":
		r.ask("/" + name)
		data = r.file(plain)
	}
	if data == nil {
		http.NotFound(w, req)
		return
	}
	_, _ = w.Write(data)
}

func (r *Repo) file(name string) []byte {
	if !r.Root.ConsistentSnapshot {
		return r.Files[name]
	}
	dir, base := path.Split(name)
	prefix, base, _ := strings.Cut(base, ".")
	for _, role := range r.Roles {
		info := role.Targets[dir+base]
		if info == nil {
			continue
		}
		for _, hash := range info.Hashes {
			if hex.EncodeToString(hash) == prefix {
				return r.Files[dir+base]
			}
		}
	}
	return nil
}

// String returns the number of versions of each role, for the output of tests.
func (r *Repo) String() string {
	var lines []string
	for role, versions := range r.Signed {
		lines = append(lines, fmt.Sprintf("%s: %d", role, len(versions)))
	}
	slices.Sort(lines)
	return strings.Join(lines, ", ")
}

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/secure-systems-lab/go-securesystemslib/cjson"
	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/choria-io/go-updater/trust"
)

// Types of package metadata, for short.
type (
	rootMeta      = metadata.Metadata[metadata.RootType]
	targetsMeta   = metadata.Metadata[metadata.TargetsType]
	snapshotMeta  = metadata.Metadata[metadata.SnapshotType]
	timestampMeta = metadata.Metadata[metadata.TimestampType]
)

// header is what all roles have.
type header struct {
	version int64
	expires time.Time
	spec    string
}

func headerOf(meta any) header {
	switch m := meta.(type) {
	case *rootMeta:
		return header{m.Signed.Version, m.Signed.Expires, m.Signed.SpecVersion}
	case *targetsMeta:
		return header{m.Signed.Version, m.Signed.Expires, m.Signed.SpecVersion}
	case *snapshotMeta:
		return header{m.Signed.Version, m.Signed.Expires, m.Signed.SpecVersion}
	case *timestampMeta:
		return header{m.Signed.Version, m.Signed.Expires, m.Signed.SpecVersion}
	}

	return header{}
}

// parse reads metadata whose signatures nobody has looked at yet.
func parse[T metadata.Roles](raw []byte) (meta *metadata.Metadata[T], err error) {
	defer refused(&err)

	if len(raw) > MaxFile {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrMalformed, MaxFile)
	}
	meta, err = new(metadata.Metadata[T]).FromBytes(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	h := headerOf(meta)
	switch {
	case h.version < 1 || h.version > maxVersion:
		return nil, fmt.Errorf("%w: version %d", ErrMalformed, h.version)
	case !strings.HasPrefix(h.spec, "1."):
		return nil, fmt.Errorf("%w: version %q of the specification", ErrMalformed, h.spec)
	case h.expires.IsZero() || h.expires.Nanosecond() != 0:
		return nil, fmt.Errorf("%w: it expires at no whole second", ErrMalformed)
	}
	if !sound(meta) {
		return nil, fmt.Errorf("%w: parts of it are null or missing", ErrMalformed)
	}

	return meta, nil
}

// sound finds the nulls that package metadata would trip over.
func sound(meta any) bool {
	switch m := meta.(type) {
	case *rootMeta:
		for _, role := range []string{Root, Targets, Snapshot, Timestamp} {
			if m.Signed.Roles[role] == nil {
				return false
			}
		}
		return soundKeys(m.Signed.Keys) && m.Signed.ConsistentSnapshot
	case *targetsMeta:
		for _, t := range m.Signed.Targets {
			if t == nil {
				return false
			}
		}
		return m.Signed.Delegations == nil || soundKeys(m.Signed.Delegations.Keys)
	case *snapshotMeta:
		return soundMeta(m.Signed.Meta) && m.Signed.Meta["targets.json"] != nil
	case *timestampMeta:
		return soundMeta(m.Signed.Meta) && m.Signed.Meta["snapshot.json"] != nil
	}

	return false
}

func soundKeys(keys map[string]*metadata.Key) bool {
	for _, k := range keys {
		if k == nil {
			return false
		}
	}

	return true
}

func soundMeta(files map[string]*metadata.MetaFiles) bool {
	for _, f := range files {
		if f == nil || f.Version < 1 || f.Version > maxVersion {
			return false
		}
	}

	return true
}

// verify asks who delegates to the role whether enough of its keys signed. A
// panic in a library is a refusal.
func verify[D metadata.Roles](delegator *metadata.Metadata[D], role string, meta any) (err error) {
	defer refused(&err)

	if err := delegator.VerifyDelegate(role, meta); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrSignatures, role, err)
	}

	return nil
}

func refused(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%w: %v", ErrMalformed, r)
	}
}

// read is for files that have to be there.
func read(ctx context.Context, files Files, name string) ([]byte, error) {
	raw, err := files.Read(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", ErrMissing, name)
	}

	return raw, err
}

// payload is what signatures cover.
func payload(signed any) ([]byte, error) {
	raw, err := cjson.EncodeCanonical(signed)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}

	return raw, nil
}

// keyring is keys and which of them a role has.
type keyring struct {
	keys      map[string]*metadata.Key
	ids       []string
	threshold int
}

func ringOf(root *rootMeta, role string) keyring {
	r := root.Signed.Roles[role]

	return keyring{root.Signed.Keys, r.KeyIDs, r.Threshold}
}

func binsRing(d *metadata.Delegations) keyring {
	return keyring{d.Keys, d.SuccinctRoles.KeyIDs, d.SuccinctRoles.Threshold}
}

// id finds the id under which the role knows the key: whoever made the metadata
// chose it, and it need not be the one that we would compute.
func (r keyring) id(key trust.Key) (string, bool) {
	for _, id := range r.ids {
		if k := r.keys[id]; k != nil && publicKey(k) == key {
			return id, true
		}
	}

	return "", false
}

// publicKey is the zero key, which is nobody's, for other kinds than Ed25519.
func publicKey(k *metadata.Key) trust.Key {
	raw, err := hex.DecodeString(k.Value.PublicKey)
	if err != nil || k.Type != metadata.KeyTypeEd25519 {
		return trust.Key{}
	}
	key, err := trust.NewKey(raw)
	if err != nil {
		return trust.Key{}
	}

	return key
}

// trusted are the Ed25519 keys of the role.
func (r keyring) trusted() []trust.Key {
	var out []trust.Key
	for _, id := range r.ids {
		if k := r.keys[id]; k != nil {
			if key := publicKey(k); key != (trust.Key{}) {
				out = append(out, key)
			}
		}
	}

	return out
}

// signers tells which keys of the role have signed. Other kinds than Ed25519
// are counted by VerifyDelegate, and not told of.
func (r keyring) signers(signed any, signatures []metadata.Signature) []string {
	message, err := payload(signed)
	if err != nil {
		return nil
	}
	var out []string
	for _, id := range r.ids {
		k := r.keys[id]
		if k == nil {
			continue
		}
		key := publicKey(k)
		at := slices.IndexFunc(signatures, func(s metadata.Signature) bool { return s.KeyID == id })
		if key == (trust.Key{}) || at < 0 || slices.Contains(out, id) {
			continue
		}
		if ed25519.Verify(key.Bytes(), message, signatures[at].Signature) {
			out = append(out, id)
		}
	}

	return out
}

// newKey is a key as metadata holds it, and its id.
func newKey(key trust.Key) (*metadata.Key, string, error) {
	k, err := metadata.KeyFromPublicKey(ed25519.PublicKey(key.Bytes()))
	if err != nil {
		return nil, "", err
	}
	id, err := k.ID()

	return k, id, err
}

// KeyID is the id of a key in TUF metadata, which is not its fingerprint.
func KeyID(key trust.Key) string {
	_, id, err := newKey(key)
	if err != nil {
		panic("tuf: go-tuf does not take an ed25519.PublicKey") // it always did
	}

	return id
}

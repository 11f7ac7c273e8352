// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package signing

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/options"

	"github.com/choria-io/go-updater/trust"
)

var (
	// ErrSigner means that the signer failed, or that what it returned is not a
	// signature of this document by its own key. Nothing was signed.
	ErrSigner = errors.New("the signer did not make a valid signature")

	// ErrAlreadySigned means that the document has a signature by this key.
	// Clients count each key once, so use another key.
	ErrAlreadySigned = errors.New("already signed by this key")
)

var errTooMany = fmt.Errorf("%w: more than %d signatures", trust.ErrMalformed, trust.MaxSignatures)

// FormatRelease returns the unsigned document of a release. It returns
// [trust.ErrMalformed] if clients would reject the release.
func FormatRelease(r *trust.Release) ([]byte, error) {
	if err := r.Validate(); err != nil {
		return nil, fmt.Errorf("formatting a release: %w", err)
	}
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("formatting a release: %w", err)
	}

	// The grammar limits the fields, so this is never longer than
	// trust.MaxDocument.
	return append(raw, '\n'), nil
}

// PublicKey returns the public half of the signer's key. It returns
// [trust.ErrBadKey] if that is not a valid Ed25519 key, and [ErrSigner] if the
// signer fails.
func PublicKey(ctx context.Context, signer signature.Signer) (key trust.Key, err error) {
	defer recovered(&err)

	pub, err := signer.PublicKey(options.WithContext(ctx))
	if err != nil {
		return trust.Key{}, fmt.Errorf("%w: reading its public key: %w", ErrSigner, err)
	}
	// Some signers return a pointer to the key.
	if p, ok := pub.(*ed25519.PublicKey); ok && p != nil {
		pub = *p
	}
	raw, ok := pub.(ed25519.PublicKey)
	if !ok {
		return trust.Key{}, fmt.Errorf("%w: the signer has a key of type %T, want Ed25519", trust.ErrBadKey, pub)
	}

	return trust.NewKey(raw)
}

// Sign sets the document's signature to that of the signer and replaces the old
// one. It keeps cosignatures, except one by the same key. It returns
// [trust.ErrMalformed] if clients would reject the document, and [ErrSigner] or
// [trust.ErrBadKey] if the signer cannot be used.
func Sign(ctx context.Context, document []byte, signer signature.Signer) ([]byte, error) {
	d, err := load(ctx, document, signer)
	if err != nil {
		return nil, fmt.Errorf("signing a release: %w", err)
	}
	raw, err := d.sign(ctx, signer)
	if err != nil {
		return nil, fmt.Errorf("signing a release: %w", err)
	}

	cosigned := d.withoutCosignature(d.key.ID())
	if 1+len(cosigned) > trust.MaxSignatures {
		return nil, fmt.Errorf("signing a release: %w", errTooMany)
	}
	d.fields.setCosignatures(cosigned)
	d.fields.set("signature", quoted(base64.StdEncoding.EncodeToString(raw)))

	return d.finish("signing a release")
}

// Cosign adds the signer's signature to the document's cosignatures, and replaces
// an invalid one by the same key. It does not verify the other signatures:
// callers verify what they cosign first. Its errors are those of [Sign] and
// [ErrAlreadySigned].
func Cosign(ctx context.Context, document []byte, signer signature.Signer) ([]byte, error) {
	d, err := load(ctx, document, signer)
	if err != nil {
		return nil, fmt.Errorf("cosigning a release: %w", err)
	}
	if d.verify(document) == nil {
		return nil, fmt.Errorf("cosigning a release: %w: %s", ErrAlreadySigned, d.key.ID())
	}

	cosigned := d.withoutCosignature(d.key.ID())
	count := 1 + len(cosigned)
	if d.fields.has("signature") {
		count++
	}
	if count > trust.MaxSignatures {
		return nil, fmt.Errorf("cosigning a release: %w", errTooMany)
	}

	raw, err := d.sign(ctx, signer)
	if err != nil {
		return nil, fmt.Errorf("cosigning a release: %w", err)
	}
	entry := fmt.Sprintf(`{"key":%s,"signature":%s}`, quoted(d.key.ID()), quoted(base64.StdEncoding.EncodeToString(raw)))
	d.fields.setCosignatures(append(cosigned, json.RawMessage(entry)))

	return d.finish("cosigning a release")
}

// SignedBy returns nil if the document's signature is by key, trust.ErrUnsigned
// if it has none, and trust.ErrSignature otherwise. It ignores cosignatures and
// the times in the document.
func SignedBy(document []byte, key trust.Key) error {
	d, err := read(document)
	if err != nil {
		return fmt.Errorf("reading the signature of a release: %w", err)
	}
	d.key = key
	d.fields.remove("cosignatures")
	alone, err := d.fields.format()
	if err != nil {
		return fmt.Errorf("reading the signature of a release: %w", err)
	}

	return d.verify(alone)
}

// Renew returns the document with a new expiry and without signatures, which the
// change would invalidate.
func Renew(document []byte, expires time.Time) ([]byte, error) {
	if _, err := trust.SignedBytes(trust.ReleaseType, document); err != nil {
		return nil, fmt.Errorf("renewing a release: %w", err)
	}
	f, err := parseFields(document)
	if err != nil {
		return nil, fmt.Errorf("renewing a release: %w", err)
	}
	f.remove("signature")
	f.remove("cosignatures")
	f.set("expires", quoted(expires.UTC().Format(time.RFC3339)))

	return f.format()
}

// draft is a document to be signed.
type draft struct {
	fields  fields
	signed  []byte // the bytes that a signature covers
	release trust.Release
	key     trust.Key
}

func load(ctx context.Context, document []byte, signer signature.Signer) (*draft, error) {
	d, err := read(document)
	if err != nil {
		return nil, err
	}
	d.key, err = PublicKey(ctx, signer)

	return d, err
}

func read(document []byte) (*draft, error) {
	signed, err := trust.SignedBytes(trust.ReleaseType, document)
	if err != nil {
		return nil, err
	}
	d := &draft{signed: signed}
	if d.fields, err = parseFields(document); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(document, &d.release); err != nil {
		return nil, fmt.Errorf("%w: %w", trust.ErrMalformed, err)
	}
	// The signature of an incomplete document, or of one of v0.1.0, would be valid
	// for other versions and platforms too.
	if err := d.release.Validate(); err != nil {
		return nil, err
	}

	return d, nil
}

// sign calls the signer, which may panic, or wait for a network.
func (d *draft) sign(ctx context.Context, signer signature.Signer) (raw []byte, err error) {
	defer recovered(&err)

	if err := ctx.Err(); err != nil {
		return nil, err
	}
	raw, err = signer.SignMessage(bytes.NewReader(d.signed), options.WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSigner, err)
	}
	if len(raw) != ed25519.SignatureSize {
		return nil, fmt.Errorf("%w: it returned %d bytes, want %d", ErrSigner, len(raw), ed25519.SignatureSize)
	}

	return raw, nil
}

// verify verifies the document as a client would that trusts this key only.
func (d *draft) verify(document []byte) error {
	policy, err := trust.NewPolicy(1, d.key)
	if err != nil {
		return err
	}
	_, err = trust.Verify(document, policy, trust.Want{
		Version: d.release.Version,
		OS:      d.release.OS,
		Arch:    d.release.Arch,
		Now:     d.release.Released,
	})

	return err
}

func (d *draft) finish(doing string) ([]byte, error) {
	out, err := d.fields.format()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	if err := d.verify(out); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", doing, ErrSigner, err)
	}

	return out, nil
}

func (d *draft) withoutCosignature(id string) []json.RawMessage {
	var kept []json.RawMessage
	for _, raw := range d.fields.cosignatures() {
		var entry struct {
			Key string `json:"key"`
		}
		if json.Unmarshal(raw, &entry) == nil && entry.Key == id {
			continue
		}
		kept = append(kept, raw)
	}

	return kept
}

// recovered turns a panic of the signer into an error.
func recovered(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%w: it panicked: %v", ErrSigner, r)
	}
}

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
	"reflect"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/options"

	"github.com/choria-io/go-updater/trust"
)

// What a caller may want to tell apart.
var (
	// ErrKeyType means that the signer holds a key of another kind than Ed25519,
	// the only one clients know: use another key.
	ErrKeyType = errors.New("not an Ed25519 key")

	// ErrSigner means that the signer failed, or returned something that is not
	// a signature over this document by its own key: nothing was signed.
	ErrSigner = errors.New("the signer did not make a valid signature")

	// ErrAlreadySigned means that this key signed the document before. A second
	// signature by one key counts for nothing.
	ErrAlreadySigned = errors.New("already signed by this key")

	// ErrTooMany means that the document carries as many signatures as clients
	// accept.
	ErrTooMany = fmt.Errorf("more than %d signatures", trust.MaxSignatures)
)

// FormatRelease writes the unsigned document of a release, after checking that
// it is one that clients accept.
func FormatRelease(r *trust.Release) ([]byte, error) {
	if err := r.Validate(); err != nil {
		return nil, fmt.Errorf("formatting a release: %w", err)
	}
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("formatting a release: %w", err)
	}

	return bounded(append(raw, '\n'))
}

// PublicKey returns the public half of the signer's key.
func PublicKey(ctx context.Context, signer signature.Signer) (key trust.Key, err error) {
	defer recovered(&err)

	pub, err := signer.PublicKey(options.WithContext(ctx))
	if err != nil {
		return trust.Key{}, fmt.Errorf("%w: reading its public key: %w", ErrSigner, err)
	}
	// Some signers return the key by value, some by reference.
	if p, ok := pub.(*ed25519.PublicKey); ok && p != nil {
		pub = *p
	}
	raw, ok := pub.(ed25519.PublicKey)
	if !ok {
		return trust.Key{}, fmt.Errorf("%w: the signer's key is %s", ErrKeyType, kind(pub))
	}

	return trust.NewKey(raw)
}

// Sign puts the signer's signature into the document's signature field, in
// place of what is there. Cosignatures stay, but for one by the same key.
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
		return nil, fmt.Errorf("signing a release: %w", ErrTooMany)
	}
	d.fields.setCosignatures(cosigned)
	d.fields.set("signature", quoted(base64.StdEncoding.EncodeToString(raw)))

	return d.finish("signing a release")
}

// Cosign adds the signer's signature to the document's cosignatures, in place
// of an unusable one under the same key id. It does not judge the signatures
// that are there already; what a cosigner vouches for is his to verify first.
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
		return nil, fmt.Errorf("cosigning a release: %w", ErrTooMany)
	}

	raw, err := d.sign(ctx, signer)
	if err != nil {
		return nil, fmt.Errorf("cosigning a release: %w", err)
	}
	entry := fmt.Sprintf(`{"key":%s,"signature":%s}`, quoted(d.key.ID()), quoted(base64.StdEncoding.EncodeToString(raw)))
	d.fields.setCosignatures(append(cosigned, json.RawMessage(entry)))

	return d.finish("cosigning a release")
}

// SignedBy tells whose signature the document's signature field holds: it
// returns nil when it is the key's, trust.ErrUnsigned when there is none, and
// trust.ErrSignature when it is another's. Cosignatures and the times of the
// document are not looked at.
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

// Renew returns the document with a new time of expiry and without signatures,
// none of which would cover it any longer.
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

// draft is a document that is about to get a signature.
type draft struct {
	fields  fields
	signed  []byte // what a signature covers
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
	// An incomplete document, or one of v0.1.0's, says too little to be signed:
	// its signature would be as good for another version or platform.
	if err := d.release.Validate(); err != nil {
		return nil, err
	}

	return d, nil
}

// sign has the signer sign and turns whatever it does instead into an error.
// It runs code that we did not write, perhaps over a network.
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
		return nil, fmt.Errorf("%w: it returned %d bytes instead of %d", ErrSigner, len(raw), ed25519.SignatureSize)
	}

	return raw, nil
}

// verify checks the document as a client that trusts nobody but the signer
// would; its answer hence depends on the signature made here alone.
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

// recovered makes a refusal of a panic in a signer's library.
func recovered(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%w: it panicked: %v", ErrSigner, r)
	}
}

func kind(pub any) string {
	if pub == nil {
		return "missing"
	}

	return "a " + reflect.TypeOf(pub).String()
}

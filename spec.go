// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"

	"github.com/choria-io/go-updater/internal/jcs"
	"github.com/choria-io/go-updater/trust"
)

// Spec describes an available package update
//
// A Spec returned by [FetchSpec] has been verified. One that a [Downloader]
// returns has not: it must carry the release document it was read from, by
// being made with [ParseSpec] or by json.Unmarshal, because the signature
// covers the document and not these fields.
type Spec struct {
	BinaryPath string   `json:"binary"`
	BinaryURI  *url.URL `json:"uri,omitempty"` // computed, never read from a document
	Sha256Hash string   `json:"hash"`
	Signature  string   `json:"signature,omitempty"`

	document string
}

// ParseSpec keeps a release document for verification. It fails on what is not
// JSON; whether the document is to be believed is decided later, by the core.
func ParseSpec(document []byte) (*Spec, error) {
	if len(document) > trust.MaxDocument {
		return nil, fmt.Errorf("parsing release document: %w: larger than %d bytes", trust.ErrMalformed, trust.MaxDocument)
	}
	spec := &Spec{}
	if err := spec.UnmarshalJSON(document); err != nil {
		return nil, err
	}
	return spec, nil
}

// UnmarshalJSON reads the fields of v0.1.0 and keeps the whole document, so
// that downloaders written for v0.1.0, which unmarshal what they fetched, hand
// on what the signature covers.
func (s *Spec) UnmarshalJSON(document []byte) error {
	doc, err := jcs.Parse(document)
	if err != nil {
		return fmt.Errorf("parsing release document: %w: %w", trust.ErrMalformed, err)
	}
	next := Spec{document: string(document)}
	for name, field := range map[string]*string{"binary": &next.BinaryPath, "hash": &next.Sha256Hash, "signature": &next.Signature} {
		value, ok := doc[name].(string)
		if !ok && doc[name] != nil {
			return fmt.Errorf("parsing release document: %w: %q is no text", trust.ErrMalformed, name)
		}
		*field = value
	}
	*s = next
	return nil
}

// MarshalJSON writes the document that s was read from, so that a Spec that was
// stored or sent on can be verified where it is read again, and fails when s was
// changed since: a signature does not cover that. BinaryURI is left out; it is
// computed anew. A Spec without a document is written as in v0.1.0.
func (s Spec) MarshalJSON() ([]byte, error) {
	if s.document == "" {
		type fields Spec
		return json.Marshal(fields(s))
	}
	read := Spec{}
	if err := read.UnmarshalJSON([]byte(s.document)); err != nil {
		return nil, err
	}
	if read.BinaryURI = s.BinaryURI; read != s {
		return nil, errors.New("the Spec is not what its document says")
	}
	return []byte(s.document), nil
}

// verify checks a Spec from a downloader against the configuration and what is
// remembered: rows 1 to 7 of the order of checks. It trusts nothing in the
// Spec but the document, and that only once trust.Verify returned.
func (c *Config) verify(spec *Spec) (*trust.Verified, error) {
	policy, err := c.policy()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	trusted, err := c.trustID(policy)
	if err != nil {
		return nil, err
	}
	remembered, err := c.remembered(trusted)
	if err != nil {
		return nil, err
	}
	want := trust.Want{
		Name: c.product, Version: c.Version, OS: c.OperatingSystem, Arch: c.Architecture,
		Now: c.Now(), LastSeen: remembered.Seen,
		Running: c.CurrentVersion, Accepted: remembered.accepted(),
		Compare: compareVersions, AllowDowngrade: c.allowDowngrade,
	}
	document := []byte(spec.document)
	var v *trust.Verified
	verifier, vouched := c.Downloader.(Verifier)
	switch {
	case (policy != nil || vouched) && spec.document == "":
		err = fmt.Errorf("%w: the downloader returned a Spec without its document, see ParseSpec", trust.ErrUnsigned)
	case vouched:
		v, err = trust.VerifyVouched(document, policy, guardVerifier(verifier), want)
	case policy != nil:
		v, err = trust.Verify(document, policy, want)
	case spec.document == "":
		document = jcs.Format(map[string]any{"binary": spec.BinaryPath, "hash": spec.Sha256Hash})
		fallthrough
	default:
		v, err = trust.InsecureVerifyUnsigned(document, want)
	}
	if err != nil {
		return nil, fmt.Errorf("refusing release %s for %s/%s: %w", c.Version, c.OperatingSystem, c.Architecture, err)
	}
	if v.Release.Size > c.sizeLimit() {
		return nil, fmt.Errorf("refusing release %s: %w: a binary of %d bytes, MaxSize() is %d",
			c.Version, ErrTooLarge, v.Release.Size, c.sizeLimit())
	}
	return v, nil
}

// fetchSpec asks the downloader for the document and verifies it. The Spec it
// returns is what the verified document says, but for BinaryURI: that is the
// downloader's own word, for nobody but the downloader.
func (c *Config) fetchSpec() (*Spec, *trust.Verified, error) {
	var got *Spec
	err := guard("FetchSpec", func() (err error) {
		got, err = c.Downloader.FetchSpec()
		return err
	})
	if err == nil && got == nil {
		err = errors.New("the downloader returned no Spec")
	}
	if err != nil {
		return nil, nil, fmt.Errorf("fetching release %s: %w", c.Version, err)
	}
	own := *got // the downloader keeps its pointer
	v, err := c.verify(&own)
	if err != nil {
		return nil, nil, err
	}
	spec := &Spec{}
	if own.document != "" {
		if spec, err = ParseSpec([]byte(own.document)); err != nil {
			return nil, nil, err
		}
	}
	spec.BinaryPath, spec.Sha256Hash, spec.BinaryURI = v.Release.Binary, v.Release.Hash, own.BinaryURI
	return spec, v, nil
}

// guardVerifier is guard for the one question a downloader is believed on.
func guardVerifier(d Verifier) func([]byte) ([]string, error) {
	return func(document []byte) (by []string, err error) {
		err = guard("VerifyDocument", func() (err error) {
			by, err = d.VerifyDocument(slices.Clone(document))
			return err
		})
		return by, err
	}
}

// guard turns a panic of a downloader into a refusal: a program that updates
// itself must outlive a fault in parsing what a repository sent.
func guard(what string, call func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w in %s: %v", ErrPanic, what, p)
		}
	}()
	return call()
}

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package release

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"

	"github.com/choria-io/go-updater/internal/fetch"
	"github.com/choria-io/go-updater/internal/layout"
	"github.com/choria-io/go-updater/internal/store"
	"github.com/choria-io/go-updater/trust"
)

// Document asks the repositories for the document of the release, until accept
// takes an answer. It returns that answer. Where cache holds one, the repository is
// asked whether it is still the same (RFC 9110, If-None-Match).
func (s *Source) Document(ctx context.Context, cache Cache, accept func(document []byte) error) (*Answer, error) {
	var answer *Answer
	err := s.Client.Each(ctx, s.Repos, func(client *fetch.Client, repo *url.URL) (err error) {
		answer, err = s.documentFrom(ctx, client, layout.URL(repo, s.Release.Document()), cache, accept)
		return err
	})
	if err != nil {
		return nil, err
	}
	return answer, nil
}

func (s *Source) documentFrom(ctx context.Context, client *fetch.Client, u *url.URL, cache Cache, accept func([]byte) error) (*Answer, error) {
	kept := cache.answer(u)
	document, etag, unchanged, err := client.Conditional(ctx, u, trust.MaxDocument, kept.etag)
	if err != nil {
		return nil, fmt.Errorf("fetching release %s: %w", s.Release.Version, err)
	}
	if unchanged {
		if accept(kept.document) == nil {
			return kept, nil
		}
		// The copy may be damaged, or not what these options accept.
		document, etag, _, err = client.Conditional(ctx, u, trust.MaxDocument, "")
		if err != nil {
			return nil, fmt.Errorf("fetching release %s: %w", s.Release.Version, err)
		}
	}
	if err := accept(document); err != nil {
		return nil, err
	}
	return &Answer{from: hashOf(u.String()), etag: etag, document: document}, nil
}

// Answer is a document as a repository sent it, and its entity tag. It is trusted
// no more than what comes over the network: it is verified each time it is used.
type Answer struct {
	from     string // hash of the URL, which may hold a password
	etag     string
	document []byte
	kept     bool // it comes from the cache
}

// Cache keeps one answer. The zero Cache keeps none.
type Cache struct{ Dir store.Dir }

const (
	cacheFile    = "document"
	answerFormat = "go-updater document 1"
	maxAnswer    = trust.MaxDocument + 1<<10
)

// answer returns the answer that is kept for a URL. One that cannot be read, was
// damaged or belongs to another URL counts as none.
func (c Cache) answer(u *url.URL) *Answer {
	raw, err := c.Dir.Read(cacheFile, maxAnswer)
	if a, ok := ParseAnswer(raw); err == nil && ok && a.from == hashOf(u.String()) {
		a.kept = true
		return a
	}
	return &Answer{}
}

// Kept reports whether the document comes from the cache: a server said, or lied, that
// it is still the same.
func (a *Answer) Kept() bool { return a.kept }

// Keep stores an answer that was verified. One without an entity tag is of no
// use later, and one from the cache is stored already.
func (c Cache) Keep(a *Answer) error {
	if a.etag == "" || a.kept || c.Dir.IsZero() {
		return nil
	}
	return c.Dir.Write(store.File{Name: cacheFile, Data: a.Format()})
}

// Format writes the lines format, checksum, hash of the URL and tag, and then the
// document.
func (a *Answer) Format() []byte {
	body := a.from + "\n" + a.etag + "\n" + string(a.document)
	return []byte(answerFormat + "\n" + hashOf(body) + "\n" + body)
}

// ParseAnswer is the inverse of Format. It refuses anything that Format did not
// write.
func ParseAnswer(raw []byte) (*Answer, bool) {
	lines := bytes.SplitN(raw, []byte("\n"), 5)
	if len(lines) != 5 {
		return nil, false
	}
	a := &Answer{from: string(lines[2]), etag: string(lines[3]), document: lines[4]}
	return a, bytes.Equal(a.Format(), raw)
}

func hashOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

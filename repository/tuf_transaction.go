// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"

	"github.com/choria-io/go-updater/internal/layout"
	"github.com/choria-io/go-updater/internal/tuf/publish"
)

// TUF is how Add, Sign and Cosign keep the TUF metadata of a repository current. A
// repository without metadata needs none of it.
type TUF struct {
	// Signers sign bins, snapshot and timestamp. The key that signs the release is
	// tried for the bins too. Without signers for the latter two, clients see the
	// change after RefreshTUF.
	Signers []signature.Signer

	// TrustedRoot is a root.json that must be among the roots of the repository.
	// Without it the oldest there is trusted.
	TrustedRoot []byte

	lostTimestamp bool
}

// metadata is the TUF metadata during one transaction.
type metadata struct {
	t       *transaction
	state   *publish.State
	signers []*publish.Signer
	now     time.Time

	copies    []*rename // of documents; in place before a bin names them
	files     []*rename // of metadata; in place before documents are
	roots     []*rename
	timestamp *rename
	obsolete  []string
	warnings  []string
	result    *publish.Result
	again     bool // drafts were finished or changed before; what depends on them may not be
	count     int
}

// metadata reads the metadata of the repository.
func (t *transaction) metadata(ctx context.Context, o TUF, now time.Time) (*metadata, error) {
	m := &metadata{t: t, now: now}
	var err error
	if m.state, err = publish.Load(ctx, metadataFiles{t.repo}, publish.Options{Trusted: o.TrustedRoot, LostTimestamp: o.lostTimestamp}); err != nil {
		return nil, fmt.Errorf("reading TUF metadata: %w", err)
	}
	if m.signers, err = tufSigners(ctx, o.Signers); err != nil {
		return nil, err
	}

	return m, nil
}

func tufSigners(ctx context.Context, from []signature.Signer) ([]*publish.Signer, error) {
	var out []*publish.Signer
	for _, s := range from {
		signer, err := publish.NewSigner(ctx, s)
		if err != nil {
			return nil, err
		}
		out = append(out, signer)
	}

	return out, nil
}

// releasing is the keys and the time of a change of releases.
type releasing struct {
	TUF
	signer signature.Signer
	now    time.Time
}

// releasing reads the metadata for a change of releases, or returns nil if the
// repository has none. It fails before any work is done if the bins cannot be signed.
func (t *transaction) releasing(ctx context.Context, o releasing) (*metadata, error) {
	m, err := t.metadata(ctx, o.TUF, o.now)
	if err != nil {
		return nil, err
	}
	if !m.state.Exists() {
		if len(m.signers) > 0 {
			return nil, fmt.Errorf("%w: a key for TUF metadata, but the repository has none", ErrRequest)
		}
		return nil, nil
	}
	if o.signer == nil {
		return nil, fmt.Errorf("%w: the repository has TUF metadata, which lists signed releases only", ErrRequest)
	}
	if !m.state.Complete() {
		m.warnings = append(m.warnings, "TUF clients find no releases before update-repo tuf refresh")
		return m, nil
	}
	own, err := publish.NewSigner(ctx, o.signer)
	if err != nil {
		return nil, err
	}
	if m.state.Knows(own.Key()) {
		m.signers = append(m.signers, own)
	}
	if !m.state.SignsBins(m.signers) {
		return nil, fmt.Errorf("%w: without one that signs bins, TUF clients would not see the release", publish.ErrNeedsKey)
	}

	return m, nil
}

// change lists documents in the metadata.
func (m *metadata) change(ctx context.Context, documents map[Location][]byte) error {
	if m == nil || !m.state.Complete() {
		return nil
	}
	u := publish.Update{Now: m.now, Signers: m.signers, Set: map[string]publish.Target{}, Current: m.t.repo.current}
	for l, raw := range documents {
		u.Set[l.document()] = publish.TargetOf(raw)
	}
	if err := m.update(ctx, u); err != nil {
		return err
	}
	for l, raw := range documents {
		if err := m.copy(ctx, l, raw); err != nil {
			return err
		}
	}

	return nil
}

// copy writes a document where TUF clients download it. Older copies are removed once
// no metadata lists them any longer.
func (m *metadata) copy(ctx context.Context, l Location, document []byte) error {
	target := publish.TargetOf(document)
	name := target.Copy(l.document())
	if err := m.artifact(&m.copies, name, document); err != nil {
		return err
	}
	unlisted := m.t.unlisted(ctx, l, m.state, m.result.Obsolete)
	unlisted = slices.DeleteFunc(unlisted, func(other string) bool { return other == name })
	if len(unlisted) > 0 {
		m.t.replacing(l) // what only they name goes with them
		m.obsolete = append(m.obsolete, unlisted...)
	}

	return nil
}

// update works out what to write, and writes it under names that no client
// downloads yet.
func (m *metadata) update(ctx context.Context, u publish.Update) error {
	result, err := m.state.Update(ctx, u)
	if err != nil {
		return fmt.Errorf("updating TUF metadata: %w", err)
	}
	m.result = result
	m.warnings = append(m.warnings, result.Warnings...)
	for _, f := range result.Artifacts {
		if err := m.artifact(&m.files, layout.Metadata(f.Name), f.Content); err != nil {
			return err
		}
	}
	if result.Timestamp != nil {
		if m.timestamp, err = m.document(*result.Timestamp); err != nil {
			return err
		}
	}
	for _, name := range result.Obsolete {
		m.obsolete = append(m.obsolete, layout.Metadata(name))
	}

	return nil
}

// artifact writes a file that no client downloads before a document is in place.
func (m *metadata) artifact(list *[]*rename, to string, content []byte) error {
	info, err := m.t.repo.root.Lstat(to)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a regular file; remove it", to)
	case m.t.repo.holds(to, content):
		return nil
	}
	from, err := m.t.write(m.next(), content)
	if err != nil {
		return err
	}
	*list = append(*list, &rename{from: from, to: to})

	return nil
}

func (m *metadata) document(f publish.File) (*rename, error) {
	return m.t.prepare(m.next(), layout.Metadata(f.Name), f.Content)
}

func (m *metadata) next() string {
	m.count++

	return fmt.Sprintf("tuf-%d", m.count)
}

// commitWith puts everything into place: first what no client downloads yet, then the
// documents, and last the timestamp, which shows all of it to TUF clients at once. Then
// it removes what this replaced. m is nil for a repository without metadata.
func (t *transaction) commitWith(ctx context.Context, m *metadata, artifacts, documents []*rename) error {
	var obsolete []string
	if m != nil {
		artifacts = slices.Concat(artifacts, m.copies, m.files)
		documents = slices.Concat(m.roots, documents)
		if m.timestamp != nil {
			documents = append(documents, m.timestamp)
		}
		obsolete = m.obsolete
		t.warnings = append(t.warnings, m.warnings...)
	}
	if err := t.commit(ctx, artifacts, documents); err != nil {
		return err
	}
	t.removeFiles(obsolete...)
	t.removeReplaced()

	return nil
}

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"

	"github.com/choria-io/go-updater/internal/tuf/publish"
	"github.com/choria-io/go-updater/trust"
)

// TUF is how Add, Sign and Cosign keep the TUF metadata of a repository
// current, if it has any.
type TUF struct {
	// Signers are for the bins, the snapshot and the timestamp. The key that
	// signs the release is tried for the bins, too. Without the latter two,
	// clients see the change after RefreshTUF.
	Signers []signature.Signer

	// TrustedRoot is a root.json that the roots of the repository have to
	// contain. Without it the oldest there is believed.
	TrustedRoot []byte

	lostTimestamp bool
}

// metadataFiles is the directory of the metadata.
type metadataFiles struct{ *Repository }

func (m metadataFiles) Names(context.Context) ([]string, error) {
	entries, err := m.readDir(publish.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, e.Name())
	}

	return names, nil
}

func (m metadataFiles) Read(ctx context.Context, name string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	full := path.Join(publish.Dir, name)
	if _, err := m.root.Lstat(full); errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	f, err := m.openRegular(full)
	if err != nil {
		return nil, err
	}
	defer f.Close()

	return io.ReadAll(io.LimitReader(f, publish.MaxFile+1))
}

// locationOf takes the name of a target apart.
func locationOf(target string) (Location, bool) {
	p := strings.Split(target, "/")
	if len(p) != 4 || p[3] != documentName {
		return Location{}, false
	}

	return Location{p[0], p[1], p[2]}, trust.CheckVersion(p[0]) == nil && trust.CheckPath(target) == nil
}

// current tells what release.json there is under the name of a target.
func (r *Repository) current(ctx context.Context, target string) (publish.Target, bool, error) {
	l, ok := locationOf(target)
	if !ok {
		return publish.Target{}, false, nil
	}
	raw, err := r.readDocument(ctx, l)
	if errors.Is(err, ErrMissing) {
		return publish.Target{}, false, nil
	}
	if err != nil {
		return publish.Target{}, false, err
	}

	return publish.TargetOf(raw), true, nil
}

// metadata is the TUF metadata during one transaction.
type metadata struct {
	t       *transaction
	state   *publish.State
	signers []*publish.Signer
	now     time.Time

	copies    []*rename // in place before a bin names them
	moves     []*rename // in place before documents are
	roots     []*rename
	timestamp *rename
	obsolete  []string
	warnings  []string
	result    *publish.Result
	count     int
}

// metadata reads what there is.
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

// releasing is who changes releases, and when.
type releasing struct {
	TUF
	signer signature.Signer
	now    time.Time
}

// releasing is metadata for a change of releases; nil when the repository has
// none. That the bins cannot be signed is found out before any work is done.
func (t *transaction) releasing(ctx context.Context, o releasing) (*metadata, error) {
	m, err := t.metadata(ctx, o.TUF, o.now)
	if err != nil {
		return nil, err
	}
	if !m.state.Exists() {
		if len(m.signers) > 0 {
			return nil, fmt.Errorf("%w: a key for TUF metadata, and the repository has none", ErrRequest)
		}
		return nil, nil
	}
	if o.signer == nil {
		return nil, fmt.Errorf("%w: the repository has TUF metadata, and what is not signed does not get into it", ErrRequest)
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
		return nil, fmt.Errorf("%w: TUF clients would not see the release without one that signs bins", publish.ErrNeedsKey)
	}

	return m, nil
}

// change has documents take their place in the metadata.
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

// copy puts a document where TUF clients look for it. The copies of before the
// last one go once nobody can be told of them any longer.
func (m *metadata) copy(ctx context.Context, l Location, document []byte) error {
	target := publish.TargetOf(document)
	name := target.Copy(l.document())
	if err := m.artifact(&m.copies, name, document); err != nil {
		return err
	}
	before, seen, err := m.state.Published(ctx, l.document())
	if err != nil || !m.result.Visible {
		return err
	}
	entries, err := m.t.repo.readDir(l.dir())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		full := path.Join(l.dir(), e.Name())
		if publish.IsCopy(full) && full != name && (!seen || full != before.Copy(l.document())) {
			m.obsolete = append(m.obsolete, full)
		}
	}

	return nil
}

// update works out what to write, and writes it where nobody looks yet.
func (m *metadata) update(ctx context.Context, u publish.Update) error {
	result, err := m.state.Update(ctx, u)
	if err != nil {
		return fmt.Errorf("updating TUF metadata: %w", err)
	}
	m.result = result
	m.warnings = append(m.warnings, result.Warnings...)
	for _, f := range result.Artifacts {
		if err := m.artifact(&m.moves, path.Join(publish.Dir, f.Name), f.Content); err != nil {
			return err
		}
	}
	if result.Timestamp != nil {
		if m.timestamp, err = m.document(*result.Timestamp); err != nil {
			return err
		}
	}
	for _, name := range result.Obsolete {
		m.obsolete = append(m.obsolete, path.Join(publish.Dir, name))
	}

	return nil
}

// artifact writes a file whose name nobody asks for before a document is there.
func (m *metadata) artifact(list *[]*rename, to string, content []byte) error {
	info, err := m.t.repo.root.Lstat(to)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is in the way: it is not a regular file", to)
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
	return m.t.prepare(m.next(), path.Join(publish.Dir, f.Name), f.Content)
}

func (m *metadata) next() string {
	m.count++

	return fmt.Sprintf("tuf-%d", m.count)
}

// holds reports whether a file is there with this content.
func (r *Repository) holds(name string, content []byte) bool {
	f, err := r.openRegular(name)
	if err != nil {
		return false
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, int64(len(content))+1))

	return err == nil && bytes.Equal(raw, content)
}

// commitWith puts everything into place: what nobody asks for yet, the documents,
// and the timestamp last, which shows it all to TUF clients at once. It returns
// warnings. Without metadata it is the transaction's.
func (t *transaction) commitWith(ctx context.Context, m *metadata, artifacts, documents []*rename) ([]string, error) {
	if m == nil {
		return nil, t.commit(ctx, artifacts, documents)
	}
	documents = slices.Concat(m.roots, documents)
	if m.timestamp != nil {
		documents = append(documents, m.timestamp)
	}
	if err := t.commit(ctx, slices.Concat(artifacts, m.copies, m.moves), documents); err != nil {
		return nil, err
	}

	return append(m.warnings, t.remove(m.obsolete)...), nil
}

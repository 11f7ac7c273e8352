// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"

	"github.com/choria-io/go-updater/signing/tuf"
	"github.com/choria-io/go-updater/trust"
)

// TUFChange is what became of the TUF metadata.
type TUFChange struct {
	// Drafts are those that wait for signatures, or that were just completed.
	Drafts []TUFDraft `json:"drafts,omitempty"`

	Written   []tuf.Written `json:"written,omitempty"`
	TakenOver []string      `json:"taken_over,omitempty"` // see tuf.Result
	Warnings  []string      `json:"warnings,omitempty"`
}

// TUFDraft is a draft of the root or of the targets metadata.
type TUFDraft struct {
	File      string         `json:"file"`
	Published string         `json:"published,omitempty"` // the file it became
	Summary   tuf.Summary    `json:"summary"`
	Progress  []tuf.Progress `json:"progress,omitempty"`
}

// InitTUF drafts the first root and the first targets metadata of a repository.
// Nothing is different for clients before the root is signed and RefreshTUF was
// called with the keys of the other roles.
func (r *Repository) InitTUF(ctx context.Context, s tuf.Setup) (*TUFChange, error) {
	root, targets, err := tuf.Init(s)
	if err != nil {
		return nil, err
	}

	return r.changeTUF(ctx, TUF{}, s.Now, func(m *metadata) ([]*tuf.Draft, error) {
		if m.state.Exists() || m.state.RootDraft != nil || m.state.TargetsDraft != nil {
			return nil, fmt.Errorf("%w: this repository has TUF metadata", ErrExists)
		}
		return []*tuf.Draft{root, targets}, nil
	})
}

// RotateTUF drafts the next root, or the next targets metadata, with other keys.
// With keys of targets, or for what is left to do then of the other roles, in
// o.Signers, that is signed and published at once.
func (r *Repository) RotateTUF(ctx context.Context, o TUF, rotation tuf.Rotation) (*TUFChange, error) {
	return r.changeTUF(ctx, o, rotation.Now, func(m *metadata) ([]*tuf.Draft, error) {
		draft, err := m.state.Rotate(rotation)
		if err != nil {
			return nil, err
		}
		for _, s := range m.signers {
			err := draft.Sign(ctx, s, m.state.Authority())
			if err != nil && !errors.Is(err, tuf.ErrKey) {
				return nil, err
			}
		}
		return []*tuf.Draft{draft}, nil
	})
}

// SignTUFRequest is for the holder of a root or a targets key.
type SignTUFRequest struct {
	// Signer signs every draft that is its to sign; without one nothing is
	// signed, and the drafts are only described.
	Signer signature.Signer

	// Show is told what a draft says before the key signs it.
	Show func(tuf.Summary)

	// Copies are drafts that others signed elsewhere.
	Copies [][]byte

	// TUF has keys for what is left to do once a draft is complete.
	TUF TUF
	Now time.Time
}

// SignTUF signs the drafts in the repository. A draft that has all signatures
// it needs is published.
func (r *Repository) SignTUF(ctx context.Context, req SignTUFRequest) (*TUFChange, error) {
	return r.changeTUF(ctx, req.TUF, req.Now, func(m *metadata) ([]*tuf.Draft, error) {
		drafts := slices.DeleteFunc([]*tuf.Draft{m.state.RootDraft, m.state.TargetsDraft}, func(d *tuf.Draft) bool { return d == nil })
		if len(drafts) == 0 {
			return nil, fmt.Errorf("%w: nothing waits for a signature", tuf.ErrDraft)
		}
		if err := m.merge(drafts, req.Copies); err != nil {
			return nil, err
		}
		if req.Signer == nil {
			return drafts, nil
		}
		signer, err := tuf.NewSigner(ctx, req.Signer)
		if err != nil {
			return nil, err
		}
		return drafts, m.sign(ctx, drafts, signer, req.Show)
	})
}

func (m *metadata) sign(ctx context.Context, drafts []*tuf.Draft, signer *tuf.Signer, show func(tuf.Summary)) error {
	var refused error
	signed := 0
	for _, d := range drafts {
		err := d.MaySign(signer.Key(), m.state.Authority())
		if err == nil {
			if show != nil {
				show(m.state.Summary(d))
			}
			err = d.Sign(ctx, signer, m.state.Authority())
		}
		switch {
		case err == nil:
			signed++
		case errors.Is(err, tuf.ErrKey):
			refused = err
		case errors.Is(err, tuf.ErrMissing): // of a targets draft before the first root
		default:
			return err
		}
	}
	if signed == 0 {
		return refused
	}

	return nil
}

func (m *metadata) merge(drafts []*tuf.Draft, copies [][]byte) error {
	for _, raw := range copies {
		other, err := tuf.ParseDraft(raw)
		if err != nil {
			return fmt.Errorf("reading the copy: %w", err)
		}
		at := slices.IndexFunc(drafts, func(d *tuf.Draft) bool { return d.Name() == other.Name() })
		if at < 0 {
			return fmt.Errorf("%w: the copy is of %s, which is not here", tuf.ErrDraft, other.Name())
		}
		if _, err := drafts[at].Merge(other, m.state.Authority()); err != nil {
			return err
		}
	}

	return nil
}

// changeTUF writes the drafts that f returns. Those that are complete are
// published, and the other metadata is refreshed as far as there are keys.
func (r *Repository) changeTUF(ctx context.Context, o TUF, now time.Time, f func(m *metadata) ([]*tuf.Draft, error)) (*TUFChange, error) {
	const doing = "changing TUF metadata: %w"
	t, err := r.begin(ctx)
	if err != nil {
		return nil, fmt.Errorf(doing, err)
	}
	var out *TUFChange
	m, err := t.metadata(ctx, o, now)
	var drafts []*tuf.Draft
	if err == nil {
		drafts, err = f(m)
	}
	if err == nil {
		out, err = m.settle(ctx, drafts)
	}
	cerr := t.close()
	if err != nil {
		return nil, fmt.Errorf(doing, err)
	}
	if cerr != nil {
		out.Warnings = append(out.Warnings, cerr.Error())
	}

	return out, nil
}

func (m *metadata) settle(ctx context.Context, drafts []*tuf.Draft) (*TUFChange, error) {
	out := &TUFChange{}
	var documents []*rename
	finished, hidden := false, false
	for _, d := range drafts {
		told, move, err := m.place(d)
		if err != nil {
			return nil, err
		}
		finished = finished || told.Published != ""
		hidden = hidden || told.Published != "" && d.Role() == tuf.Targets
		out.Drafts = append(out.Drafts, told)
		if move != nil {
			documents = append(documents, move)
		}
	}
	online := slices.DeleteFunc(slices.Clone(m.signers), func(s *tuf.Signer) bool { return !m.state.Knows(s.Key()) })
	if finished && len(online) > 0 {
		m.signers = online
		err := m.update(ctx, tuf.Update{Now: m.now, Signers: online, Current: m.t.repo.current})
		if err != nil && !errors.Is(err, tuf.ErrNeedsKey) {
			return nil, err
		}
		if err != nil {
			m.warnings = append(m.warnings, err.Error())
		}
	}
	if finished && (m.result == nil || !m.result.Visible) {
		m.outstanding(hidden)
	}
	warnings, err := m.t.commitWith(ctx, m, nil, documents)
	if err != nil {
		return nil, err
	}
	out.take(m.result)
	// The result's are among them.
	out.Warnings = warnings

	return out, nil
}

// outstanding says what is left to do after drafts were published.
func (m *metadata) outstanding(hidden bool) {
	if roles := m.state.Waiting(); len(roles) > 0 {
		m.warnings = append(m.warnings, "clients refuse the repository until update-repo tuf refresh has signed "+strings.Join(roles, ", "))
	} else if hidden {
		m.warnings = append(m.warnings, "the new targets metadata is seen by clients after update-repo tuf refresh")
	}
}

// place writes a draft, or what it becomes.
func (m *metadata) place(d *tuf.Draft) (TUFDraft, *rename, error) {
	told := TUFDraft{File: path.Join(tuf.Dir, d.Name()), Summary: m.state.Summary(d)}
	progress, err := d.Progress(m.state.Authority())
	// Of targets nothing can be told as long as the first root is a draft.
	if err != nil && !errors.Is(err, tuf.ErrMissing) {
		return told, nil, err
	}
	told.Progress = progress
	if err == nil && !slices.ContainsFunc(progress, func(p tuf.Progress) bool { return !p.Done() }) {
		file, err := m.state.Adopt(d)
		if err != nil {
			return told, nil, err
		}
		told.Published = path.Join(tuf.Dir, file.Name)
		m.obsolete = append(m.obsolete, told.File)
		if d.Role() == tuf.Targets {
			return told, nil, m.artifact(&m.moves, told.Published, file.Content)
		}
		move, err := m.document(file)
		if err == nil {
			m.roots = append(m.roots, move)
		}
		return told, nil, err
	}
	file, err := d.File()
	if err != nil {
		return told, nil, err
	}
	move, err := m.document(file)

	return told, move, err
}

func (c *TUFChange) take(result *tuf.Result) {
	if result != nil {
		c.Written, c.TakenOver = result.Written, result.TakenOver
	}
}

// RefreshTUFRequest is for whoever holds keys of targets, bins, snapshot or
// timestamp.
type RefreshTUFRequest struct {
	TUF TUF
	Now time.Time

	// DropMissing takes releases out of the metadata that are not in the
	// repository any longer. It needs the key of the bins.
	DropMissing bool
}

// RefreshTUF writes the metadata that is missing, does not fit the repository,
// or has less than a third of its life left, as far as it can be signed. With
// the key of the bins, releases that this key signed and that are not in the
// metadata get into it.
func (r *Repository) RefreshTUF(ctx context.Context, req RefreshTUFRequest) (*TUFChange, error) {
	if len(req.TUF.Signers) == 0 || req.Now.IsZero() {
		return nil, fmt.Errorf("%w: a refresh needs a key, and the time", ErrRequest)
	}
	const doing = "refreshing TUF metadata: %w"
	t, err := r.begin(ctx)
	if err != nil {
		return nil, fmt.Errorf(doing, err)
	}
	out := &TUFChange{}
	m, err := t.metadata(ctx, req.TUF, req.Now)
	if err == nil {
		err = m.refresh(ctx, req)
	}
	var warnings []string
	if err == nil {
		warnings, err = t.commitWith(ctx, m, nil, nil)
	}
	cerr := t.close()
	if err != nil {
		return nil, fmt.Errorf(doing, err)
	}
	out.take(m.result)
	if out.Warnings = warnings; cerr != nil {
		out.Warnings = append(out.Warnings, cerr.Error())
	}

	return out, nil
}

func (m *metadata) refresh(ctx context.Context, req RefreshTUFRequest) error {
	u := tuf.Update{Now: m.now, Signers: m.signers, Current: m.t.repo.current, DropMissing: req.DropMissing, Set: map[string]tuf.Target{}}
	bins := m.state.SignsBins(m.signers)
	if req.DropMissing && !bins {
		return fmt.Errorf("%w: the bins have to be signed", tuf.ErrNeedsKey)
	}
	var unsigned map[string]string
	if bins {
		var err error
		if unsigned, err = m.adopt(ctx, &u); err != nil {
			return err
		}
	}
	if err := m.update(ctx, u); err != nil {
		return err
	}
	for _, name := range sortedKeys(unsigned) {
		current, _, err := m.t.repo.current(ctx, name)
		if err != nil {
			return err
		}
		if m.result.Targets[name] != current {
			m.warnings = append(m.warnings, fmt.Sprintf("%s is not in the metadata: %s", name, unsigned[name]))
		}
	}
	for _, name := range sortedKeys(u.Set) {
		l, _ := locationOf(name)
		raw, err := m.t.repo.readDocument(ctx, l)
		if err == nil {
			err = m.copy(ctx, l, raw)
		}
		if err != nil {
			return err
		}
	}

	return m.missingCopies(ctx, u.Set)
}

// missingCopies makes those that a publish did not come to before the power
// failed, or somebody deleted, as far as their releases are here.
func (m *metadata) missingCopies(ctx context.Context, done map[string]tuf.Target) error {
	for _, name := range sortedKeys(m.result.Targets) {
		if _, ok := done[name]; ok {
			continue
		}
		target := m.result.Targets[name]
		_, err := m.t.repo.root.Lstat(target.Copy(name))
		if !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		l, ok := locationOf(name)
		if !ok {
			continue
		}
		raw, err := m.t.repo.readDocument(ctx, l)
		if errors.Is(err, ErrMissing) || err == nil && tuf.TargetOf(raw) != target {
			continue // verify tells of it
		}
		if err == nil {
			err = m.artifact(&m.copies, target.Copy(name), raw)
		}
		if err != nil {
			return err
		}
	}

	return nil
}

// adopt vouches for every release that is signed by a key that signs bins: that
// key did so already. It returns the others, and why.
func (m *metadata) adopt(ctx context.Context, u *tuf.Update) (map[string]string, error) {
	var keys []trust.Key
	for _, s := range m.signers {
		if m.state.SignsReleases(s.Key()) && !slices.Contains(keys, s.Key()) {
			keys = append(keys, s.Key())
		}
	}
	policy, err := trust.NewPolicy(1, keys...)
	if err != nil {
		return nil, err
	}
	locations, _, err := m.t.repo.locations(Filter{})
	if err != nil {
		return nil, err
	}
	others := map[string]string{}
	for _, l := range locations {
		raw, err := m.t.repo.readDocument(ctx, l)
		if err != nil {
			return nil, err
		}
		if _, err := trust.Verify(raw, policy, trust.Want{Version: l.Version, OS: l.OS, Arch: l.Arch, Now: m.now}); err != nil {
			others[l.document()] = err.Error()
			continue
		}
		u.Set[l.document()] = tuf.TargetOf(raw)
	}

	return others, nil
}

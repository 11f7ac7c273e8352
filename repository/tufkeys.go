// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"

	"github.com/choria-io/go-updater/internal/tuf/publish"
)

// TUFChange is what became of the TUF metadata.
type TUFChange struct {
	// Drafts are those that wait for signatures, or that were just completed.
	Drafts []TUFDraft `json:"drafts,omitempty"`

	Written   []publish.Written `json:"written,omitempty"`
	TakenOver []string          `json:"taken_over,omitempty"` // see publish.Result
	Warnings  []string          `json:"warnings,omitempty"`
}

// TUFDraft is a draft of the root or of the targets metadata.
type TUFDraft struct {
	File      string             `json:"file"`
	Published string             `json:"published,omitempty"` // the file it became
	Summary   publish.Summary    `json:"summary"`
	Progress  []publish.Progress `json:"progress,omitempty"`
}

// InitTUF drafts the first root and the first targets metadata of a repository.
// Nothing is different for clients before the root is signed and RefreshTUF was
// called with the keys of the other roles.
func (r *Repository) InitTUF(ctx context.Context, s publish.Setup) (*TUFChange, error) {
	root, targets, err := publish.Init(s)
	if err != nil {
		return nil, err
	}

	return r.changeTUF(ctx, TUF{}, s.Now, func(m *metadata) ([]*publish.Draft, error) {
		if m.state.Exists() || m.state.RootDraft != nil || m.state.TargetsDraft != nil {
			return nil, fmt.Errorf("%w: this repository has TUF metadata", ErrExists)
		}
		return []*publish.Draft{root, targets}, nil
	})
}

// RotateTUF drafts the next root, or the next targets metadata, with other keys.
// With keys of targets, or for what is left to do then of the other roles, in
// o.Signers, that is signed and published at once.
func (r *Repository) RotateTUF(ctx context.Context, o TUF, rotation publish.Rotation) (*TUFChange, error) {
	return r.changeTUF(ctx, o, rotation.Now, func(m *metadata) ([]*publish.Draft, error) {
		draft, err := m.state.Rotate(rotation)
		if err != nil {
			return nil, err
		}
		for _, s := range m.signers {
			err := draft.Sign(ctx, s, m.state.Authority())
			if err != nil && !errors.Is(err, publish.ErrKey) {
				return nil, err
			}
		}
		return []*publish.Draft{draft}, nil
	})
}

// SignTUFRequest is for the holder of a root or a targets key.
type SignTUFRequest struct {
	// Signer signs every draft that is its to sign; without one nothing is
	// signed, and the drafts are only described.
	Signer signature.Signer

	// Show is told what a draft says before the key signs it.
	Show func(publish.Summary)

	// Copies are drafts that others signed elsewhere.
	Copies [][]byte

	// TUF has keys for what is left to do once a draft is complete.
	TUF TUF
	Now time.Time
}

// SignTUF signs the drafts in the repository. A draft that has all signatures
// it needs is published.
func (r *Repository) SignTUF(ctx context.Context, req SignTUFRequest) (*TUFChange, error) {
	return r.changeTUF(ctx, req.TUF, req.Now, func(m *metadata) ([]*publish.Draft, error) {
		drafts := slices.DeleteFunc([]*publish.Draft{m.state.RootDraft, m.state.TargetsDraft}, func(d *publish.Draft) bool { return d == nil })
		if len(drafts) == 0 {
			return nil, fmt.Errorf("%w: nothing waits for a signature", publish.ErrDraft)
		}
		if err := m.merge(drafts, req.Copies); err != nil {
			return nil, err
		}
		if req.Signer == nil {
			return drafts, nil
		}
		signer, err := publish.NewSigner(ctx, req.Signer)
		if err != nil {
			return nil, err
		}
		return drafts, m.sign(ctx, drafts, signer, req.Show)
	})
}

func (m *metadata) sign(ctx context.Context, drafts []*publish.Draft, signer *publish.Signer, show func(publish.Summary)) error {
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
		// ErrMissing is that of a targets draft before the first root.
		case errors.Is(err, publish.ErrKey), errors.Is(err, publish.ErrMissing):
			refused = cmp.Or(refused, err)
		default:
			return err
		}
	}
	if signed == 0 {
		return refused
	}

	return nil
}

func (m *metadata) merge(drafts []*publish.Draft, copies [][]byte) error {
	for _, raw := range copies {
		other, err := publish.ParseDraft(raw)
		if err != nil {
			return fmt.Errorf("reading the copy: %w", err)
		}
		at := slices.IndexFunc(drafts, func(d *publish.Draft) bool { return d.Name() == other.Name() })
		if at < 0 {
			return fmt.Errorf("%w: the copy is of %s, which is not here", publish.ErrDraft, other.Name())
		}
		if _, err := drafts[at].Merge(other, m.state.Authority()); err != nil {
			return err
		}
	}

	return nil
}

// changeTUF writes the drafts that f returns. Those that are complete are
// published, and the other metadata is refreshed as far as there are keys.
func (r *Repository) changeTUF(ctx context.Context, o TUF, now time.Time, f func(m *metadata) ([]*publish.Draft, error)) (*TUFChange, error) {
	const doing = "changing TUF metadata: %w"
	t, err := r.begin(ctx)
	if err != nil {
		return nil, fmt.Errorf(doing, err)
	}
	var out *TUFChange
	m, err := t.metadata(ctx, o, now)
	var drafts []*publish.Draft
	if err == nil {
		drafts, err = f(m)
	}
	if err == nil {
		err = m.strangers(drafts)
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

// strangers refuses keys that have no role now nor in a draft: somebody took the
// wrong file, and would believe that it has signed.
func (m *metadata) strangers(drafts []*publish.Draft) error {
	for _, s := range m.signers {
		ours := func(d *publish.Draft) bool {
			return d.Names(s.Key()) || d.MaySign(s.Key(), m.state.Authority()) == nil
		}
		if !m.state.Knows(s.Key()) && !slices.ContainsFunc(drafts, ours) {
			return fmt.Errorf("%w: %s has nothing to sign here", publish.ErrKey, publish.KeyID(s.Key()))
		}
	}

	return nil
}

func (m *metadata) settle(ctx context.Context, drafts []*publish.Draft) (*TUFChange, error) {
	out := &TUFChange{}
	var documents []*rename
	finished, hidden := false, false
	for _, d := range drafts {
		told, move, err := m.place(d)
		if err != nil {
			return nil, err
		}
		finished = finished || told.Published != ""
		hidden = hidden || told.Published != "" && d.Role() == publish.Targets
		out.Drafts = append(out.Drafts, told)
		if move != nil {
			documents = append(documents, move)
		}
	}
	online := slices.DeleteFunc(slices.Clone(m.signers), func(s *publish.Signer) bool { return !m.state.Knows(s.Key()) })
	if finished && len(online) > 0 {
		m.signers = online
		err := m.update(ctx, publish.Update{Now: m.now, Signers: online, Current: m.t.repo.current})
		if err != nil && !errors.Is(err, publish.ErrNeedsKey) {
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
func (m *metadata) place(d *publish.Draft) (TUFDraft, *rename, error) {
	told := TUFDraft{File: path.Join(publish.Dir, d.Name()), Summary: m.state.Summary(d)}
	progress, err := d.Progress(m.state.Authority())
	// Of targets nothing can be told as long as the first root is a draft.
	if err != nil && !errors.Is(err, publish.ErrMissing) {
		return told, nil, err
	}
	told.Progress = progress
	if err == nil && !slices.ContainsFunc(progress, func(p publish.Progress) bool { return !p.Done() }) {
		file, err := m.state.Adopt(d)
		if err != nil {
			return told, nil, err
		}
		told.Published = path.Join(publish.Dir, file.Name)
		m.obsolete = append(m.obsolete, told.File)
		if d.Role() == publish.Targets {
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

func (c *TUFChange) take(result *publish.Result) {
	if result != nil {
		c.Written, c.TakenOver = result.Written, result.TakenOver
	}
}

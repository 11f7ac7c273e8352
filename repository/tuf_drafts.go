// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/choria-io/go-updater/internal/layout"
	"github.com/choria-io/go-updater/internal/tuf/publish"
)

// TUFChange is what was written of the TUF metadata.
type TUFChange struct {
	// Drafts are those that wait for signatures, or were just published.
	Drafts []TUFDraft `json:"drafts,omitempty"`

	// Already reports that the change was made before.
	Already bool `json:"already,omitempty"`

	Written   []publish.Written `json:"written,omitempty"`
	TakenOver []string          `json:"taken_over,omitempty"` // see publish.Result
	Warnings  []string          `json:"warnings,omitempty"`
}

// TUFDraft is a draft of the root or of the targets metadata.
type TUFDraft struct {
	File      string             `json:"file"`
	Published string             `json:"published,omitempty"` // the file, once it is complete
	Summary   publish.Summary    `json:"summary"`
	Progress  []publish.Progress `json:"progress,omitempty"`
}

// changeTUF writes the drafts that f returns. Complete ones are published, and the
// other metadata is refreshed as far as there are keys.
func (r *Repository) changeTUF(ctx context.Context, o TUF, now time.Time, f func(m *metadata) ([]*publish.Draft, error)) (*TUFChange, error) {
	const doing = "changing TUF metadata: %w"
	t, err := r.begin(ctx, o.TrustedRoot)
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
		err = m.checkSigners(drafts)
	}
	if err == nil {
		out, err = m.publishDrafts(ctx, drafts)
	}
	t.close()
	if err != nil {
		return nil, fmt.Errorf(doing, err)
	}
	out.Already, out.Warnings = m.again && len(out.Written) == 0, t.warnings

	return out, nil
}

// checkSigners refuses a key without a role, now or in a draft. If it were ignored,
// a user who gave the wrong file would believe that it has signed (T37).
func (m *metadata) checkSigners(drafts []*publish.Draft) error {
	for _, s := range m.signers {
		has := func(d *publish.Draft) bool {
			return d.Names(s.Key()) || d.MaySign(s.Key(), m.state.Authority()) == nil
		}
		if !m.state.Knows(s.Key()) && !slices.ContainsFunc(drafts, has) {
			return fmt.Errorf("%w: %s has nothing to sign here", publish.ErrKey, publish.KeyID(s.Key()))
		}
	}

	return nil
}

func (m *metadata) publishDrafts(ctx context.Context, drafts []*publish.Draft) (*TUFChange, error) {
	out := &TUFChange{}
	var documents []*rename
	finished, hidden := m.again && m.state.Exists(), false
	for _, d := range drafts {
		placed, move, err := m.place(d)
		if err != nil {
			return nil, err
		}
		finished = finished || placed.Published != ""
		hidden = hidden || placed.Published != "" && d.Role() == publish.Targets
		out.Drafts = append(out.Drafts, placed)
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
		m.warnUnfinished(hidden)
	}
	if err := m.t.commitWith(ctx, m, nil, documents); err != nil {
		return nil, err
	}
	out.take(m.result)

	return out, nil
}

// warnUnfinished warns of what is left to do after drafts were published.
func (m *metadata) warnUnfinished(hidden bool) {
	if roles := m.state.Waiting(); len(roles) > 0 {
		m.warnings = append(m.warnings, "clients refuse the repository until update-repo tuf refresh has signed "+strings.Join(roles, ", "))
	} else if hidden {
		m.warnings = append(m.warnings, "clients see the new targets metadata after update-repo tuf refresh")
	}
}

// place writes a draft, or publishes it if it is complete.
func (m *metadata) place(d *publish.Draft) (TUFDraft, *rename, error) {
	out := TUFDraft{File: layout.Metadata(d.Name()), Summary: m.state.Summary(d)}
	progress, err := d.Progress(m.state.Authority())
	// As long as the first root is a draft, the keys of targets are not known.
	if err != nil && !errors.Is(err, publish.ErrMissing) {
		return out, nil, err
	}
	out.Progress = progress
	if err == nil && !slices.ContainsFunc(progress, func(p publish.Progress) bool { return !p.Done() }) {
		file, err := m.state.Adopt(d)
		if err != nil {
			return out, nil, err
		}
		out.Published = layout.Metadata(file.Name)
		m.obsolete = append(m.obsolete, out.File)
		if d.Role() == publish.Targets {
			return out, nil, m.artifact(&m.files, out.Published, file.Content)
		}
		move, err := m.document(file)
		if err == nil {
			m.roots = append(m.roots, move)
		}
		return out, nil, err
	}
	file, err := d.File()
	if err != nil {
		return out, nil, err
	}
	move, err := m.document(file)

	return out, move, err
}

func (c *TUFChange) take(result *publish.Result) {
	if result != nil {
		c.Written, c.TakenOver = result.Written, result.TakenOver
	}
}

// RotateTUF drafts the next root, or the next targets metadata, with other keys. If
// o.Signers are enough for the draft, it is published, and the other roles are signed
// as far as there are signers for them. A change that was made before is not made
// again, but signed: a RotateTUF that was killed can be repeated. It returns
// publish.ErrDraft, and signs nothing, if a draft that was there is not what this
// change makes: [Repository.SignTUF] shows it first.
func (r *Repository) RotateTUF(ctx context.Context, o TUF, rotation publish.Rotation) (*TUFChange, error) {
	return r.changeTUF(ctx, o, rotation.Now, func(m *metadata) ([]*publish.Draft, error) {
		draft, again := m.state.Rotated(rotation)
		if m.again = again; again && draft == nil {
			return nil, nil
		}
		if !again {
			var err error
			if draft, err = m.state.Rotate(rotation); err != nil {
				return nil, err
			}
		}
		for _, s := range m.signers {
			if draft.MaySign(s.Key(), m.state.Authority()) == nil {
				if err := m.state.Unread(draft, rotation); err != nil {
					return nil, err
				}
			}
			err := draft.Sign(ctx, s, m.state.Authority())
			if err != nil && !errors.Is(err, publish.ErrKey) {
				return nil, err
			}
		}
		return []*publish.Draft{draft}, nil
	})
}

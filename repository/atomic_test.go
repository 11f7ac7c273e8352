// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/codec"
	"github.com/choria-io/go-updater/internal/layout"
	"github.com/choria-io/go-updater/internal/testing/race"
)

var errDisk = errors.New("disk failed")

// change is one way to change a repository.
type change struct {
	before func(t *testing.T, r *Repository)
	make   func(ctx context.Context, t *testing.T, r *Repository) error
}

func changes() map[string]change {
	add := func(seed int64, force, uncompressed bool) func(context.Context, *testing.T, *Repository) error {
		return func(ctx context.Context, t *testing.T, r *Repository) error {
			req := request(t, seed)
			req.Force, req.Uncompressed = force, uncompressed
			_, err := r.Add(ctx, req)
			return err
		}
	}
	first := func(t *testing.T, r *Repository) { require.NoError(t, add(1, false, false)(t.Context(), t, r)) }

	before := func(t *testing.T, r *Repository) {
		_, err := r.Add(t.Context(), similar(t, "1.2.2"))
		require.NoError(t, err)
	}
	patched := func(ctx context.Context, t *testing.T, r *Repository) error {
		req := similar(t, "1.2.3")
		req.Encodings, req.PatchFrom, req.Force = []string{codec.Bzip2, codec.Gzip}, []string{"1.2.2"}, true
		req.Artifacts = []File{{"linux", "amd64", compressedFile(t, req.Files[0].Path, codec.Gzip)}}
		_, err := r.Add(ctx, req)
		return err
	}

	return map[string]change{
		"publish with patches": {before, patched},
		"publish":              {func(*testing.T, *Repository) {}, add(1, false, true)},
		"replace":              {first, add(10, true, false)},
		"replace and add to":   {first, add(10, true, true)},
		"renew":                {first, renew},
	}
}

func renew(ctx context.Context, t *testing.T, r *Repository) error {
	signer, _ := seeded(t, 1)
	_, err := r.Sign(ctx, SignRequest{Signer: signer, Now: now, Expires: now.AddDate(2, 0, 0), Renew: true})

	return err
}

// steps returns what a change does to the disk, in order, and the tree before and
// after.
func steps(t *testing.T, c change) (all []string, before, after map[string]string) {
	t.Helper()
	dir := t.TempDir()
	r := stepwise(t, dir)
	c.before(t, r)
	before = tree(t, dir)
	r.step = func(op, name string) error {
		all = append(all, op+" "+name)
		return nil
	}
	require.NoError(t, c.make(t.Context(), t, r))

	return all, before, tree(t, dir)
}

func requireOldOrNew(t *testing.T, dir string, before, after map[string]string, at string) {
	t.Helper()
	r := create(t, dir)
	found, _, err := r.locations(Filter{})
	require.NoError(t, err, at)
	for document := range before {
		if strings.HasSuffix(document, layout.DocumentName) {
			require.FileExists(t, filepath.Join(dir, document), at)
		}
	}
	for _, l := range found {
		raw, err := r.readDocument(t.Context(), l)
		require.NoError(t, err, at)
		require.Contains(t, []string{before[l.document()], after[l.document()]}, string(raw), at)
	}
	if len(found) == 0 {
		return
	}
	report := verifyAll(t, r)
	require.True(t, report.OK(), "%s: %+v", at, report)
}

func TestFailureAtEveryStep(t *testing.T) {
	for name, c := range changes() {
		t.Run(name, func(t *testing.T) {
			all, before, after := steps(t, c)
			require.Greater(t, len(all), 8)
			for n := range all {
				dir := filepath.Join(t.TempDir(), "repo")
				plant(t, dir, before)
				r := stepwise(t, dir)
				count := 0
				failed := ""
				r.step = func(op, name string) error {
					if count++; count == n+1 {
						failed = op + " " + name
						return errDisk
					}
					return nil
				}
				err := c.make(t.Context(), t, r)
				if strings.HasPrefix(failed, "remove ") && !strings.Contains(failed, workPrefix) {
					// The change is complete; the old artifact is unused.
					require.NoError(t, err, failed)
					require.Subset(t, tree(t, dir), after, failed)
					require.True(t, verifyAll(t, r).OK(), failed)
					continue
				}
				require.ErrorIs(t, err, errDisk, failed)
				require.Equal(t, before, tree(t, dir), failed)
			}
		})
	}
}

// A process that is killed leaves what is on disk before the next step, so a copy
// before each step stands for a kill there.
func TestKillAtEveryStep(t *testing.T) {
	race.Skip(t, "too slow; TestFailureAtEveryStep takes the same steps")
	for name, c := range changes() {
		t.Run(name, func(t *testing.T) {
			_, before, after := steps(t, c)
			dir := t.TempDir()
			r := stepwise(t, dir)
			c.before(t, r)
			kills := 0
			r.step = func(op, name string) error {
				kills++
				at := fmt.Sprintf("%d: before %s %s", kills, op, name)
				snapshot := filepath.Join(t.TempDir(), "repo")
				if err := os.CopyFS(snapshot, os.DirFS(dir)); err != nil {
					return err
				}
				requireOldOrNew(t, snapshot, before, after, at)
				return nil
			}
			require.NoError(t, c.make(t.Context(), t, r))
			require.Equal(t, after, tree(t, dir))
			require.Greater(t, kills, 8)

			t.Run("the next run cleans up", func(t *testing.T) {
				dir := t.TempDir()
				r := stepwise(t, dir)
				c.before(t, r)
				var snapshot string
				r.step = func(op, _ string) error {
					if op == "syncdir" && snapshot == "" {
						snapshot = filepath.Join(t.TempDir(), "repo")
						return os.CopyFS(snapshot, os.DirFS(dir))
					}
					return nil
				}
				require.NoError(t, c.make(t.Context(), t, r))
				require.NotEqual(t, after, tree(t, snapshot))
				require.NoError(t, c.make(t.Context(), t, create(t, snapshot)))
				require.Equal(t, after, tree(t, snapshot))
			})
		})
	}
}

func TestInterruptAtEveryStep(t *testing.T) {
	race.Skip(t, "too slow; TestFailureAtEveryStep takes the same steps")
	for name, c := range changes() {
		t.Run(name, func(t *testing.T) {
			all, before, after := steps(t, c)
			undone := 0
			firstDocument := slices.IndexFunc(all, func(step string) bool {
				return strings.HasPrefix(step, "rename ") && strings.HasSuffix(step, layout.DocumentName)
			})
			for n := range all {
				dir := filepath.Join(t.TempDir(), "repo")
				plant(t, dir, before)
				r := stepwise(t, dir)
				ctx, cancel := context.WithCancel(t.Context())
				count := 0
				r.step = func(string, string) error {
					if count++; count == n+1 {
						cancel()
					}
					return nil
				}
				err := c.make(ctx, t, r)
				cancel()
				if err == nil {
					require.GreaterOrEqual(t, n, firstDocument, "no change before the first document: %s", all[n])
					require.Equal(t, after, tree(t, dir), all[n])
					continue
				}
				undone++
				require.ErrorIs(t, err, context.Canceled, all[n])
				require.Equal(t, before, tree(t, dir), all[n])
			}
			require.Positive(t, undone)
		})
	}
}

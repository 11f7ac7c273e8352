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
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/codec"
	"github.com/choria-io/go-updater/internal/layout"
	"github.com/choria-io/go-updater/trust"
)

var errDisk = errors.New("the disk is gone")

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
		req.Artifacts = []File{{"linux", "amd64", readyMadeOf(t, req.Files[0].Path, codec.Gzip)}}
		_, err := r.Add(ctx, req)
		return err
	}

	return map[string]change{
		"publish with patches": {before, patched},
		"publish":              {func(*testing.T, *Repository) {}, add(1, false, true)},
		"replace":              {first, add(10, true, false)},
		"replace and add to":   {first, add(10, true, true)},
		"sign with a new date": {first, renew},
	}
}

func renew(ctx context.Context, t *testing.T, r *Repository) error {
	signer, _ := seeded(t, 1)
	_, err := r.Sign(ctx, SignRequest{Signer: signer, Now: now, Expires: now.AddDate(2, 0, 0), Renew: true})

	return err
}

// steps lists what a change does to the disk, in order.
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

// plant writes a tree.
func plant(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o755))
	for name, content := range files {
		full := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(full), 0o755))
		if !strings.HasSuffix(name, "/") {
			require.NoError(t, os.WriteFile(full, []byte(content), 0o644))
		}
	}
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
					// The change is made; an old artifact that stays does no harm.
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

// What is on the disk before a step is what a killed process leaves there, so a
// copy made at each step stands for a kill at each step.
func TestKillAtEveryStep(t *testing.T) {
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

			t.Run("and the next run cleans up", func(t *testing.T) {
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

// stepwise opens a repository that works on one file at a time, so that no step
// is taken while another one is looked at and all come in the same order.
func stepwise(t *testing.T, dir string) *Repository {
	t.Helper()
	was := runtime.GOMAXPROCS(1)
	t.Cleanup(func() { runtime.GOMAXPROCS(was) })
	r := create(t, dir)
	r.flush = func(*os.File) error { return nil }

	return r
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

func TestInterruptAtEveryStep(t *testing.T) {
	for name, c := range changes() {
		t.Run(name, func(t *testing.T) {
			all, before, after := steps(t, c)
			undone := 0
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

func TestCreatedDirectoryGoesWithTheFailure(t *testing.T) {
	parent := t.TempDir()
	r, err := Create(filepath.Join(parent, "a", "b"))
	require.NoError(t, err)
	req := request(t, 1)
	req.Files[1].Path = filepath.Join(parent, "missing")
	_, err = r.Add(t.Context(), req)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, r.Close())
	require.Empty(t, tree(t, parent))
}

// A power cut keeps what was flushed: each file before its rename, the renames
// of artifacts before a document names them.
func TestFlushOrder(t *testing.T) {
	dir := t.TempDir()
	r := stepwise(t, dir)
	var order []string
	r.step = func(op, name string) error {
		if op == "rename" {
			order = append(order, "rename "+filepath.Ext(name))
		}
		return nil
	}
	r.flush = func(f *os.File) error {
		name, err := filepath.Rel(dir, f.Name())
		if strings.HasPrefix(name, workPrefix) {
			name = "work" + filepath.Ext(name)
		}
		order = append(order, "flush "+filepath.ToSlash(name))
		return err
	}
	req := request(t, 1)
	req.Files = req.Files[:1]
	_, err := r.Add(t.Context(), req)
	require.NoError(t, err)
	var dirs []string
	if runtime.GOOS != "windows" { // where os cannot flush them
		dirs = []string{"flush 1.2.3/linux/amd64", "flush 1.2.3/linux", "flush 1.2.3", "flush ."}
	}
	require.Equal(t, slices.Concat(
		[]string{"flush work.bz2", "flush work.json", "rename .bz2"}, dirs, []string{"rename .json"}, dirs,
	), order)
}

func TestUndoKeepsWhatOthersMade(t *testing.T) {
	dir := t.TempDir()
	r := stepwise(t, dir)
	other := filepath.Join(dir, "1.2.3", "linux", "notes.txt")
	r.step = func(op, name string) error {
		if op == "rename" && strings.HasSuffix(name, layout.DocumentName) {
			require.NoError(t, os.WriteFile(other, []byte("theirs"), 0o644))
			return errDisk
		}
		return nil
	}
	_, err := r.Add(t.Context(), request(t, 1))
	require.ErrorIs(t, err, errDisk)
	require.Equal(t, []string{"1.2.3/linux/notes.txt"}, names(tree(t, dir)))
}

// A published artifact that was damaged is repaired by publishing it again. When
// that fails later on, its place is not left empty: the document still names it.
func TestUndoKeepsWhatWasThere(t *testing.T) {
	dir := t.TempDir()
	r := stepwise(t, dir)
	_, err := r.Add(t.Context(), request(t, 1))
	require.NoError(t, err)
	artifact := filepath.Join(dir, "1.2.3", "linux", "amd64", "choria-linux-amd64-1.2.3.bz2")
	require.NoError(t, os.WriteFile(artifact, []byte("damaged"), 0o644))
	r.step = func(op, name string) error {
		if op == "rename" && strings.HasSuffix(name, layout.DocumentName) {
			return errDisk
		}
		return nil
	}
	req := request(t, 1)
	req.Force = true
	_, err = r.Add(t.Context(), req)
	require.ErrorIs(t, err, errDisk)
	require.FileExists(t, artifact)
}

func TestReadBackFindsABadCompressor(t *testing.T) {
	dir := t.TempDir()
	r := stepwise(t, dir)
	req := request(t, 1)
	req.Files = req.Files[:1]
	other := program(t, 99)
	r.step = func(op, name string) error {
		if op != "read" {
			return nil
		}
		// Sound bzip2 of another program, as if the compressor had mixed them up.
		second := create(t, t.TempDir())
		mixed := request(t, 1)
		mixed.Files = []File{{"linux", "amd64", other}}
		_, err := second.Add(t.Context(), mixed)
		require.NoError(t, err)
		raw, err := os.ReadFile(filepath.Join(second.dir, "1.2.3", "linux", "amd64", "choria-linux-amd64-1.2.3.bz2"))
		require.NoError(t, err)
		work, err := filepath.Glob(filepath.Join(dir, workPrefix+"*", name))
		require.NoError(t, err)
		require.Len(t, work, 1)
		return os.WriteFile(work[0], raw, 0o644)
	}
	_, err := r.Add(t.Context(), req)
	require.ErrorIs(t, err, ErrHash)
	require.Empty(t, tree(t, dir))
}

func TestInputThatChangesWhileItIsRead(t *testing.T) {
	for name, alter := range map[string]func(file string) error{
		"it grows": func(file string) error {
			f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteString("more")
			return errors.Join(err, f.Close(), os.Chtimes(file, now, now))
		},
		"it shrinks": func(file string) error { return errors.Join(os.Truncate(file, 100), os.Chtimes(file, now, now)) },
		"it is written over": func(file string) error {
			raw, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			raw[0]++
			return os.WriteFile(file, raw, 0o755)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			r := stepwise(t, dir)
			req := request(t, 1)
			// The length and the time each tell something that the other does not.
			require.NoError(t, os.Chtimes(req.Files[0].Path, now, now))
			r.step = func(op, name string) error {
				if op == "create" && name == "0.bz2" {
					return alter(req.Files[0].Path)
				}
				return nil
			}
			_, err := r.Add(t.Context(), req)
			require.ErrorIs(t, err, ErrInput)
			require.Empty(t, tree(t, dir))
		})
	}
}

func TestOthersWait(t *testing.T) {
	dir := t.TempDir()
	r := stepwise(t, dir)
	second := create(t, dir)
	told := make(chan struct{})
	second.OnWait(func() { close(told) })
	done := make(chan error, 1)
	started := false
	r.step = func(string, string) error {
		if started {
			return nil
		}
		started = true
		req := request(t, 20)
		req.Version = "1.2.4"
		go func() {
			_, err := second.Add(t.Context(), req)
			done <- err
		}()
		<-told
		return nil
	}
	_, err := r.Add(t.Context(), request(t, 1))
	require.NoError(t, err)
	require.NoError(t, <-done)
	report := verifyAll(t, r)
	require.True(t, report.OK())
	require.Len(t, report.Releases, 4)

	t.Run("but not for ever", func(t *testing.T) {
		unlock, err := r.lock(t.Context())
		require.NoError(t, err)
		defer unlock()
		ctx, cancel := context.WithCancel(t.Context())
		third := create(t, dir)
		third.OnWait(cancel)
		_, err = third.Add(ctx, request(t, 1))
		require.ErrorIs(t, err, context.Canceled)
	})
}

func TestAddRefuses(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	require.NoError(t, os.WriteFile(empty, nil, 0o644))

	for name, tc := range map[string]struct {
		change func(*AddRequest)
		want   error
		late   bool
	}{
		"no file":            {func(r *AddRequest) { r.Files = nil }, ErrRequest, false},
		"no key":             {func(r *AddRequest) { r.Signer = nil }, ErrRequest, false},
		"a key but unsigned": {func(r *AddRequest) { r.InsecureUnsigned = true }, ErrRequest, false},
		"no clock":           {func(r *AddRequest) { *r = noClock(*r) }, ErrRequest, false},
		"one platform twice": {func(r *AddRequest) { r.Files[1] = r.Files[0] }, ErrRequest, false},
		"unknown system":     {func(r *AddRequest) { r.Files[0].OS = "windows95" }, ErrRequest, false},
		"unknown arch":       {func(r *AddRequest) { r.Files[0].Arch = "x86_64" }, ErrRequest, false},
		"unknown pair":       {func(r *AddRequest) { r.Files[0].OS = "darwin"; r.Files[0].Arch = "386" }, ErrRequest, false},
		"version with path":  {func(r *AddRequest) { r.Version = "../1" }, trust.ErrMalformed, false},
		"version reserved":   {func(r *AddRequest) { r.Version = "channels" }, trust.ErrMalformed, false},
		"name with path":     {func(r *AddRequest) { r.Name = "a/b" }, trust.ErrMalformed, false},
		"no name":            {func(r *AddRequest) { r.Name = "" }, trust.ErrMalformed, false},
		"name too long":      {func(r *AddRequest) { r.Name, r.Version = strings.Repeat("n", 128), strings.Repeat("v", 128) }, trust.ErrMalformed, false},
		"missing file":       {func(r *AddRequest) { r.Files[1].Path += ".missing" }, os.ErrNotExist, true},
		"directory":          {func(r *AddRequest) { r.Files[1].Path = filepath.Dir(r.Files[1].Path) }, ErrInput, true},
		"empty file":         {func(r *AddRequest) { r.Files[1].Path = empty }, ErrInput, true},
		"expires first":      {func(r *AddRequest) { r.Expires = r.Now }, trust.ErrMalformed, true},
		"expired already":    {func(r *AddRequest) { r.Released = now.AddDate(-2, 0, 0); r.Expires = now.AddDate(-1, 0, 0) }, trust.ErrExpired, true},
		"from the future":    {func(r *AddRequest) { r.Released = now.AddDate(0, 1, 0) }, trust.ErrExpired, true},
		"differs in case":    {func(r *AddRequest) { r.Version = "0.9.0-rc1" }, trust.ErrMalformed, true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			r := stepwise(t, dir)
			require.NoError(t, os.Mkdir(filepath.Join(dir, "0.9.0-RC1"), 0o755))
			before := tree(t, dir)
			req := request(t, 1)
			tc.change(&req)
			touched := false
			r.step = func(string, string) error { touched = true; return nil }
			out, err := r.Add(t.Context(), req)
			require.ErrorIs(t, err, tc.want)
			require.Nil(t, out)
			require.Equal(t, tc.late, touched, "what the request alone tells is refused before the disk is touched")
			require.Equal(t, before, tree(t, dir))
		})
	}
}

func noClock(r AddRequest) AddRequest {
	return AddRequest{Files: r.Files, Name: r.Name, Version: r.Version, Expires: r.Expires, Signer: r.Signer}
}

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/codec"
	"github.com/choria-io/go-updater/internal/layout"
	"github.com/choria-io/go-updater/internal/testing/race"
	"github.com/choria-io/go-updater/internal/tuf/publish"
)

const (
	linuxDocument   = linuxDir + layout.DocumentName
	windowsDocument = "1.2.3/windows/arm64/" + layout.DocumentName
	timestamp       = layout.MetadataDir + "/" + publish.TimestampFile
)

// digests is tree with a digest for each content, so that a difference can be read.
func digests(t *testing.T, dir string) map[string]string {
	t.Helper()
	return digestsOf(tree(t, dir))
}

func digestsOf(files map[string]string) map[string]string {
	for name, content := range files {
		files[name] = fmt.Sprintf("%.4x", sha256.Sum256([]byte(content)))
	}
	return files
}

// killed returns a repository as a kill before a step leaves it.
func killed(t *testing.T, c change, step string) *Repository {
	t.Helper()
	dir, left := t.TempDir(), filepath.Join(t.TempDir(), "repo")
	r := stepwise(t, dir)
	c.before(t, r)
	done := false
	var all []string
	r.step = func(op, name string) error {
		all = append(all, op+" "+name)
		if done || op+" "+name != step {
			return nil
		}
		done = true
		return os.CopyFS(left, os.DirFS(dir))
	}
	require.NoError(t, c.make(t.Context(), t, r))
	require.True(t, done, "%s is none of %q", step, all)

	return stepwise(t, left)
}

func adding(r func(t *testing.T) AddRequest) change {
	return change{func(*testing.T, *Repository) {}, func(ctx context.Context, t *testing.T, repo *Repository) error {
		_, err := repo.Add(ctx, r(t))
		return err
	}}
}

func plainRequest(t *testing.T) AddRequest { return request(t, 1) }

func TestE4_AddGoesOn(t *testing.T) {
	c := adding(plainRequest)
	_, _, after := steps(t, c)
	want := digestsOf(after)
	r := killed(t, c, "rename "+windowsDocument)
	left := digests(t, r.dir)
	require.Contains(t, left, linuxDocument)
	require.NotContains(t, left, windowsDocument)

	req := request(t, 1)
	req.Now = now.Add(time.Minute) // it would make other documents
	out, err := r.Add(t.Context(), req)
	require.NoError(t, err)
	require.Len(t, out, 2)
	require.True(t, out[0].Already)
	require.False(t, out[1].Already)
	got := digests(t, r.dir)
	require.Equal(t, want[linuxDocument], got[linuxDocument])
	require.ElementsMatch(t, names(want), names(got))
	require.True(t, verifyAll(t, r).OK())

	out, err = r.Add(t.Context(), req)
	require.NoError(t, err)
	require.True(t, out[0].Already && out[1].Already)
	require.Equal(t, got, digests(t, r.dir))
}

// What a killed run left goes, also if the next one makes less, or something else.
func TestE4_OrphansGo(t *testing.T) {
	c := adding(func(t *testing.T) AddRequest {
		req := request(t, 1)
		req.Encodings = []string{codec.Bzip2, codec.Gzip, codec.None}
		return req
	})
	const human = linuxDir + "choria-linux-amd64-1.2.3.tar.gz"
	for name, change := range map[string]func(req *AddRequest){
		"fewer encodings": func(*AddRequest) {},
		"another version": func(req *AddRequest) { req.Version = "1.2.4" },
	} {
		t.Run(name, func(t *testing.T) {
			r := killed(t, c, "rename "+linuxDocument)
			require.Contains(t, digests(t, r.dir), linuxDir+"choria-linux-amd64-1.2.3.gz")
			require.NoError(t, os.WriteFile(filepath.Join(r.dir, human), nil, 0o644))
			req := request(t, 1)
			change(&req)
			_, err := r.Add(t.Context(), req)
			require.NoError(t, err)
			file := func(os, arch string) string {
				return fmt.Sprintf("%s/%s/%s/choria-%s-%s-%s.bz2", req.Version, os, arch, os, arch, req.Version)
			}
			require.ElementsMatch(t, []string{
				human, req.Version + "/linux/amd64/release.json", req.Version + "/windows/arm64/release.json", file("linux", "amd64"), file("windows", "arm64"),
			}, names(digests(t, r.dir)))
		})
	}
}

// What is published and is not what is added stays, and the error says what differs.
func TestE4_AnotherReleaseExists(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(t *testing.T, dir string, req *AddRequest)
		says   string
	}{
		"another binary":  {func(t *testing.T, _ string, req *AddRequest) { req.Files[0].Path = program(t, 9) }, "its binary has the SHA-256 "},
		"another product": {func(_ *testing.T, _ string, req *AddRequest) { req.Name = "other" }, `its product is "choria"`},
		"another key":     {func(t *testing.T, _ string, req *AddRequest) { req.Signer, _ = seeded(t, 2) }, "another key signed it"},
		"no key":          {func(_ *testing.T, _ string, req *AddRequest) { req.Signer, req.InsecureUnsigned = nil, true }, "it is signed"},
		"a damaged one": {func(t *testing.T, dir string, _ *AddRequest) {
			flip(t, filepath.Join(dir, linuxDir, "choria-linux-amd64-1.2.3.bz2"))
		}, "hash"},
		"an expired one": {func(_ *testing.T, _ string, req *AddRequest) {
			req.Now, req.Expires = now.AddDate(2, 0, 0), now.AddDate(3, 0, 0)
		}, "expired"},
		"a document of old": {func(t *testing.T, dir string, _ *AddRequest) { legacy(t, dir, "linux/amd64") }, "it is not signed"},
		"an old one, without a key": {func(t *testing.T, dir string, req *AddRequest) {
			legacy(t, dir, "linux/amd64")
			req.Signer, req.InsecureUnsigned = nil, true
		}, "its document is of version 0.1.0"},
		"an unsigned one": {func(t *testing.T, dir string, _ *AddRequest) {
			rewrite(t, filepath.Join(dir, linuxDocument), func(raw []byte) []byte {
				before, _, ok := strings.Cut(string(raw), ",\n  \"signature\"")
				require.True(t, ok, string(raw))
				return []byte(before + "\n}\n")
			})
		}, "it is not signed"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, r := published(t)
			req := request(t, 1)
			tc.change(t, dir, &req)
			before := digests(t, dir)
			_, err := r.Add(t.Context(), req)
			require.ErrorIs(t, err, ErrExists)
			require.ErrorContains(t, err, "1.2.3 linux/amd64")
			require.ErrorContains(t, err, tc.says)
			require.NotContains(t, err.Error(), "\n")
			require.Equal(t, before, digests(t, dir))
		})
	}
}

// A release that is done already is not made again as the request has it now.
func TestE4_OtherWishesAreWarnedOf(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(req *AddRequest)
		warns  int
	}{
		"the same":           {func(*AddRequest) {}, 0},
		"the same a day on":  {func(req *AddRequest) { req.Now, req.Expires = req.Now.AddDate(0, 0, 1), req.Expires.AddDate(0, 0, 1) }, 0},
		"other encodings":    {func(req *AddRequest) { req.Encodings = []string{codec.Gzip} }, 1},
		"another expiry":     {func(req *AddRequest) { req.Expires = req.Expires.AddDate(0, 0, 9) }, 1},
		"besides, as it was": {func(req *AddRequest) { req.Uncompressed = true }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			dir, r := published(t)
			before := digests(t, dir)
			req := request(t, 1)
			tc.change(&req)
			out, err := r.Add(t.Context(), req)
			require.NoError(t, err)
			for _, p := range out {
				require.True(t, p.Already)
				require.Len(t, p.Warnings, tc.warns)
			}
			require.Equal(t, before, digests(t, dir))
		})
	}
}

func cosigning(t *testing.T, r *Repository, signed ...byte) ([]Published, error) {
	t.Helper()
	second, _ := seeded(t, 2)
	_, key := seeded(t, 1)

	return r.Cosign(t.Context(), CosignRequest{Signer: second, Now: now, Policy: policy(t, 1, key), TUF: tufWith(t, signed...)})
}

func cosignChange(before func(*testing.T, *Repository), seeds ...byte) change {
	return change{before, func(_ context.Context, t *testing.T, r *Repository) error {
		_, err := cosigning(t, r, seeds...)
		return err
	}}
}

func TestE5_CosignGoesOn(t *testing.T) {
	c := cosignChange(func(t *testing.T, r *Repository) { addPlain(t, r) })
	_, _, after := steps(t, c)
	want := digestsOf(after)
	r := killed(t, c, "rename "+windowsDocument)
	out, err := cosigning(t, r)
	require.NoError(t, err)
	require.True(t, out[0].Already)
	require.False(t, out[1].Already)
	require.Equal(t, want, digests(t, r.dir))

	out, err = cosigning(t, r)
	require.NoError(t, err)
	require.True(t, out[0].Already && out[1].Already)
	require.Equal(t, want, digests(t, r.dir))
}

// Nothing is signed that has the signature already: the key may be a token that asks a
// person each time.
func TestE5_SignGoesOn(t *testing.T) {
	unsigned := func(t *testing.T, r *Repository) {
		req := request(t, 1)
		req.Signer, req.InsecureUnsigned = nil, true
		_, err := r.Add(t.Context(), req)
		require.NoError(t, err)
	}
	for name, tc := range map[string]struct {
		before func(t *testing.T, r *Repository)
		change func(req *SignRequest)
	}{
		"sign":  {unsigned, func(*SignRequest) {}},
		"renew": {func(t *testing.T, r *Repository) { addPlain(t, r) }, func(req *SignRequest) { req.Renew = true }},
	} {
		t.Run(name, func(t *testing.T) {
			sign := func(t *testing.T, r *Repository) ([]Published, error) {
				signer, _ := seeded(t, 1)
				req := SignRequest{Signer: signer, Now: now, Expires: now.AddDate(2, 0, 0)}
				tc.change(&req)
				return r.Sign(t.Context(), req)
			}
			c := change{tc.before, func(_ context.Context, t *testing.T, r *Repository) error {
				_, err := sign(t, r)
				return err
			}}
			_, _, after := steps(t, c)
			want := digestsOf(after)
			r := killed(t, c, "rename "+windowsDocument)
			out, err := sign(t, r)
			require.NoError(t, err)
			require.True(t, out[0].Already)
			require.False(t, out[1].Already)
			require.Equal(t, want, digests(t, r.dir))

			_, err = cosigning(t, r)
			require.NoError(t, err)
			want = digests(t, r.dir)
			out, err = sign(t, r)
			require.NoError(t, err)
			require.True(t, out[0].Already && out[1].Already)
			require.Equal(t, want, digests(t, r.dir), "the cosignatures stay")
		})
	}
}

// repeated are all changes, as TestRepeatAtEveryStep makes them twice.
func repeated() map[string]change {
	all := changes()
	maps.Copy(all, tufChanges())
	signed := func(t *testing.T, r *Repository) { addPlain(t, r) }
	tuf := func(t *testing.T, r *Repository) {
		withTUF(t, r)
		_, err := r.Add(t.Context(), tufRequest(t, 1, true))
		require.NoError(t, err)
	}
	rotate := func(rotation publish.Rotation, seeds ...byte) func(context.Context, *testing.T, *Repository) error {
		rotation.Now = now
		return func(ctx context.Context, t *testing.T, r *Repository) error {
			_, err := r.RotateTUF(ctx, tufWith(t, seeds...), rotation)
			return err
		}
	}
	all["cosign"] = cosignChange(signed)
	all["cosign with TUF"] = cosignChange(func(t *testing.T, r *Repository) { tuf(t, r) }, releaseSeed, onlineSeed)
	all["init"] = change{signed, func(_ context.Context, t *testing.T, r *Repository) error { drafted(t, r); return nil }}
	all["renewal of the root"] = change{tuf, rotate(publish.Rotation{Roles: []string{publish.Root}})}
	all["drafted change of keys"] = change{tuf, func(ctx context.Context, t *testing.T, r *Repository) error {
		return rotate(publish.Rotation{
			Roles: []string{publish.Snapshot, publish.Timestamp}, Add: keyOfSeed(t, 77), Remove: []string{publish.KeyID(keyOfSeed(t, onlineSeed)[0])},
		})(ctx, t, r)
	}}
	all["another release key at once"] = change{tuf, func(ctx context.Context, t *testing.T, r *Repository) error {
		return rotate(publish.Rotation{
			Roles: []string{publish.Bins}, Add: keyOfSeed(t, 78), Remove: []string{publish.KeyID(keyOfSeed(t, releaseSeed)[0])},
		}, targetsSeed, 78, onlineSeed)(ctx, t, r)
	}}
	all["another release key"] = change{tuf, func(ctx context.Context, t *testing.T, r *Repository) error {
		return rotate(publish.Rotation{Roles: []string{publish.Bins}, Add: keyOfSeed(t, 78)}, targetsSeed)(ctx, t, r)
	}}

	return all
}

// A change that was killed before any step is made again, and ends as if it had not
// been killed.
func TestRepeatAtEveryStep(t *testing.T) {
	race.Skip(t, "too slow; TestFailureAtEveryStep takes the same steps")
	for name, c := range repeated() {
		t.Run(name, func(t *testing.T) {
			_, _, after := steps(t, c)
			want := digestsOf(after)
			dir := t.TempDir()
			r := stepwise(t, dir)
			c.before(t, r)
			var left, at []string
			r.step = func(op, name string) error {
				copied := filepath.Join(t.TempDir(), "repo")
				left, at = append(left, copied), append(at, op+" "+name)
				return os.CopyFS(copied, os.DirFS(dir))
			}
			require.NoError(t, c.make(t.Context(), t, r))
			for n, dir := range left {
				again := stepwise(t, dir)
				require.NoError(t, c.make(t.Context(), t, again), at[n])
				got := digests(t, dir)
				if name == "first refresh" {
					requireFirstTimestamp(t, dir)
					delete(want, timestamp)
					delete(got, timestamp)
				}
				require.Equal(t, want, got, at[n])
				require.NoError(t, again.Close())
			}
		})
	}
}

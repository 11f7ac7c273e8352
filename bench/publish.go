// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"

	"github.com/choria-io/go-updater/keys"
	"github.com/choria-io/go-updater/signing"
	"github.com/choria-io/go-updater/trust"
)

const (
	oldVersion = "1.0.0"
	newVersion = "1.0.1"

	// patched is the variant of a repository in which the client may take a
	// patch: the release as it was published.
	patched = "patch"
)

// encodings are asked of update-repo, in the order of the tables.
var encodings = []string{"none", "bzip2", "gzip", "zstd"}

// subject is an update that is published in all the ways that are measured.
type subject struct {
	name string
	old  string // file with the binary to update
	hash string // of the new binary
	size int64  // of the new binary
	at   string // directory of the server, as a path of URLs
}

// publish makes a repository of two releases with the commands of go-updater, as
// a publisher would, and beside it for each encoding one that has nothing else:
// the same files, named by a document that is signed anew. It keeps all that for
// the next time, unless the commands or the binaries are others then.
func (b *bench) publish(ctx context.Context, name, old, new string) (*subject, error) {
	key, err := b.key(ctx)
	if err != nil {
		return nil, err
	}
	command, err := b.program(ctx, b.root, "cmd/update-repo")
	if err != nil {
		return nil, err
	}
	s := &subject{name: name, old: old}
	id := ""
	for _, file := range []string{command, key + ".pub", old, new} {
		hash, size, err := hashFile(file)
		if err != nil {
			return nil, err
		}
		id, s.hash, s.size = id+hash, hash, size
	}
	slug := strings.ReplaceAll(name, " ", "-")
	s.at = slug + "-" + shortHash(id)
	place := filepath.Join(b.site(), s.at)
	if _, err := os.Stat(place); errors.Is(err, os.ErrNotExist) {
		b.say("publishing %s", name)
		if err := b.makeSubject(ctx, key, slug, place, old, new); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// site is what the server serves.
func (b *bench) site() string { return filepath.Join(b.corpus, "published") }

// key makes the publisher's key once. It protects nothing, so it has no
// passphrase.
func (b *bench) key(ctx context.Context) (string, error) {
	key := filepath.Join(b.corpus, "bench")
	if _, err := os.Stat(key + ".pub"); err == nil {
		return key, nil
	}
	keygen, err := b.program(ctx, b.root, "cmd/keygen")
	if err != nil {
		return "", err
	}
	_, err = b.command(ctx, b.work, nil, keygen, "release", "--no-passphrase", "--output", key)
	return key, err
}

func (b *bench) makeSubject(ctx context.Context, key, slug, place, old, new string) error {
	stale, err := filepath.Glob(filepath.Join(b.site(), slug+"-????????????"))
	if err != nil {
		return err
	}
	for _, dir := range stale {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(b.site(), 0o755); err != nil {
		return err
	}
	// Beside its place, where the disk is the same; gone if this is interrupted.
	dir, err := os.MkdirTemp(b.site(), "unfinished-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	repo := filepath.Join(dir, "repo")
	if err := b.addReleases(ctx, key, slug, repo, old, new); err != nil {
		return err
	}
	if err := variants(ctx, key, repo, dir); err != nil {
		return err
	}
	if err := copyFile(new, filepath.Join(dir, "raw")); err != nil {
		return err
	}
	if err := gzipFile(ctx, new, filepath.Join(dir, "raw.gz")); err != nil {
		return err
	}
	return os.Rename(dir, place)
}

// addReleases publishes with as much of what is measured as this update-repo
// knows.
func (b *bench) addReleases(ctx context.Context, key, slug, repo, old, new string) error {
	command, err := b.program(ctx, b.root, "cmd/update-repo")
	if err != nil {
		return err
	}
	help, err := b.command(ctx, b.work, nil, command, "add", "--help")
	if err != nil {
		return err
	}
	add := []string{"add", "--name", slug, "--os", runtime.GOOS, "--arch", runtime.GOARCH, "--repo", repo, "--key", key + ".key", "--expires", "3650d"}
	all := []string{"--uncompressed"}
	if strings.Contains(help, "--encodings") {
		all = []string{"--encodings", strings.Join(encodings, ",")}
	}
	if strings.Contains(help, "--patch-from") {
		all = append(all, "--patch-from", oldVersion)
	}
	if _, err := b.command(ctx, b.work, nil, command, append(add, "--version", oldVersion, old)...); err != nil {
		return err
	}
	_, err = b.command(ctx, b.work, nil, command, append(append(add, all...), "--version", newVersion, new)...)
	return err
}

// variants writes, for each encoding that was published, a repository in dir
// from which a client can take that one only.
func variants(ctx context.Context, key, repo, dir string) error {
	signer, public, err := keys.Resolve(ctx, key+".key", keys.Options{})
	if err != nil {
		return err
	}
	policy, err := trust.NewPolicy(1, public)
	if err != nil {
		return err
	}
	at := filepath.Join(newVersion, runtime.GOOS, runtime.GOARCH)
	document, err := os.ReadFile(filepath.Join(repo, at, "release.json"))
	if err != nil {
		return err
	}
	v, err := trust.Verify(document, policy, trust.Want{Version: newVersion, OS: runtime.GOOS, Arch: runtime.GOARCH, Now: time.Now()})
	if err != nil {
		return err
	}
	patches := false
	for _, a := range v.Release.Artifacts {
		if a.From != "" {
			patches = true
			continue
		}
		release := v.Release
		release.Binary, release.Artifacts = a.Path, []trust.Artifact{a}
		if err := variant(ctx, filepath.Join(repo, at), filepath.Join(dir, a.Encoding, at), &release, signer); err != nil {
			return err
		}
	}
	if !patches {
		return nil
	}
	return os.Rename(repo, filepath.Join(dir, patched))
}

func variant(ctx context.Context, from, to string, release *trust.Release, signer signature.Signer) error {
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	document, err := signing.FormatRelease(release)
	if err != nil {
		return err
	}
	if document, err = signing.Sign(ctx, document, signer); err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(to, "release.json"), document, 0o644),
		os.Link(filepath.Join(from, release.Binary), filepath.Join(to, release.Binary)),
	)
}

// gzipFile packs as gzip -9 does, for those who take gzip from elsewhere.
func gzipFile(ctx context.Context, from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	z, err := gzip.NewWriterLevel(out, gzip.BestCompression)
	if err != nil {
		return errors.Join(err, out.Close())
	}
	_, err = io.Copy(z, cancellable{ctx, in})
	return errors.Join(err, z.Close(), out.Close())
}

// cancellable ends a copy that takes long with its context.
type cancellable struct {
	ctx context.Context
	r   io.Reader
}

func (c cancellable) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// entrants are the ways to do the update of s, in the order in which they run.
// Ours from what this update-repo does not publish are left out.
func (b *bench) entrants(ctx context.Context, s *subject, names ...string) ([]entrant, error) {
	key, err := b.key(ctx)
	if err != nil {
		return nil, err
	}
	var list []entrant
	for _, name := range names {
		e := entrant{name: name, pkg: "cmd/ours", path: path.Join(s.at, strings.TrimPrefix(name, ours))}
		switch name {
		case wayOfV010:
			e.pkg, e.path = "cmd/v010", path.Join(s.at, "bzip2")
		case noCodec:
			e.pkg, e.path = "cmd/nocodec", path.Join(s.at, "raw")
		case selfupdate:
			e.pkg, e.path = "cmd/minio", path.Join(s.at, "raw.gz")
		default:
			if _, err := os.Stat(filepath.Join(b.site(), filepath.FromSlash(e.path))); err != nil {
				b.say("%s: not published by this update-repo, left out", name)
				continue
			}
		}
		if e.program, err = b.program(ctx, ".", e.pkg); err != nil {
			return nil, err
		}
		e.args = []string{"-sha256", s.hash, "-current", oldVersion, "-version", newVersion, "-key", key + ".pub"}
		list = append(list, e)
	}
	return list, nil
}

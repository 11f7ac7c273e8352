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
	"slices"
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

	// patched is the variant of a repository that has all artifacts, patches included.
	patched = "patch"
)

// encodings are published, in the order of the tables.
var encodings = []string{"none", "bzip2", "gzip", "zstd"}

// subject is an update, published for every candidate.
type subject struct {
	name string
	old  string // file with the binary to update
	hash string // of the new binary
	size int64  // of the new binary
	path string // directory below the server's root
}

// publish makes a repository of two releases with the commands of go-updater. For each
// encoding it makes another one with only that encoding: the same files and a document
// that is signed again. They are kept and used again until a command or binary changes.
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
	s.path = slug + "-" + shortHash(id)
	dir := filepath.Join(b.site(), s.path)
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		b.logf("publishing %s", name)
		if err := b.makeSubject(ctx, key, slug, dir, old, new); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// site is the directory that the server serves.
func (b *bench) site() string { return filepath.Join(b.corpus, "published") }

// key makes the publisher's key on the first call. It protects nothing, so it has no
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

func (b *bench) makeSubject(ctx context.Context, key, slug, to, old, new string) error {
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
	// Beside its final place, so that it can be renamed; removed on an error.
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
	return os.Rename(dir, to)
}

func (b *bench) addReleases(ctx context.Context, key, slug, repo, old, new string) error {
	command, err := b.program(ctx, b.root, "cmd/update-repo")
	if err != nil {
		return err
	}
	add := []string{"add", "--name", slug, "--os", runtime.GOOS, "--arch", runtime.GOARCH, "--repo", repo, "--key", key + ".key", "--expires", "3650d"}
	for _, args := range [][]string{
		{"--version", oldVersion, old},
		{"--version", newVersion, "--encodings", strings.Join(encodings, ","), "--patch-from", oldVersion, new},
	} {
		if _, err := b.command(ctx, b.work, nil, command, append(slices.Clone(add), args...)...); err != nil {
			return err
		}
	}
	return nil
}

// variants makes a repository in dir for each encoding of the release in repo, and moves
// repo to the variant patched.
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
	for _, a := range v.Release.Artifacts {
		if a.From != "" {
			continue
		}
		release := v.Release
		release.Binary, release.Artifacts = a.Path, []trust.Artifact{a}
		if err := variant(ctx, filepath.Join(repo, at), filepath.Join(dir, a.Encoding, at), &release, signer); err != nil {
			return err
		}
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

// gzipFile compresses like gzip -9, for the candidates that read a plain gzip file.
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

// cancellable is a reader that ends with its context.
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

// candidates returns the programs with these names, to update s, in the order in which
// they run.
func (b *bench) candidates(ctx context.Context, s *subject, names ...string) ([]candidate, error) {
	key, err := b.key(ctx)
	if err != nil {
		return nil, err
	}
	var list []candidate
	for _, name := range names {
		c := candidate{name: name, args: []string{"-sha256", s.hash, "-current", oldVersion, "-version", newVersion, "-key", key + ".pub"}}
		pkg, variant := "cmd/goupdater", strings.TrimPrefix(name, ours)
		switch name {
		case v010:
			pkg, variant = "cmd/v010", "bzip2"
		case noUpdater:
			pkg, variant = "cmd/noupdater", "raw"
		case selfupdate:
			pkg, variant = "cmd/minio", "raw.gz"
		}
		c.path = path.Join(s.path, variant)
		if c.program, err = b.program(ctx, ".", pkg); err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, nil
}

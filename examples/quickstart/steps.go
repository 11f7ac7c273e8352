// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"

	"github.com/choria-io/go-updater/keys"
	"github.com/choria-io/go-updater/repository"
)

// makeKey does what "keygen release" does.
func (d *demo) makeKey(ctx context.Context) error {
	key, err := keys.Generate(rand.Reader)
	if err != nil {
		return err
	}
	passphrase := []byte(rand.Text())
	private, err := keys.FormatEncrypted(key, keys.Sigstore, passphrase)
	if err != nil {
		return err
	}
	path := filepath.Join(d.keys, "release.key")
	if err := keys.CreateFiles(
		keys.File{Path: path, Data: private, Mode: 0o600},
		keys.File{Path: filepath.Join(d.keys, "release.pub"), Data: key.Public().PEM(), Mode: 0o644},
	); err != nil {
		return err
	}
	// Read back, as a publisher would on another day.
	d.signer, d.key, err = keys.Resolve(ctx, path, keys.Options{
		Passphrase: func(context.Context, string) ([]byte, error) { return passphrase, nil },
	})
	if err != nil {
		return err
	}
	if d.key != key.Public().Key {
		return fmt.Errorf("%s holds another key than was written", path)
	}
	d.saw("release.key, encrypted, stays with the publisher")
	d.saw("release.pub goes into the program; fingerprint %s", d.key.ID())
	return nil
}

func (d *demo) buildVersions(ctx context.Context) error {
	if _, err := exec.LookPath("go"); err != nil {
		return fmt.Errorf("the go command builds the two versions, but: %w", err)
	}
	for _, version := range []string{oldVersion, newVersion} {
		flags := fmt.Sprintf("-s -w -X main.version=%s -X main.repo=%s -X main.releaseKey=%s", version, d.site.url, d.key)
		out, err := d.command(ctx, "go", "build", "-buildvcs=false", "-ldflags", flags, "-o", d.built(version),
			"github.com/choria-io/go-updater/examples/selfupdate")
		if err != nil {
			d.quote(out)
			return fmt.Errorf("building version %s, which needs a checkout as working directory: %w", version, err)
		}
		if err := d.says(ctx, d.built(version), version); err != nil {
			return err
		}
	}
	d.saw("two real programs, which differ in their version only")
	return nil
}

func (d *demo) built(version string) string {
	return filepath.Join(d.build, executable(product+"-"+version))
}

// greeting is what examples/selfupdate says when it starts.
func greeting(version string) string {
	return fmt.Sprintf("selfupdate %s for %s/%s\n", version, runtime.GOOS, runtime.GOARCH)
}

// says is an error unless program says that it is version.
func (d *demo) says(ctx context.Context, program, version string) error {
	said, err := d.command(ctx, program)
	if err != nil {
		return fmt.Errorf("starting version %s, which said %q: %w", version, said, err)
	}
	d.quote(said)
	if said != greeting(version) {
		return fmt.Errorf("version %s should have said %q", version, greeting(version))
	}
	return nil
}

// publishVersions does what "update-repo" does. The release for another
// platform is there for an attack to misuse.
func (d *demo) publishVersions(ctx context.Context) error {
	for _, version := range []string{oldVersion, newVersion} {
		files := []repository.File{{OS: runtime.GOOS, Arch: runtime.GOARCH, Path: d.built(version)}}
		if version == newVersion {
			other := filepath.Join(d.build, "other")
			if err := os.WriteFile(other, []byte("a program for "+otherArch()+"\n"), 0o755); err != nil {
				return err
			}
			files = append(files, repository.File{OS: runtime.GOOS, Arch: otherArch(), Path: other})
		}
		published, err := publish(ctx, d.repo, d.signer, version, files...)
		if err != nil {
			return err
		}
		for _, p := range published {
			d.does("%s", p.Document)
			for _, a := range p.Artifacts {
				d.does("%s/%s, %d KB", filepath.ToSlash(filepath.Dir(p.Document)), a.Path, (a.Size+1023)/1024)
			}
		}
	}
	d.saw("a directory of plain files, now served at %s", d.site.url)
	return nil
}

func publish(ctx context.Context, dir string, by signature.Signer, version string, files ...repository.File) (_ []repository.Published, err error) {
	repo, err := repository.Create(dir)
	if err != nil {
		return nil, err
	}
	defer func() {
		if closeErr := repo.Close(); err == nil {
			err = closeErr
		}
	}()
	now := time.Now()
	return repo.Add(ctx, repository.AddRequest{
		Files: files, Name: product, Version: version,
		Now: now, Expires: now.AddDate(1, 0, 0), Signer: by,
	})
}

// otherArch is an architecture that is not this machine's.
func otherArch() string {
	if runtime.GOARCH == "arm64" {
		return "amd64"
	}
	return "arm64"
}

func (d *demo) updateItself(ctx context.Context) error {
	program, err := os.ReadFile(d.built(oldVersion))
	if err != nil {
		return err
	}
	if err := os.WriteFile(d.target, program, 0o755); err != nil {
		return err
	}
	if err := d.update(ctx); err != nil {
		return err
	}
	if err := d.sameFile(d.target+".backup", oldVersion); err != nil {
		return err
	}
	d.saw("version %s is kept as %s.backup", oldVersion, filepath.Base(d.target))
	return nil
}

// update lets the installed program update itself and become the new version.
func (d *demo) update(ctx context.Context) error {
	d.does("$ selfupdate update %s", newVersion)
	said, err := d.command(ctx, d.target, "update", newVersion)
	d.quote(said)
	if err != nil {
		return fmt.Errorf("selfupdate update: %w", err)
	}
	all := lines(said)
	if first, last := all[0]+"\n", all[len(all)-1]+"\n"; first != greeting(oldVersion) || last != greeting(newVersion) {
		return fmt.Errorf("the program began as %q and ended as %q", first, last)
	}
	if err := d.sameFile(d.target, newVersion); err != nil {
		return err
	}
	d.saw("one command began as %s and ended as %s: fetched, verified, replaced, restarted", oldVersion, newVersion)
	return nil
}

func (d *demo) rollBack(ctx context.Context) error {
	d.does("$ selfupdate rollback")
	if out, err := d.command(ctx, d.target, "rollback"); err != nil {
		d.quote(out)
		return fmt.Errorf("selfupdate rollback: %w", err)
	}
	d.does("$ selfupdate")
	if err := d.says(ctx, d.target, oldVersion); err != nil {
		return err
	}
	if err := d.sameFile(d.target, oldVersion); err != nil {
		return err
	}
	d.saw("version %s is back, to the byte", oldVersion)
	return nil
}

// sameFile is an error unless path holds the version as it was built.
func (d *demo) sameFile(path, version string) error {
	want, err := os.ReadFile(d.built(version))
	if err != nil {
		return err
	}
	got, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if sha256.Sum256(got) != sha256.Sum256(want) {
		return fmt.Errorf("%s is not version %s", filepath.Base(path), version)
	}
	return nil
}

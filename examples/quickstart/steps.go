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
	"strings"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"

	"github.com/choria-io/go-updater/keys"
	"github.com/choria-io/go-updater/repository"
)

// makeKey makes a key as "keygen release" does.
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
	d.result("release.key is encrypted and stays with the publisher")
	d.result("release.pub goes into the program; fingerprint %s", d.key.ID())
	return nil
}

func (d *demo) buildVersions(ctx context.Context) error {
	if _, err := exec.LookPath("go"); err != nil {
		return fmt.Errorf("the go command is needed to build the two versions: %w", err)
	}
	for _, version := range []string{oldVersion, newVersion} {
		flags := fmt.Sprintf("-s -w -X main.version=%s -X main.repo=%s -X main.releaseKey=%s", version, d.site.url, d.key)
		out, err := d.command(ctx, "go", "build", "-buildvcs=false", "-ldflags", flags, "-o", d.built(version),
			"github.com/choria-io/go-updater/examples/selfupdate")
		if err != nil {
			d.quote(out)
			return fmt.Errorf("building version %s (run it in a checkout): %w", version, err)
		}
		if err := d.checkVersion(ctx, d.built(version), version); err != nil {
			return err
		}
	}
	d.result("two real programs that differ only in their version")
	return nil
}

func (d *demo) built(version string) string {
	return filepath.Join(d.build, executable(product+"-"+version))
}

// greeting is what examples/selfupdate prints when it starts.
func greeting(version string) string {
	return fmt.Sprintf("selfupdate %s for %s/%s\n", version, runtime.GOOS, runtime.GOARCH)
}

// checkVersion returns an error unless program prints that it is version.
func (d *demo) checkVersion(ctx context.Context, program, version string) error {
	output, err := d.command(ctx, program)
	if err != nil {
		return fmt.Errorf("starting version %s, which printed %q: %w", version, output, err)
	}
	d.quote(output)
	if output != greeting(version) {
		return fmt.Errorf("version %s should have printed %q", version, greeting(version))
	}
	return nil
}

// publishVersions publishes as "update-repo" does. The release for another platform is
// for one of the attacks.
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
			d.detail("%s", p.Document)
			for _, a := range p.Artifacts {
				d.detail("%s/%s, %d KB", filepath.ToSlash(filepath.Dir(p.Document)), a.Path, (a.Size+1023)/1024)
			}
		}
	}
	d.result("a directory of plain files, now served at %s", d.site.url)
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

// otherArch is an architecture other than this machine's.
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
	if err := d.checkContent(d.target+".backup", oldVersion); err != nil {
		return err
	}
	d.result("version %s is kept as %s.backup", oldVersion, filepath.Base(d.target))
	return nil
}

// update lets the installed program update itself to the new version.
func (d *demo) update(ctx context.Context) error {
	d.detail("$ selfupdate update %s", newVersion)
	output, err := d.command(ctx, d.target, "update", newVersion)
	d.quote(output)
	if err != nil {
		return fmt.Errorf("selfupdate update: %w", err)
	}
	if !strings.HasPrefix(output, greeting(oldVersion)) || !strings.Contains(output, greeting(newVersion)) {
		return fmt.Errorf("the program did not start as %s and end as %s", oldVersion, newVersion)
	}
	if err := d.checkContent(d.target, newVersion); err != nil {
		return err
	}
	d.result("one command started as %s and ended as %s: downloaded, verified, replaced, restarted", oldVersion, newVersion)
	return nil
}

func (d *demo) rollBack(ctx context.Context) error {
	d.detail("$ selfupdate rollback")
	if out, err := d.command(ctx, d.target, "rollback"); err != nil {
		d.quote(out)
		return fmt.Errorf("selfupdate rollback: %w", err)
	}
	d.detail("$ selfupdate")
	if err := d.checkVersion(ctx, d.target, oldVersion); err != nil {
		return err
	}
	if err := d.checkContent(d.target, oldVersion); err != nil {
		return err
	}
	d.result("version %s is restored, byte for byte", oldVersion)
	return nil
}

// checkContent returns an error unless path is the built file of version.
func (d *demo) checkContent(path, version string) error {
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

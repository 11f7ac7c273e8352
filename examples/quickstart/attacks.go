// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strings"

	updater "github.com/choria-io/go-updater"
	"github.com/choria-io/go-updater/keys"
	"github.com/choria-io/go-updater/repository"
	"github.com/choria-io/go-updater/trust"
)

// attack is a server that an attacker controls, and the error it has to cause.
type attack struct {
	title   string
	prepare func(context.Context, *demo) (http.Handler, error)
	want    error
	name    string // of want
}

func attacks() []attack {
	return []attack{
		{"One bit of the new binary is flipped", tamperedBinary, updater.ErrHash, "updater.ErrHash"},
		{"The binary is replaced, and size and hashes in the document are changed to match", tamperedDocument, trust.ErrSignature, "trust.ErrSignature"},
		{"The same, signed with another key", otherKey, trust.ErrSignature, "trust.ErrSignature"},
		{"The validly signed release " + oldVersion + " is served as " + newVersion, olderRelease, trust.ErrMismatch, "trust.ErrMismatch"},
		{"The validly signed release for another platform is served for this one", otherPlatform, trust.ErrMismatch, "trust.ErrMismatch"},
		{"The document never ends", endlessBody, updater.ErrTooLarge, "updater.ErrTooLarge"},
	}
}

func (d *demo) attack(ctx context.Context, attacks []attack) error {
	defer d.site.use(d.site.honest)
	for _, a := range attacks {
		d.detail("%s", a.title)
		handler, err := a.prepare(ctx, d)
		if err != nil {
			return fmt.Errorf("preparing the attack: %w", err)
		}
		d.site.use(handler)
		if err := d.checkRefused(ctx, a); err != nil {
			return fmt.Errorf("%q: %w", a.title, err)
		}
		d.result("refused with %s, and nothing was changed", a.name)
	}
	return nil
}

// checkRefused returns an error unless the installed program refuses the update with
// the expected error and leaves its directory unchanged.
func (d *demo) checkRefused(ctx context.Context, a attack) error {
	before, err := snapshot(filepath.Dir(d.target))
	if err != nil {
		return err
	}
	output, err := d.command(ctx, d.target, "update", newVersion)
	all := lines(output)
	d.quote(all[len(all)-1]) // the lines before it are the same each time
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != 1 {
		return fmt.Errorf("the program should have exited with 1, the result was: %v", err)
	}

	// Once more in this process, where errors.Is works.
	err = d.apply(ctx)
	if !errors.Is(err, a.want) {
		return fmt.Errorf("the error should have been %s, it was: %v", a.name, err)
	}
	if broken := updater.RollbackError(err); broken != nil {
		return broken
	}
	after, err := snapshot(filepath.Dir(d.target))
	if err != nil {
		return err
	}
	if !maps.Equal(before, after) {
		return fmt.Errorf("the directory of the program changed from %v to %v", before, after)
	}
	return nil
}

// apply updates as the installed program does.
func (d *demo) apply(ctx context.Context) error {
	u, err := updater.New(
		updater.TargetFile(d.target), updater.SourceRepo(d.site.url), updater.Product(product),
		updater.CurrentVersion(oldVersion), updater.Version(newVersion), updater.RetryFailed(newVersion),
		updater.PublicKey([]byte(d.key.String())), updater.Logger(log.New(&strings.Builder{}, "", 0)),
	)
	if err != nil {
		return err
	}
	_, err = u.Apply(ctx)
	return err
}

// snapshot returns mode, time and hash of all files in dir. A failed update must not
// change them.
func snapshot(dir string) (map[string]string, error) {
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil || name == dir {
			return err
		}
		files[name] = info.Mode().String()
		if info.Mode().IsRegular() {
			content, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			files[name] += fmt.Sprintf(" %s %x", info.ModTime(), sha256.Sum256(content))
		}
		return nil
	})
	return files, err
}

// releaseDir is the directory of a version in the repository.
func releaseDir(version, arch string) string { return path.Join(version, runtime.GOOS, arch) }

// replaceFile serves content at one path and everything else from next.
func replaceFile(at string, content []byte, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/"+at {
			_, _ = w.Write(content)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// serveAs serves the directory real under the name as.
func serveAs(real, as string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rest, ok := strings.CutPrefix(r.URL.Path, "/"+as+"/"); ok {
			r.URL.Path = "/" + real + "/" + rest
		}
		next.ServeHTTP(w, r)
	})
}

func tamperedBinary(_ context.Context, d *demo) (http.Handler, error) {
	dir := releaseDir(newVersion, runtime.GOARCH)
	document, err := os.ReadFile(filepath.Join(d.repo, filepath.FromSlash(dir), "release.json"))
	if err != nil {
		return nil, err
	}
	var release trust.Release
	if err := json.Unmarshal(document, &release); err != nil {
		return nil, err
	}
	handler := d.site.honest
	for _, artifact := range release.Artifacts {
		at := path.Join(dir, artifact.Path)
		content, err := os.ReadFile(filepath.Join(d.repo, filepath.FromSlash(at)))
		if err != nil {
			return nil, err
		}
		content[len(content)/2] ^= 1
		handler = replaceFile(at, content, handler)
	}
	return handler, nil
}

// forged makes the attacker's repository, signed with another key.
func (d *demo) forged(ctx context.Context) (dir string, err error) {
	dir, err = os.MkdirTemp(d.build, "forged-")
	if err != nil {
		return "", err
	}
	program := filepath.Join(dir, "program")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho I am not from the publisher\n"), 0o755); err != nil {
		return "", err
	}
	key, err := keys.Generate(rand.Reader)
	if err != nil {
		return "", err
	}
	signer, err := key.Signer()
	if err != nil {
		return "", err
	}
	repo := filepath.Join(dir, "repo")
	_, err = publish(ctx, repo, signer, newVersion, repository.File{OS: runtime.GOOS, Arch: runtime.GOARCH, Path: program})
	return repo, err
}

func tamperedDocument(ctx context.Context, d *demo) (http.Handler, error) {
	forged, err := d.forged(ctx)
	if err != nil {
		return nil, err
	}
	at := path.Join(releaseDir(newVersion, runtime.GOARCH), "release.json")
	var documents [2]map[string]json.RawMessage
	for i, root := range []string{d.repo, forged} {
		document, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(at)))
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(document, &documents[i]); err != nil {
			return nil, err
		}
	}
	honest, forgery := documents[0], documents[1]
	for _, field := range []string{"binary", "hash", "size", "artifacts"} {
		honest[field] = forgery[field]
	}
	tampered, err := json.Marshal(honest)
	if err != nil {
		return nil, err
	}
	return replaceFile(at, tampered, http.FileServer(http.Dir(forged))), nil
}

func otherKey(ctx context.Context, d *demo) (http.Handler, error) {
	forged, err := d.forged(ctx)
	if err != nil {
		return nil, err
	}
	return http.FileServer(http.Dir(forged)), nil
}

func olderRelease(_ context.Context, d *demo) (http.Handler, error) {
	return serveAs(releaseDir(oldVersion, runtime.GOARCH), releaseDir(newVersion, runtime.GOARCH), d.site.honest), nil
}

func otherPlatform(_ context.Context, d *demo) (http.Handler, error) {
	return serveAs(releaseDir(newVersion, otherArch()), releaseDir(newVersion, runtime.GOARCH), d.site.honest), nil
}

func endlessBody(context.Context, *demo) (http.Handler, error) {
	spaces := []byte(strings.Repeat(" ", 1<<16))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for {
			if _, err := w.Write(spaces); err != nil {
				return // the client closed the connection
			}
		}
	}), nil
}

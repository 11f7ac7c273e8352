// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	updater "github.com/choria-io/go-updater"
	"github.com/choria-io/go-updater/internal/codec/bz2"
	"github.com/choria-io/go-updater/trust"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func testKey(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

func public(k ed25519.PrivateKey) []byte { return k.Public().(ed25519.PublicKey) }

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

func pack(t testing.TB, content []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := bz2.NewWriter(&out)
	require.NoError(t, err)
	_, err = w.Write(content)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.Bytes()
}

// release is a release before it is published. Tests change one thing of it: a field
// of doc is signed, everything else is what an attacker may do.
type release struct {
	doc      trust.Release
	artifact []byte
	signers  []ed25519.PrivateKey                // the first makes "signature", others cosign
	fields   func(map[string]any)                // changes fields before they are signed
	document func(t *testing.T, d []byte) []byte // changes the document after it was signed
}

func newRelease(t testing.TB, version string, binary []byte) *release {
	packed := pack(t, binary)
	name := "app-linux-amd64-" + version + ".bz2"
	return &release{
		doc: trust.Release{
			Format: 1, Name: "app", Version: version, OS: "linux", Arch: "amd64",
			Binary: name, Hash: sum(binary), Size: int64(len(binary)),
			Released: now.Add(-time.Hour), Expires: now.Add(24 * time.Hour),
			Artifacts: []trust.Artifact{{Path: name, Encoding: "bzip2", Size: int64(len(packed)), Hash: sum(packed)}},
		},
		artifact: packed,
		signers:  []ed25519.PrivateKey{testKey(1)},
	}
}

// bytes signs and returns the document.
func (r *release) bytes(t *testing.T) []byte {
	t.Helper()
	raw, err := json.Marshal(r.doc)
	require.NoError(t, err)
	fields := map[string]any{}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	require.NoError(t, dec.Decode(&fields))
	if r.fields != nil {
		r.fields(fields)
	}
	raw, err = json.Marshal(fields)
	require.NoError(t, err)
	signed, err := trust.SignedBytes(trust.ReleaseType, raw)
	require.NoError(t, err)
	var co []map[string]string
	for i, k := range r.signers {
		signature := base64.StdEncoding.EncodeToString(ed25519.Sign(k, signed))
		if i == 0 {
			fields["signature"] = signature
			continue
		}
		id, err := trust.NewKey(public(k))
		require.NoError(t, err)
		co = append(co, map[string]string{"key": id.ID(), "signature": signature})
	}
	if co != nil {
		fields["cosignatures"] = co
	}
	raw, err = json.Marshal(fields)
	require.NoError(t, err)
	if r.document != nil {
		raw = r.document(t, raw)
	}
	return raw
}

// world is a target in a directory, a repository and a server for it.
type world struct {
	t        *testing.T
	target   string
	repo     string
	server   *httptest.Server
	requests atomic.Int64
	handler  func(w http.ResponseWriter, r *http.Request, next http.Handler)
	log      bytes.Buffer
}

const oldContent = "#!/bin/sh\necho version 1\n"

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, target: filepath.Join(t.TempDir(), "app"), repo: t.TempDir()}
	require.NoError(t, os.WriteFile(w.target, []byte(oldContent), 0o755))
	require.NoError(t, os.Chmod(w.target, 0o751))
	files := http.FileServer(http.Dir(w.repo))
	w.server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.requests.Add(1)
		if w.handler != nil {
			w.handler(rw, r, files)
			return
		}
		files.ServeHTTP(rw, r)
	}))
	t.Cleanup(w.server.Close)
	return w
}

// publish writes a release to the place of version.
func (w *world) publish(version string, r *release) {
	w.t.Helper()
	dir := filepath.Join(w.repo, version, "linux", "amd64")
	require.NoError(w.t, os.MkdirAll(dir, 0o755))
	require.NoError(w.t, os.WriteFile(filepath.Join(dir, "release.json"), r.bytes(w.t), 0o644))
	if r.artifact != nil {
		require.NoError(w.t, os.WriteFile(filepath.Join(dir, r.doc.Artifacts[0].Path), r.artifact, 0o644))
	}
}

// options are those of a valid client that runs 1.2.2 and wants 1.2.3, followed by
// more.
func (w *world) options(more ...updater.Option) []updater.Option {
	return append([]updater.Option{
		updater.TargetFile(w.target), updater.SourceRepo(w.server.URL), updater.Version("1.2.3"),
		updater.CurrentVersion("1.2.2"), updater.OS("linux"), updater.Arch("amd64"), updater.Product("app"),
		updater.PublicKey(public(testKey(1))), updater.Clock(func() time.Time { return now }),
		updater.Logger(log.New(&w.log, "", 0)),
	}, more...)
}

// noKey removes the key of options.
func noKey(c *updater.Config) error {
	c.PublicKey = nil
	return nil
}

// snapshot is everything that a failed update must not change.
func (w *world) snapshot() string {
	w.t.Helper()
	var out bytes.Buffer
	root := filepath.Dir(w.target)
	require.NoError(w.t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		require.NoError(w.t, err)
		if path == root {
			return nil
		}
		info, err := d.Info()
		require.NoError(w.t, err)
		fmt.Fprintf(&out, "%s %v %s", path, info.Mode(), inode(info))
		if info.Mode().IsRegular() {
			content, err := os.ReadFile(path)
			require.NoError(w.t, err)
			fmt.Fprintf(&out, " %s", sum(content))
		}
		out.WriteByte('\n')
		return nil
	}))
	return out.String()
}

// refuses asserts that Apply fails with want and leaves everything as it was.
func (w *world) refuses(want error, more ...updater.Option) error {
	w.t.Helper()
	before := w.snapshot()
	err := updater.Apply(w.options(more...)...)
	require.ErrorIs(w.t, err, want)
	require.NoError(w.t, updater.RollbackError(err))
	require.Equal(w.t, before, w.snapshot(), "a refused update must change nothing")
	return err
}

func (w *world) holds(content string) {
	w.t.Helper()
	got, err := os.ReadFile(w.target)
	require.NoError(w.t, err)
	require.Equal(w.t, content, string(got))
}

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package tuf_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	updater "github.com/choria-io/go-updater"
	"github.com/choria-io/go-updater/internal/codec/bz2"
	"github.com/choria-io/go-updater/internal/testing/tufsim"
	"github.com/choria-io/go-updater/trust"
	"github.com/choria-io/go-updater/trust/tuf"
)

var began = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

const oldContent = "version 1"

// world is a target, and a TUF repository over HTTP with releases of it.
type world struct {
	*tufsim.Repo
	t      *testing.T
	root   []byte // as the program brings it
	target string
	server *httptest.Server
	other  map[string][]byte // files that are no targets, by path
	now    time.Time
	log    bytes.Buffer
	answer func(w http.ResponseWriter, r *http.Request) bool // before anything else
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{Repo: tufsim.New(began), t: t, target: filepath.Join(t.TempDir(), "app"), other: map[string][]byte{}, now: began.Add(time.Hour)}
	require.NoError(t, os.WriteFile(w.target, []byte(oldContent), 0o755))
	w.root = w.Latest(tufsim.Root)
	w.Bins(tufsim.Targets, 1, "bin", w.NewKey())
	w.server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch data, ok := w.other[r.URL.Path]; {
		case w.answer != nil && w.answer(rw, r):
		case ok:
			_, _ = rw.Write(data)
		case strings.HasPrefix(r.URL.Path, "/metadata/"):
			w.ServeHTTP(rw, r)
		default:
			r.URL.Path = "/targets" + r.URL.Path
			w.ServeHTTP(rw, r)
		}
	}))
	t.Cleanup(w.server.Close)
	return w
}

func path(version string) string { return version + "/linux/amd64/release.json" }

// bin returns which of the two bins lists the release document of a version.
func bin(version string) string {
	if sum := sha256.Sum256([]byte(path(version))); sum[0] >= 0x80 {
		return "bin-1"
	}
	return "bin-0"
}

// release publishes a release, signed by key if that is not nil.
func (w *world) release(version, content string, key ed25519.PrivateKey) {
	w.t.Helper()
	var packed bytes.Buffer
	packer, err := bz2.NewWriter(&packed)
	require.NoError(w.t, err)
	_, err = packer.Write([]byte(content))
	require.NoError(w.t, err)
	require.NoError(w.t, packer.Close())
	name := "app-linux-amd64-" + version + ".bz2"
	raw, err := json.Marshal(trust.Release{
		Format: 1, Name: "app", Version: version, OS: "linux", Arch: "amd64",
		Binary: name, Hash: sum([]byte(content)), Size: int64(len(content)),
		Released: began, Expires: began.Add(365 * 24 * time.Hour),
		Artifacts: []trust.Artifact{{Path: name, Encoding: "bzip2", Size: int64(packed.Len()), Hash: sum(packed.Bytes())}},
	})
	require.NoError(w.t, err)
	if key != nil {
		signed, err := trust.SignedBytes(trust.ReleaseType, raw)
		require.NoError(w.t, err)
		raw = append(raw[:len(raw)-1], `,"signature":"`+base64.StdEncoding.EncodeToString(ed25519.Sign(key, signed))+`"}`...)
	}
	w.AddTarget(bin(version), path(version), raw)
	w.other["/"+strings.Replace(path(version), "release.json", name, 1)] = packed.Bytes()
	w.PublishAll("bin-0", "bin-1", tufsim.Targets)
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

func (w *world) options(more ...updater.Option) []updater.Option {
	return append([]updater.Option{
		updater.TargetFile(w.target), updater.SourceRepo(w.server.URL), updater.Version("1.2.3"), updater.CurrentVersion("1.2.2"),
		updater.OS("linux"), updater.Arch("amd64"), updater.Product("app"), updater.Logger(log.New(&w.log, "", 0)),
		updater.Clock(func() time.Time { return w.now }), updater.VouchedBy(tuf.New(w.root)),
	}, more...)
}

func (w *world) apply(more ...updater.Option) error { return updater.Apply(w.options(more...)...) }

func (w *world) refuses(want error, more ...updater.Option) {
	w.t.Helper()
	before, err := os.ReadFile(w.target)
	require.NoError(w.t, err)
	err = w.apply(more...)
	require.ErrorIs(w.t, err, want)
	require.NoError(w.t, updater.RollbackError(err))
	w.holds(string(before))
}

func (w *world) holds(content string) {
	w.t.Helper()
	got, err := os.ReadFile(w.target)
	require.NoError(w.t, err)
	require.Equal(w.t, content, string(got))
}

// kept returns the path of a file that the client keeps.
func (w *world) kept(name string) string {
	return filepath.Join(filepath.Dir(w.target), ".app.update", "authority", name)
}

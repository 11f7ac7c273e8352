// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package tuf_test

import (
	"bytes"
	"crypto/ed25519"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/stretchr/testify/require"

	updater "github.com/choria-io/go-updater"
	"github.com/choria-io/go-updater/internal/tuf/publish"
	"github.com/choria-io/go-updater/repository"
	"github.com/choria-io/go-updater/trust"
	"github.com/choria-io/go-updater/trust/tuf"
)

// holder is a person or a machine with a key.
type holder struct {
	signature.Signer
	key trust.Key
}

func newHolder(t *testing.T, seed byte) *holder {
	t.Helper()
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	signer, err := signature.LoadED25519Signer(private)
	require.NoError(t, err)
	key, err := trust.NewKey(private.Public().(ed25519.PublicKey))
	require.NoError(t, err)
	return &holder{signer, key}
}

func (h *holder) id() string { return publish.KeyID(h.key) }

// publisher is a repository on disk, made with the packages that update-repo uses.
type publisher struct {
	t    *testing.T
	dir  string
	now  *time.Time
	repo *repository.Repository
}

func openPublisher(t *testing.T, dir string, now *time.Time) *publisher {
	t.Helper()
	repo, err := repository.Create(dir)
	require.NoError(t, err)
	t.Cleanup(func() { _ = repo.Close() })
	return &publisher{t, dir, now, repo}
}

// begins drafts the first root. It needs the signatures of threshold root holders.
func (p *publisher) begins(threshold int, root []*holder, targets, release, online *holder) {
	p.t.Helper()
	var keys []trust.Key
	for _, h := range root {
		keys = append(keys, h.key)
	}
	_, err := p.repo.InitTUF(p.t.Context(), publish.Setup{
		Root: keys, Threshold: threshold, Targets: []trust.Key{targets.key}, Release: []trust.Key{release.key},
		Snapshot: []trust.Key{online.key}, Timestamp: []trust.Key{online.key},
		Bins: 16, Validity: publish.DefaultValidity(), Now: *p.now,
	})
	require.NoError(p.t, err)
}

func signers(all ...*holder) (out []signature.Signer) {
	for _, h := range all {
		out = append(out, h)
	}
	return out
}

// publishes adds a release, signed by release, and metadata signed by online.
func (p *publisher) publishes(version, content string, release, online *holder) {
	p.t.Helper()
	file := filepath.Join(p.t.TempDir(), "app")
	require.NoError(p.t, os.WriteFile(file, []byte(content), 0o755))
	_, err := p.repo.Add(p.t.Context(), repository.AddRequest{
		Files: []repository.File{{OS: "linux", Arch: "amd64", Path: file}}, Name: "app", Version: version,
		Now: *p.now, Expires: p.now.Add(365 * 24 * time.Hour), Signer: release,
		TUF: repository.TUF{Signers: signers(online)},
	})
	require.NoError(p.t, err)
}

func (p *publisher) refreshes(by ...*holder) {
	p.t.Helper()
	_, err := p.repo.RefreshTUF(p.t.Context(), repository.RefreshTUFRequest{TUF: repository.TUF{Signers: signers(by...)}, Now: *p.now})
	require.NoError(p.t, err)
}

// sign lets the holders of root keys sign one after the other. It returns after how
// many of them the draft became a root.
func (p *publisher) sign(by ...*holder) (published int) {
	p.t.Helper()
	for i, h := range by {
		change, err := p.repo.SignTUF(p.t.Context(), repository.SignTUFRequest{Signer: h, Now: *p.now})
		require.NoError(p.t, err)
		for _, d := range change.Drafts {
			if d.Published != "" && published == 0 {
				published = i + 1
			}
		}
	}
	return published
}

func (p *publisher) rotates(role string, without, with *holder, signed ...*holder) {
	p.t.Helper()
	_, err := p.repo.RotateTUF(p.t.Context(), repository.TUF{Signers: signers(signed...)}, publish.Rotation{
		Roles: []string{role}, Add: []trust.Key{with.key}, Remove: []string{without.id()}, Now: *p.now,
	})
	require.NoError(p.t, err)
}

func (p *publisher) file(name string) []byte {
	p.t.Helper()
	raw, err := os.ReadFile(filepath.Join(p.dir, name))
	require.NoError(p.t, err)
	return raw
}

// machine is a machine that updates itself from a repository.
type machine struct {
	t      *testing.T
	target string
	root   []byte
	url    string
	now    *time.Time
	runs   string
}

func newMachine(t *testing.T, url string, root []byte, now *time.Time, runs string) *machine {
	t.Helper()
	m := &machine{t, filepath.Join(t.TempDir(), "app"), root, url, now, runs}
	require.NoError(t, os.WriteFile(m.target, []byte("version "+runs), 0o755))
	return m
}

func (m *machine) update(version string, more ...updater.Option) error {
	m.t.Helper()
	opts := []updater.Option{
		updater.TargetFile(m.target), updater.SourceRepo(m.url), updater.Version(version), updater.CurrentVersion(m.runs),
		updater.OS("linux"), updater.Arch("amd64"), updater.Product("app"), updater.Logger(quiet{m.t}),
		updater.Clock(func() time.Time { return *m.now }), updater.VouchedBy(tuf.New(m.root)),
	}
	err := updater.Apply(append(opts, more...)...)
	if err == nil {
		m.runs = version
	}
	return err
}

// updates expects that the update succeeds.
func (m *machine) updates(version string) {
	m.t.Helper()
	require.NoError(m.t, m.update(version))
	m.holds("version " + version)
}

func (m *machine) refuses(version string, want error) {
	m.t.Helper()
	before, err := os.Stat(m.target)
	require.NoError(m.t, err)
	require.ErrorIs(m.t, m.update(version), want)
	after, err := os.Stat(m.target)
	require.NoError(m.t, err)
	require.True(m.t, os.SameFile(before, after))
	require.Equal(m.t, before.Mode(), after.Mode())
	m.holds("version " + m.runs)
}

func (m *machine) holds(content string) {
	m.t.Helper()
	got, err := os.ReadFile(m.target)
	require.NoError(m.t, err)
	require.Equal(m.t, content, string(got))
}

// quiet is a logger whose lines are shown if the test fails.
type quiet struct{ t *testing.T }

func (q quiet) Print(v ...any)                 { q.t.Log(v...) }
func (q quiet) Printf(format string, v ...any) { q.t.Logf(format, v...) }
func (q quiet) Println(v ...any)               { q.t.Log(v...) }
func (q quiet) Fatal(v ...any)                 { q.t.Fatal(v...) }
func (q quiet) Fatalf(format string, v ...any) { q.t.Fatalf(format, v...) }
func (q quiet) Fatalln(v ...any)               { q.t.Fatal(v...) }
func (q quiet) Panic(v ...any)                 { q.t.Fatal(v...) }
func (q quiet) Panicf(format string, v ...any) { q.t.Fatalf(format, v...) }
func (q quiet) Panicln(v ...any)               { q.t.Fatal(v...) }

func serve(t *testing.T, dir string) string {
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	t.Cleanup(server.Close)
	return server.URL
}

// The story of a repository. Three people hold root keys, of which two are needed. The
// build server has a release key and an online key. A root key is lost. An attacker
// steals the keys of the build server, and uses them. A rotation of keys repairs that,
// without a new program on any machine.
func TestStoryOfStolenKeys(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	alice, bob, carol, dave := newHolder(t, 1), newHolder(t, 2), newHolder(t, 3), newHolder(t, 4)
	targets, release, online := newHolder(t, 5), newHolder(t, 6), newHolder(t, 7)
	release2, online2 := newHolder(t, 8), newHolder(t, 9)
	honest := openPublisher(t, t.TempDir(), &now)

	t.Log("Day 1: the root is signed, and all machines get a program with it")
	honest.begins(2, []*holder{alice, bob, carol}, targets, release, online)
	require.Equal(t, 2, honest.sign(alice, bob, targets), "one signature is not enough, two are")
	honest.refreshes(targets, release, online)
	honest.publishes("1.0.0", "version 1.0.0", release, online)
	root1 := honest.file("metadata/1.root.json")
	url := serve(t, honest.dir)
	awake := newMachine(t, url, root1, &now, "0.9.0")
	asleep := newMachine(t, url, root1, &now, "0.9.0")
	victim := newMachine(t, url, root1, &now, "0.9.0")
	for _, m := range []*machine{awake, asleep, victim} {
		m.updates("1.0.0")
	}

	t.Log("Day 30: carol loses her key, and dave takes her place")
	now = now.Add(30 * 24 * time.Hour)
	honest.rotates(publish.Root, carol, dave)
	require.Equal(t, 2, honest.sign(alice, bob))
	honest.refreshes(release, online)
	honest.publishes("1.1.0", "version 1.1.0", release, online)
	awake.updates("1.1.0")
	victim.updates("1.1.0")

	t.Log("Day 60: an attacker steals the release key and the online key")
	now = now.Add(30 * 24 * time.Hour)
	stolen := t.TempDir()
	require.NoError(t, os.CopyFS(stolen, os.DirFS(honest.dir)))
	thief := openPublisher(t, stolen, &now)
	thief.refreshes(release, online)
	thief.publishes("6.6.6", "version 6.6.6", release, online)
	evil := serve(t, stolen)
	victim.url = evil
	victim.updates("6.6.6") // what TUF cannot prevent: both keys vouch for it

	t.Log("Day 61: alice and dave replace the stolen keys, and the targets key signs new bins")
	now = now.Add(24 * time.Hour)
	honest.rotates(publish.Snapshot, online, online2)
	honest.rotates(publish.Timestamp, online, online2)
	require.Equal(t, 2, honest.sign(alice, dave))
	honest.rotates(publish.Bins, release, release2, targets)
	honest.refreshes(targets, release2, online2)
	honest.publishes("1.2.0", "version 1.2.0", release2, online2)
	awake.updates("1.2.0")

	t.Log("Releases of the attacker are refused by all clients that saw the new root")
	awake.url = evil
	awake.refuses("6.6.6", trust.ErrSignature)
	t.Log("... even if the attacker copies the new root")
	require.NoError(t, os.WriteFile(filepath.Join(stolen, "metadata", "3.root.json"), honest.file("metadata/3.root.json"), 0o644))
	awake.refuses("6.6.6", trust.ErrSignature)
	newcomer := newMachine(t, evil, honest.file("metadata/3.root.json"), &now, "0.9.0")
	newcomer.refuses("6.6.6", trust.ErrSignature)

	t.Log("A machine that was off since day 1 follows every root")
	now = now.Add(10 * time.Hour)
	asleep.updates("1.2.0")
	asleep.url = evil
	asleep.refuses("6.6.6", trust.ErrSignature)

	t.Log("The victim is repaired by a downgrade")
	victim.url = url
	victim.refuses("1.2.0", trust.ErrRollback)
	require.NoError(t, victim.update("1.2.0", updater.AllowDowngrade()), "a person requests it")
	victim.holds("version 1.2.0")
	victim.url = evil
	victim.refuses("6.6.6", trust.ErrSignature)
}

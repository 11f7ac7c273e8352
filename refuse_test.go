// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	updater "github.com/choria-io/go-updater"
	"github.com/choria-io/go-updater/internal/testing/race"
	"github.com/choria-io/go-updater/trust"
)

// Each release differs in one thing from the one that TestApplyInstallsAndRollsBack
// installs.
func TestApplyRefusesReleases(t *testing.T) {
	race.Skip(t, "one goroutine refuses each release")
	replace := func(old, new string) func(*testing.T, []byte) []byte {
		return func(t *testing.T, d []byte) []byte {
			require.Contains(t, string(d), old)
			return bytes.Replace(d, []byte(old), []byte(new), 1)
		}
	}
	for _, tc := range []struct {
		name   string
		want   error
		change func(t *testing.T, r *release)
	}{
		{"unsigned", trust.ErrUnsigned, func(_ *testing.T, r *release) {
			r.document = replace(`"signature"`, `"sıgnature"`)
		}},
		{"hash only, as v0.1.0 writes", trust.ErrUnsigned, func(_ *testing.T, r *release) {
			r.document = func(*testing.T, []byte) []byte {
				return fmt.Appendf(nil, `{"binary":%q,"hash":%q}`, r.doc.Binary, r.doc.Hash)
			}
		}},
		{"another key", trust.ErrSignature, func(_ *testing.T, r *release) {
			r.signers = []ed25519.PrivateKey{testKey(9)}
		}},
		{"document changed after signing", trust.ErrSignature, func(_ *testing.T, r *release) {
			r.document = replace(`"name":"app"`, `"name":"apq"`)
		}},
		{"field added after signing", trust.ErrSignature, func(_ *testing.T, r *release) {
			r.document = replace(`{"arch"`, `{"note":"x","arch"`)
		}},
		{"signature respelled", trust.ErrSignature, func(_ *testing.T, r *release) {
			r.document = func(t *testing.T, d []byte) []byte { return replace(`=="`, `==\n"`)(t, d) }
		}},
		{"signature of 63 bytes", trust.ErrSignature, func(_ *testing.T, r *release) {
			r.document = signature(make([]byte, 63))
		}},
		{"signature of zeros", trust.ErrSignature, func(_ *testing.T, r *release) {
			r.document = signature(make([]byte, 64))
		}},
		{"signed, with an invalid cosignature of a trusted key", trust.ErrSignature, func(_ *testing.T, r *release) {
			id, _ := trust.NewKey(public(testKey(1)))
			r.document = replace(`"signature":"`, fmt.Sprintf(`"cosignatures":[{"key":%q,"signature":%q}],"signature":"`,
				id.ID(), base64.StdEncoding.EncodeToString(make([]byte, 64))))
		}},
		{"another version, validly signed", trust.ErrMismatch, func(_ *testing.T, r *release) { r.doc.Version = "1.2.4" }},
		{"another product", trust.ErrMismatch, func(_ *testing.T, r *release) { r.doc.Name = "other" }},
		{"another system", trust.ErrMismatch, func(_ *testing.T, r *release) { r.doc.OS = "darwin" }},
		{"another architecture", trust.ErrMismatch, func(_ *testing.T, r *release) { r.doc.Arch = "arm64" }},
		{"expired to the second", trust.ErrExpired, func(_ *testing.T, r *release) { r.doc.Expires = now }},
		{"from the future", trust.ErrExpired, func(_ *testing.T, r *release) {
			r.doc.Released = now.Add(10*time.Minute + time.Second)
		}},
		{"path outside the directory", trust.ErrMalformed, func(_ *testing.T, r *release) {
			r.doc.Binary, r.doc.Artifacts[0].Path, r.artifact = "../../../x", "../../../x", nil
		}},
		{"binary is not listed", trust.ErrMalformed, func(_ *testing.T, r *release) { r.doc.Binary = "other.bz2" }},
		{"a field is missing", trust.ErrMalformed, func(_ *testing.T, r *release) {
			r.fields = func(f map[string]any) { delete(f, "size") }
		}},
		{"a member twice", trust.ErrMalformed, func(_ *testing.T, r *release) {
			r.document = replace(`{"arch"`, `{"arch":"amd64","arch"`)
		}},
		{"a member in another case", trust.ErrMalformed, func(_ *testing.T, r *release) {
			r.document = replace(`{"arch"`, `{"HASH":"x","arch"`)
		}},
		{"a member that folds to another", trust.ErrMalformed, func(_ *testing.T, r *release) {
			r.document = replace(`{"arch"`, `{"haſh":"x","arch"`)
		}},
		{"data after the document", trust.ErrMalformed, func(_ *testing.T, r *release) {
			r.document = func(_ *testing.T, d []byte) []byte { return append(d, "{}"...) }
		}},
		{"a login page", trust.ErrMalformed, func(_ *testing.T, r *release) {
			r.document = func(*testing.T, []byte) []byte { return []byte("<html>log in</html>") }
		}},
		{"document above its limit", updater.ErrTooLarge, func(_ *testing.T, r *release) {
			r.document = func(_ *testing.T, d []byte) []byte { return append(d, bytes.Repeat([]byte(" "), trust.MaxDocument)...) }
		}},
		{"artifact with a bit flipped", updater.ErrHash, func(_ *testing.T, r *release) { r.artifact[len(r.artifact)/2] ^= 1 }},
		{"artifact compressed in another way", updater.ErrHash, func(t *testing.T, r *release) {
			require.Equal(t, "BZh9", string(r.artifact[:4]))
			r.artifact[3] = '8'
		}},
		{"artifact cut short", updater.ErrHash, func(_ *testing.T, r *release) { r.artifact = r.artifact[:len(r.artifact)-1] }},
		{"artifact with a byte more", updater.ErrHash, func(_ *testing.T, r *release) { r.artifact = append(r.artifact, 0) }},
		{"binary longer than signed", updater.ErrHash, func(_ *testing.T, r *release) { r.doc.Size-- }},
		{"binary shorter than signed", updater.ErrHash, func(_ *testing.T, r *release) { r.doc.Size++ }},
		{"another binary in the artifact", updater.ErrHash, func(_ *testing.T, r *release) { r.doc.Hash = sum([]byte("else")) }},
		{"artifact of another release", updater.ErrHash, func(t *testing.T, r *release) {
			r.artifact = newRelease(t, "1.2.3", []byte("another program")).artifact
		}},
		{"artifact is not bzip2", updater.ErrHash, func(_ *testing.T, r *release) {
			r.artifact = []byte("not bzip2")
			r.doc.Artifacts[0].Size, r.doc.Artifacts[0].Hash = int64(len(r.artifact)), sum(r.artifact)
		}},
		{"no known encoding", updater.ErrNoArtifact, func(_ *testing.T, r *release) { r.doc.Artifacts[0].Encoding = "zpaq" }},
		{"a patch for another binary", updater.ErrNoArtifact, func(_ *testing.T, r *release) {
			full := r.doc.Artifacts[0]
			full.Path, full.Encoding = "full.zpaq", "zpaq"
			r.doc.Artifacts[0].From = sum([]byte("another binary"))
			r.doc.Binary, r.doc.Artifacts = full.Path, append(r.doc.Artifacts, full)
		}},
		{"artifact larger than MaxSize", updater.ErrTooLarge, func(_ *testing.T, r *release) {
			r.doc.Artifacts[0].Size = updater.DefaultMaxSize + 1
		}},
		{"larger than MaxSize", updater.ErrTooLarge, func(_ *testing.T, r *release) { r.doc.Size = updater.DefaultMaxSize + 1 }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t)
			r := newRelease(t, "1.2.3", []byte(newContent))
			tc.change(t, r)
			w.publish("1.2.3", r)
			w.refuses(tc.want)

			// The refused release leaves nothing that keeps the honest one from being installed.
			w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
			require.NoError(t, updater.Apply(w.options()...))
			w.holds(newContent)
		})
	}
}

func signature(raw []byte) func(*testing.T, []byte) []byte {
	return func(t *testing.T, d []byte) []byte {
		var fields map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(d, &fields))
		fields["signature"] = fmt.Appendf(nil, "%q", base64.StdEncoding.EncodeToString(raw))
		out, err := json.Marshal(fields)
		require.NoError(t, err)
		return out
	}
}

// Every bit of a document is flipped in turn. There is no white space in it, so each
// bit counts.
func TestApplyRefusesBitFlips(t *testing.T) {
	race.Skip(t, "one goroutine refuses each release")
	w := newWorld(t)
	r := newRelease(t, "1.2.3", []byte(newContent))
	w.publish("1.2.3", r)
	path := filepath.Join(w.repo, "1.2.3", "linux", "amd64", "release.json")
	honest, err := os.ReadFile(path)
	require.NoError(t, err)
	before := w.snapshot()
	opts := w.options(updater.SourceRepo(fileURL(w.repo)))
	for i := range len(honest) * 8 {
		flipped := bytes.Clone(honest)
		flipped[i/8] ^= 1 << (i % 8)
		require.NoError(t, os.WriteFile(path, flipped, 0o644))
		require.Error(t, updater.Apply(opts...), "bit %d of byte %d", i%8, i/8)
	}
	require.Equal(t, before, w.snapshot())
}

// Line 1 of the order of checks: nothing is requested from the repository.
func TestApplyRefusesConfigurations(t *testing.T) {
	key, other := public(testKey(1)), public(testKey(2))
	zero := make([]byte, 32)
	identity := append([]byte{1}, make([]byte, 31)...)
	privatePEM := []byte("-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB\n-----END PRIVATE KEY-----\n")
	for _, tc := range []struct {
		name string
		opts []updater.Option
		want error
	}{
		{"no key", []updater.Option{noKey}, updater.ErrNoPublicKey},
		{"an empty key", []updater.Option{updater.PublicKey(nil)}, updater.ErrNoPublicKey},
		{"an empty key, and an authority", []updater.Option{updater.PublicKey([]byte{}), updater.VouchedBy(&fakeAuthority{by: []string{"tuf"}})}, updater.ErrNoPublicKey},
		{"no keys", []updater.Option{noKey, updater.PublicKeys(1)}, updater.ErrNoPublicKey},
		{"no authority", []updater.Option{updater.VouchedBy(nil)}, updater.ErrConfig},
		{"zero key", []updater.Option{updater.PublicKey(zero)}, trust.ErrBadKey},
		{"identity key", []updater.Option{updater.PublicKey(identity)}, trust.ErrBadKey},
		{"short key", []updater.Option{updater.PublicKey(key[:31])}, trust.ErrBadKey},
		{"long key", []updater.Option{updater.PublicKey(append(bytes.Clone(key), 0))}, trust.ErrBadKey},
		{"private key", []updater.Option{updater.PublicKey(privatePEM)}, trust.ErrBadKey},
		{"threshold 0", []updater.Option{noKey, updater.PublicKeys(0, key)}, trust.ErrBadPolicy},
		{"threshold -1", []updater.Option{noKey, updater.PublicKeys(-1, key)}, trust.ErrBadPolicy},
		{"threshold above the keys", []updater.Option{noKey, updater.PublicKeys(3, key, other)}, trust.ErrBadPolicy},
		{"a key twice", []updater.Option{noKey, updater.PublicKeys(2, key, key)}, trust.ErrBadPolicy},
		{"PublicKey and PublicKeys", []updater.Option{updater.PublicKeys(1, other)}, updater.ErrConfig},
		{"a key, and unsigned releases allowed", []updater.Option{updater.InsecureAllowUnsigned()}, updater.ErrConfig},
		{"version that is a path", []updater.Option{updater.Version("../1.2.3")}, updater.ErrConfig},
		{"version that names channels", []updater.Option{updater.Version("channels")}, updater.ErrConfig},
		{"system that is a path", []updater.Option{updater.OS("..")}, updater.ErrConfig},
		{"architecture with a slash", []updater.Option{updater.Arch("a/b")}, updater.ErrConfig},
		{"product with a slash", []updater.Option{updater.Product("a/b")}, updater.ErrConfig},
		{"no version", []updater.Option{updater.Version("")}, updater.ErrConfig},
		{"no repository", []updater.Option{updater.SourceRepo("")}, updater.ErrConfig},
		{"repository of another scheme", []updater.Option{updater.SourceRepo("ftp://example.net/x")}, updater.ErrConfig},
		{"header with a line break", []updater.Option{updater.Header("X-A", "b\r\nX-C: d")}, updater.ErrConfig},
		{"header without a name", []updater.Option{updater.Header("", "b")}, updater.ErrConfig},
		{"MaxSize 0", []updater.Option{updater.MaxSize(0)}, updater.ErrConfig},
		{"no client", []updater.Option{updater.HTTPClient(nil)}, updater.ErrConfig},
		{"no clock", []updater.Option{updater.Clock(nil)}, updater.ErrConfig},
		{"no downloader", []updater.Option{updater.DownloadMethod(nil)}, updater.ErrConfig},
		{"no target", []updater.Option{updater.TargetFile("")}, updater.ErrConfig},
		{"no state directory", []updater.Option{updater.StateDir("")}, updater.ErrConfig},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t)
			w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
			err := w.refuses(tc.want, tc.opts...)
			require.ErrorIs(t, err, updater.ErrConfig)
			require.Zero(t, w.requests.Load())
		})
	}
}

func TestPublicKeysNeedsDistinctSigners(t *testing.T) {
	keys := updater.PublicKeys(2, public(testKey(1)), public(testKey(2)), public(testKey(3)))
	for _, tc := range []struct {
		name    string
		signers []byte
		want    error
	}{
		{"one of two", []byte{1}, trust.ErrThreshold},
		{"one twice", []byte{1, 1}, trust.ErrThreshold},
		{"one and an unknown key", []byte{1, 9}, trust.ErrThreshold},
		{"strangers", []byte{8, 9}, trust.ErrSignature},
		{"two", []byte{1, 3}, nil},
		{"two and an unknown key", []byte{9, 2, 3}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t)
			r := newRelease(t, "1.2.3", []byte(newContent))
			r.signers = nil
			for _, seed := range tc.signers {
				r.signers = append(r.signers, testKey(seed))
			}
			w.publish("1.2.3", r)
			if tc.want != nil {
				w.refuses(tc.want, noKey, keys)
				return
			}
			require.NoError(t, updater.Apply(w.options(noKey, keys)...))
			w.holds(newContent)
		})
	}
}

func TestLaterPublicKeysReplaceEarlierOnes(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	first, second := public(testKey(1)), public(testKey(2))
	w.refuses(trust.ErrSignature, noKey, updater.PublicKeys(1, first), updater.PublicKeys(1, second))
	require.NoError(t, updater.Apply(w.options(noKey, updater.PublicKeys(1, second), updater.PublicKeys(1, first))...))
}

func TestPublicKeyAcceptsEveryForm(t *testing.T) {
	first, err := trust.NewKey(public(testKey(1)))
	require.NoError(t, err)
	second, err := trust.NewKey(public(testKey(2)))
	require.NoError(t, err)
	for name, form := range map[string][]byte{
		"raw": first.Bytes(), "base64": []byte(first.String()), "pem": first.PEM(),
		"one of several blocks": append(second.PEM(), first.PEM()...),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
			require.NoError(t, updater.Apply(w.options(updater.PublicKey(form))...))
		})
	}
}

func TestDowngradeIsRefused(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	w.refuses(trust.ErrRollback, updater.CurrentVersion("v1.3.0"))
	w.refuses(trust.ErrRollback, updater.CurrentVersion("1.2.10"))
	require.NoError(t, updater.Apply(w.options(updater.CurrentVersion("1.3.0"), updater.AllowDowngrade())...))
	w.holds(newContent)
}

func TestVersionsWithoutOrderAreLogged(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	require.NoError(t, updater.Apply(w.options(updater.CurrentVersion("nightly"))...))
	require.Contains(t, w.log.String(), "warning: versions that are not semantic have no order")
}

// Servers that send a part of the right answer, or more than it.
func TestMisbehavingServersAreRefused(t *testing.T) {
	artifact := func(do http.HandlerFunc) func(http.ResponseWriter, *http.Request, http.Handler) {
		return func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
			if strings.HasSuffix(r.URL.Path, ".bz2") {
				do(rw, r)
				return
			}
			next.ServeHTTP(rw, r)
		}
	}
	endless := func(rw http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := rw.Write(make([]byte, 4096)); err != nil {
				return
			}
		}
	}
	for _, tc := range []struct {
		name    string
		want    error
		handler func(http.ResponseWriter, *http.Request, http.Handler)
	}{
		{"endless document", updater.ErrTooLarge, func(rw http.ResponseWriter, r *http.Request, _ http.Handler) { endless(rw, r) }},
		{"endless artifact", updater.ErrHash, artifact(endless)},
		{"artifact is missing", updater.ErrNotFound, artifact(http.NotFound)},
		{"stall in the artifact", updater.ErrStalled, artifact(func(rw http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(rw, "BZ")
			rw.(http.Flusher).Flush()
			<-r.Context().Done()
		})},
		{"stall before the headers", updater.ErrStalled, func(_ http.ResponseWriter, r *http.Request, _ http.Handler) { <-r.Context().Done() }},
		{"redirect to itself", updater.ErrRedirect, func(rw http.ResponseWriter, r *http.Request, _ http.Handler) {
			http.Redirect(rw, r, r.URL.Path, http.StatusFound)
		}},
		{"redirect to a file", updater.ErrRedirect, func(rw http.ResponseWriter, _ *http.Request, _ http.Handler) {
			rw.Header().Set("Location", "file:///etc/passwd")
			rw.WriteHeader(http.StatusFound)
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t)
			w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
			w.handler = tc.handler
			w.refuses(tc.want, updater.Idle(200*time.Millisecond), updater.Pause(atOnce))
		})
	}
}

func TestUnsafeDirectoryIsRefused(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	skipWithoutModes(t)
	require.NoError(t, os.Chmod(filepath.Dir(w.target), 0o777))
	w.refuses(updater.ErrUnsafeDirectory)
}

func TestUnsignedIsInstalledOnlyIfAllowed(t *testing.T) {
	w := newWorld(t)
	r := newRelease(t, "1.2.3", []byte(newContent))
	r.document = func(*testing.T, []byte) []byte {
		return fmt.Appendf(nil, `{"binary":%q,"hash":%q,"signature":""}`, r.doc.Binary, r.doc.Hash)
	}
	w.publish("1.2.3", r)
	w.refuses(trust.ErrUnsigned)
	insecure := []updater.Option{noKey, updater.InsecureAllowUnsigned()}

	w.refuses(updater.ErrTooLarge, append(insecure, updater.MaxSize(int64(len(newContent)-1)))...)
	w.refuses(trust.ErrRollback, append(insecure, updater.CurrentVersion("2.0.0"))...)
	honest := r.artifact
	r.artifact = pack(t, []byte("another program"))
	w.publish("1.2.3", r)
	w.refuses(updater.ErrHash, insecure...)

	r.artifact = honest
	w.publish("1.2.3", r)
	require.NoError(t, updater.Apply(w.options(insecure...)...))
	w.holds(newContent)
	require.Contains(t, w.log.String(), "warning: the release is installed without checking a signature")
}

// The size of a release of v0.1.0 is unknown: MaxSize limits the decompressed binary.
func TestUnsignedBinaryStopsAtMaxSize(t *testing.T) {
	w := newWorld(t)
	bomb := make([]byte, 4<<20)
	r := newRelease(t, "1.2.3", bomb)
	require.Less(t, len(r.artifact), 1<<10)
	r.document = func(*testing.T, []byte) []byte {
		return fmt.Appendf(nil, `{"binary":%q,"hash":%q}`, r.doc.Binary, r.doc.Hash)
	}
	w.publish("1.2.3", r)
	unsigned := []updater.Option{noKey, updater.InsecureAllowUnsigned()}
	most := int64(0)
	watch := updater.Progress(func(p updater.ProgressReport) { most = max(most, p.Done) })
	w.refuses(updater.ErrTooLarge, append(unsigned, updater.MaxSize(1<<20), watch)...)
	require.LessOrEqual(t, most, int64(1<<20+1))
	require.NoError(t, updater.Apply(w.options(append(unsigned, updater.MaxSize(4<<20))...)...))
}

// The size of its artifact is unknown too: MaxSize limits the download.
func TestUnsignedArtifactStopsAtMaxSize(t *testing.T) {
	w := newWorld(t)
	r := newRelease(t, "1.2.3", []byte(newContent))
	r.artifact = append(r.artifact, make([]byte, 1<<20)...)
	r.document = func(*testing.T, []byte) []byte {
		return fmt.Appendf(nil, `{"binary":%q,"hash":%q}`, r.doc.Binary, r.doc.Hash)
	}
	w.publish("1.2.3", r)
	w.refuses(updater.ErrTooLarge, noKey, updater.InsecureAllowUnsigned(), updater.MaxSize(1<<16))
}

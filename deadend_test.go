// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	updater "github.com/choria-io/go-updater"
	"github.com/choria-io/go-updater/internal/install"
	"github.com/choria-io/go-updater/trust"
)

// An artifact that cannot be had leads to the next one.
func TestC6_NextArtifact(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"missing":      http.NotFound,
		"forbidden":    func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusForbidden) },
		"busy":         func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusServiceUnavailable) },
		"other bytes":  func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write(make([]byte, len(newContent))) },
		"other length": func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write([]byte("<html>")) },
		"breaks off":   func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			w, mirror := newWorld(t), newWorld(t)
			r := newRelease(t, "1.2.3", []byte(newContent))
			r.doc.Artifacts = append(r.doc.Artifacts, trust.Artifact{Path: "app.raw", Encoding: "none", Size: int64(len(newContent)), Hash: r.doc.Hash})
			w.publish("1.2.3", r)
			mirror.publish("1.2.3", r)
			w.answering(".raw", false, 0, answer)
			mirror.answering(".raw", false, 0, answer)
			u, err := updater.New(w.options(updater.Pause(atOnce), updater.Mirrors(mirror.server.URL))...)
			require.NoError(t, err)
			_, err = u.Apply(t.Context())
			require.NoError(t, err)
			w.holds(newContent)
			require.Contains(t, w.log.String(), `warning: artifact failed, trying the next one artifact="app.raw"`)
			entries, err := os.ReadDir(install.WorkDir(w.target))
			require.NoError(t, err)
			require.Len(t, entries, 1, "the journal")
		})
	}
	t.Run("none there", func(t *testing.T) {
		w := newWorld(t)
		r := newRelease(t, "1.2.3", []byte(newContent))
		r.doc.Artifacts = append(r.doc.Artifacts, trust.Artifact{Path: "app.raw", Encoding: "none", Size: int64(len(newContent)), Hash: r.doc.Hash})
		r.artifact[len(r.artifact)/2] ^= 1
		w.publish("1.2.3", r)
		err := w.refuses(updater.ErrHash, updater.Pause(atOnce))
		require.ErrorIs(t, err, updater.ErrNotFound, "the errors of all")
		require.EqualValues(t, 3, w.requests.Load(), "each artifact once")
	})
}

// tagged serves a file with the entity tag that an honest server would send.
func (w *world) tagged(rw http.ResponseWriter, r *http.Request, body []byte) {
	content := mustRead(w.t, filepath.Join(w.repo, r.URL.Path))
	hash := sha256.Sum256(content)
	rw.Header().Set("ETag", strconv.Quote(hex.EncodeToString(hash[:])))
	if body == nil {
		body = content
	}
	http.ServeContent(rw, r, "", time.Time{}, bytes.NewReader(body))
}

// Check got a superseded document under the entity tag of the present one, once.
func TestC7_KeptDocumentThatLeadsNowhere(t *testing.T) {
	w := newWorld(t)
	superseded := newRelease(t, "1.2.3", []byte("superseded"))
	superseded.doc.Artifacts[0].Path, superseded.doc.Binary = "app-superseded.bz2", "app-superseded.bz2"
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	document, lie := superseded.bytes(t), true
	var asked []string
	w.handler = func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		switch {
		case !strings.HasSuffix(r.URL.Path, ".json"):
			next.ServeHTTP(rw, r)
		case lie:
			w.tagged(rw, r, document)
		default:
			asked = append(asked, r.Header.Get("If-None-Match"))
			w.tagged(rw, r, nil)
		}
	}
	status, err := w.check()
	require.NoError(t, err)
	require.Equal(t, "app-superseded.bz2", status.Release.Binary)

	lie = false
	require.NoError(t, updater.Apply(w.options(updater.Pause(atOnce))...))
	w.holds(newContent)
	require.Len(t, asked, 2)
	require.NotEmpty(t, asked[0])
	require.Empty(t, asked[1])

	status, err = w.check(updater.CurrentVersion(""))
	require.NoError(t, err)
	require.Equal(t, "app-linux-amd64-1.2.3.bz2", status.Release.Binary, "the right one is kept now")
	require.NotEmpty(t, asked[2])
}

// What is not superseded is asked for once more, and the error stays the first one.
func TestC7_PresentDocumentThatLeadsNowhere(t *testing.T) {
	w := newWorld(t)
	r := newRelease(t, "1.2.3", []byte(newContent))
	r.artifact = nil
	w.publish("1.2.3", r)
	documents := 0
	w.handler = func(rw http.ResponseWriter, rq *http.Request, next http.Handler) {
		if strings.HasSuffix(rq.URL.Path, ".json") {
			documents++
			w.tagged(rw, rq, nil)
			return
		}
		next.ServeHTTP(rw, rq)
	}
	_, err := w.check()
	require.NoError(t, err)
	w.refuses(updater.ErrNotFound, updater.Pause(atOnce))
	require.Equal(t, 3, documents)
}

// What this machine or the caller stopped says nothing about the document.
func TestC7_OnlyWhatLeadsNowhereIsAskedAgain(t *testing.T) {
	for name, tc := range map[string]struct {
		kept bool
		stop func(w *world, cancel func()) // before the artifact is sent
		want error
	}{
		"cancelled": {true, func(_ *world, cancel func()) { cancel() }, context.Canceled},
		"not kept":  {false, func(w *world, _ func()) { require.NoError(w.t, os.RemoveAll(filepath.Join(w.repo, "1.2.3"))) }, updater.ErrNotFound},
		"no place for the binary": {true, func(w *world, _ func()) {
			require.NoError(w.t, os.RemoveAll(install.WorkDir(w.target)))
		}, os.ErrNotExist},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			applying, documents := false, 0
			w.handler = func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
				if strings.HasSuffix(r.URL.Path, ".json") {
					documents++
					w.tagged(rw, r, nil)
					return
				}
				if applying {
					tc.stop(w, cancel)
				}
				next.ServeHTTP(rw, r)
			}
			if tc.kept {
				_, err := w.check()
				require.NoError(t, err)
			}
			documents, applying = 0, true
			u, err := updater.New(w.options(updater.Pause(atOnce))...)
			require.NoError(t, err)
			_, err = u.Apply(ctx)
			require.ErrorIs(t, err, tc.want)
			require.Equal(t, 1, documents)
			require.NotContains(t, w.log.String(), "fetching the document again")
			w.holds(oldContent)
		})
	}
}

// The document that is there now is checked as the first one was, before its download.
func TestC7_TheOtherDocumentIsCheckedToo(t *testing.T) {
	w := newWorld(t)
	superseded := newRelease(t, "1.2.3", []byte("superseded"))
	superseded.doc.Artifacts[0].Path, superseded.doc.Binary = "app-superseded.bz2", "app-superseded.bz2"
	present := newRelease(t, "1.2.3", []byte(newContent))
	w.publish("1.2.3", present)
	document, lie := superseded.bytes(t), true
	forged := false
	w.handler = func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		switch {
		case !strings.HasSuffix(r.URL.Path, ".json"):
			next.ServeHTTP(rw, r)
		case lie:
			w.tagged(rw, r, document)
		case forged && r.Header.Get("If-None-Match") == "":
			_, _ = rw.Write(bytes.Replace(document, []byte("superseded"), []byte("forged.bin"), 1))
		default:
			w.tagged(rw, r, nil)
		}
	}
	_, err := w.check()
	require.NoError(t, err)
	lie, forged = false, true
	err = updater.Apply(w.options(updater.Pause(atOnce))...)
	require.ErrorIs(t, err, updater.ErrNotFound, "the first error")
	w.holds(oldContent)

	forged = false
	present.doc.Size = 1 << 50
	w.publish("1.2.3", present)
	lie = true
	_, err = w.check()
	require.NoError(t, err)
	lie = false
	err = updater.Apply(w.options(updater.Pause(atOnce), updater.MaxSize(1<<50))...)
	_, ok := errors.AsType[*updater.PreflightError](err)
	require.True(t, ok, err)
	w.holds(oldContent)
}

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestUsersClientIsCopied(t *testing.T) {
	var asked []string
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/a" {
			http.Redirect(w, r, "/b", http.StatusFound)
			return
		}
		honest(w, r)
	})
	theirs := &http.Client{Timeout: time.Minute, CheckRedirect: func(req *http.Request, _ []*http.Request) error {
		asked = append(asked, req.URL.Path)
		return nil
	}}
	c := client(t, srv, Options{HTTP: theirs})
	require.Nil(t, theirs.Transport, "never mutated")

	_, err := c.Document(t.Context(), parse(t, srv.URL+"/a"), 100)
	require.NoError(t, err)
	require.Equal(t, []string{"/b"}, asked)

	refusal := errors.New("not there")
	theirs = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return refusal }}
	_, err = client(t, srv, Options{HTTP: theirs}).Document(t.Context(), parse(t, srv.URL+"/a"), 100)
	require.ErrorIs(t, err, ErrRedirect)
	require.ErrorIs(t, err, refusal)

	theirs = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	_, err = client(t, srv, Options{HTTP: theirs}).Document(t.Context(), parse(t, srv.URL+"/a"), 100)
	require.ErrorIs(t, err, ErrStatus)
}

func TestTimeoutOfClientApplies(t *testing.T) {
	release := make(chan struct{})
	srv := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.(http.Flusher).Flush()
		<-release
	})
	defer close(release)

	c := client(t, srv, Options{HTTP: &http.Client{Timeout: 50 * time.Millisecond}, Idle: time.Minute})
	_, err := c.Document(t.Context(), parse(t, srv.URL), 100)
	require.ErrorIs(t, err, ErrConnection)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

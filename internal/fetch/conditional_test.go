// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestConditional(t *testing.T) {
	now := tag
	o := &origin{data: []byte(body), answer: func(o *origin, _ int, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", now)
		o.whole(w, r)
	}}
	srv := serve(t, o.ServeHTTP)
	c := client(t, srv, Options{})
	u := parse(t, srv.URL)

	doc, etag, unchanged, err := c.Conditional(t.Context(), u, 100, "")
	require.NoError(t, err)
	require.False(t, unchanged)
	require.Equal(t, body, string(doc))
	require.Equal(t, tag, etag)

	doc, etag, unchanged, err = c.Conditional(t.Context(), u, 100, tag)
	require.NoError(t, err)
	require.True(t, unchanged)
	require.Nil(t, doc)
	require.Equal(t, tag, etag)
	require.Equal(t, 2, o.requests(), "one for each")

	now = `W/"v2"`
	doc, etag, unchanged, err = c.Conditional(t.Context(), u, 100, tag)
	require.NoError(t, err)
	require.False(t, unchanged)
	require.Equal(t, body, string(doc))
	require.Equal(t, now, etag)

	_, _, unchanged, err = c.Conditional(t.Context(), u, 100, now)
	require.NoError(t, err)
	require.True(t, unchanged, "a weak tag is good minProgress for a document")

	_, _, _, err = c.Conditional(t.Context(), u, 5, tag)
	require.ErrorIs(t, err, ErrTooLarge)

	doc, etag, unchanged, err = c.Conditional(t.Context(), fileURL(fileWith(t, []byte(body)).Name()), 100, tag)
	require.NoError(t, err)
	require.False(t, unchanged)
	require.Equal(t, body, string(doc))
	require.Empty(t, etag)
}

// 304 is accepted only if a valid entity tag was sent. Redirects keep the
// condition.
func TestConditionalAsksAndBelieves(t *testing.T) {
	var rec recorder
	srv := serve(t, rec.handler(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/moved" {
			http.Redirect(w, r, "/here", http.StatusFound)
			return
		}
		w.WriteHeader(http.StatusNotModified)
	}))
	c := client(t, srv, Options{})
	for _, etag := range []string{"", "v1", `"v1`, "\"v\r\nX: 1\"", `"` + strings.Repeat("x", maxETag) + `"`} {
		_, _, unchanged, err := c.Conditional(t.Context(), parse(t, srv.URL+"/x"), 100, etag)
		require.ErrorIs(t, err, ErrStatus)
		require.False(t, unchanged)
		require.Empty(t, rec.got["/x"].Values("If-None-Match"))
	}
	_, _, unchanged, err := c.Conditional(t.Context(), parse(t, srv.URL+"/moved"), 100, tag)
	require.NoError(t, err)
	require.True(t, unchanged)
	require.Equal(t, tag, rec.got["/here"].Get("If-None-Match"))
}

func TestEntityTag(t *testing.T) {
	for _, tc := range []struct {
		values       []string
		want, strong string
	}{
		{nil, "", ""},
		{[]string{`"v1"`}, `"v1"`, `"v1"`},
		{[]string{`""`}, `""`, `""`},
		{[]string{`W/"v1"`}, `W/"v1"`, ""},
		{[]string{`"!#~` + "\x80\xff" + `"`}, `"!#~` + "\x80\xff" + `"`, `"!#~` + "\x80\xff" + `"`},
		{[]string{`"` + strings.Repeat("x", maxETag-2) + `"`}, `"` + strings.Repeat("x", maxETag-2) + `"`, `"` + strings.Repeat("x", maxETag-2) + `"`},
		{[]string{`"` + strings.Repeat("x", maxETag-1) + `"`}, "", ""},
		{[]string{`"v1"`, `"v2"`}, "", ""},
		{[]string{`w/"v1"`}, "", ""},
		{[]string{`W/W/"v1"`}, "", ""},
		{[]string{"v1"}, "", ""},
		{[]string{`"`}, "", ""},
		{[]string{`"v"1"`}, "", ""},
		{[]string{`"v1", "v2"`}, "", ""},
		{[]string{`"v 1"`}, "", ""},
		{[]string{"\"v\x7f\""}, "", ""},
		{[]string{"\"v\n\""}, "", ""},
		{[]string{"*"}, "", ""},
	} {
		got := entityTag(http.Header{"Etag": tc.values})
		require.Equal(t, tc.want, got, "%q", tc.values)
		require.Equal(t, tc.strong, strong(got), "%q", tc.values)
	}
}

func FuzzETag(f *testing.F) {
	for _, s := range []string{"", `"v1"`, `W/"v1"`, `W/`, `"`, `"a"b"`, "\"\x00\"", "\"\xff\""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := validETag(s)
		if got == "" {
			return
		}
		require.Equal(t, s, got)
		require.LessOrEqual(t, len(got), maxETag)
		require.NotContains(t, got, "\n")
		require.NotContains(t, got, "\r")
		require.Equal(t, 2, strings.Count(got, `"`))
	})
}

func TestParseContentRange(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want contentRange
		ok   bool
	}{
		{"bytes 0-0/1", contentRange{0, 0, 1}, true},
		{"bytes 5-9/10", contentRange{5, 9, 10}, true},
		{"Bytes 5-9/*", contentRange{5, 9, -1}, true},
		{"bytes 5-999999999999999999/*", contentRange{5, 999999999999999999, -1}, true},
		{"bytes 5-9999999999999999999/*", contentRange{}, false},
		{"bytes 5-10/10", contentRange{}, false},
		{"bytes 6-5/10", contentRange{}, false},
		{"bytes */10", contentRange{}, false},
		{"bytes=5-9/10", contentRange{}, false},
		{"bytes  5-9/10", contentRange{}, false},
		{"bytes 5-9/10 ", contentRange{}, false},
		{"bytes 05-9/10", contentRange{}, false},
		{"bytes -5-9/10", contentRange{}, false},
		{"bytes +5-9/10", contentRange{}, false},
		{"bytes 5-9/", contentRange{}, false},
		{"bytes 5-9", contentRange{}, false},
		{"bytes 5-9/10/10", contentRange{}, false},
		{"octets 5-9/10", contentRange{}, false},
		{"bytes ٥-٩/*", contentRange{}, false},
		{"", contentRange{}, false},
	} {
		got, ok := parseContentRange(tc.in)
		require.Equal(t, tc.ok, ok, tc.in)
		require.Equal(t, tc.want, got, tc.in)
	}
}

func FuzzContentRange(f *testing.F) {
	for _, s := range []string{"", "bytes 0-0/1", "bytes 5-9/*", "bytes */10", "BYTES 5-9/10", "bytes 6-5/10", "bytes 5-9223372036854775807/*"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, ok := parseContentRange(s)
		if !ok {
			return
		}
		require.True(t, 0 <= r.first && r.first <= r.last && r.last+1 > 0 && (r.total == -1 || r.last < r.total), r)
		total := "*"
		if r.total >= 0 {
			total = fmt.Sprint(r.total)
		}
		require.True(t, strings.EqualFold(fmt.Sprintf("bytes %d-%d/%s", r.first, r.last, total), s), s)
	})
}

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkDownload downloads 30 MB over loopback to a file, with the server in the
// same process.
func BenchmarkDownload(b *testing.B) {
	data := random(30_000_000)
	h := func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "x", time.Time{}, bytes.NewReader(data))
	}
	for _, bc := range []struct {
		name string
		srv  *httptest.Server
	}{{"http", serve(b, h)}, {"https", serveTLS(b, h)}} {
		b.Run(bc.name, func(b *testing.B) {
			f, err := os.Create(filepath.Join(b.TempDir(), "x"))
			require.NoError(b, err)
			defer f.Close()
			c := client(b, bc.srv, Options{})
			d := artifact(b, data, f, bc.srv.URL+"/x")
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				require.NoError(b, f.Truncate(0))
				require.NoError(b, c.Download(b.Context(), d))
			}
		})
	}
}

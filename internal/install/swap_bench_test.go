// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkUpdate measures the parts of an update of a large program. write writes and
// syncs the file, seal reads and hashes it, begin and commit have the lock, the journal,
// the backup and the swap, with all their syncs. The backup is a link, or a copy if the
// target has a second name.
func BenchmarkUpdate(b *testing.B) {
	for _, size := range []int{1 << 20, 100 << 20} {
		for _, names := range []int{1, 2} {
			b.Run(fmt.Sprintf("size=%dMiB/names=%d", size>>20, names), func(b *testing.B) {
				benchmarkUpdate(b, size, names)
			})
		}
	}
}

func benchmarkUpdate(b *testing.B, size, names int) {
	b.Helper()
	target := filepath.Join(b.TempDir(), "tool")
	content := bytes.Repeat([]byte{0}, size)
	require.NoError(b, os.WriteFile(target, content, 0o755))
	parts := map[string]time.Duration{}
	for n := range b.N {
		b.StopTimer()
		if names == 2 {
			_ = os.Remove(target + ".other")
			require.NoError(b, os.Link(target, target+".other"))
		}
		copy(content, fmt.Sprint("version ", n, "\n"))
		hash := sum(content)
		b.StartTimer()
		last := time.Now()
		part := func(name string) {
			now := time.Now()
			parts[name] += now.Sub(last)
			last = now
		}
		s, err := Begin(context.Background(), target, Options{})
		require.NoError(b, err)
		path, err := s.StagePath()
		require.NoError(b, err)
		part("begin")
		f, err := os.Create(path)
		require.NoError(b, err)
		_, err = f.Write(content)
		require.NoError(b, err)
		require.NoError(b, f.Sync())
		require.NoError(b, f.Close())
		part("write")
		st, err := s.Seal(path, hash, int64(size))
		require.NoError(b, err)
		part("seal")
		_, err = s.Commit(st, Plan{})
		require.NoError(b, err)
		require.NoError(b, s.Close())
		part("commit")
	}
	for name, d := range parts {
		b.ReportMetric(float64(d.Microseconds())/1000/float64(b.N), name+"-ms/op")
	}
}

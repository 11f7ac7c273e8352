// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// exampleReport has a comparison of every part.
func exampleReport() *report {
	r := &report{Host: host{Go: "go1", Platform: "linux/amd64", Processor: "A & B", CPUs: 2, FileSystem: "ext4"}, Runs: 2}
	for _, part := range []string{partLoopback, partFast} {
		c := &comparison{Part: part, Subject: "nats-server", Size: 16 * megabyte}
		for _, l := range []struct {
			name       string
			wall, down float64
		}{
			{v010, 12, 600}, {selfupdate, 4, 650}, {noUpdater, 1, 1600},
			{ours + "bzip2", 5, 600}, {ours + "zstd", 1.25, 500}, {ours + patched, 0.5, 25},
		} {
			s := sample{Wall: l.wall, CPU: l.wall, Peak: 20 * mebibyte, traffic: traffic{Down: int64(l.down), Up: 300, Requests: 2}}
			slower := s
			slower.Wall *= 2
			c.Results = append(c.Results, result{Name: l.name, Samples: []sample{s, slower}})
		}
		r.Comparisons = append(r.Comparisons, c)
	}
	r.Check = &checkCost{Again: traffic{Down: 140, Up: 200, Requests: 1}, Later: traffic{Down: 130, Up: 200, Requests: 1}}
	r.Starts = []startCost{{Over: "nethttp", Wall: spread{0.002, 0.001, 0.003}, Peak: spread{mebibyte / 2, 0, 0}}}
	r.Links = []linkSize{{Platform: "linux/amd64", Size: map[string]int64{"nethttp": 5_000_000, "updater": 5_600_000}}}
	r.Bounds = r.bounds()
	return r
}

func TestBounds(t *testing.T) {
	var lines []string
	for _, b := range exampleReport().Bounds {
		lines = append(lines, b.String())
	}
	require.Equal(t, []string{
		"MISSED by  20% speed of zstd against v0.1.0 method, loopback, nats-server: 9.60x (at least 12.00x)",
		"ok             speed of zstd against minio/selfupdate, loopback, nats-server: 3.20x (at least 3.00x)",
		"ok             time of zstd against no updater, loopback, nats-server: 1.25x (at most 1.35x)",
		"ok             speed of bzip2 against v0.1.0 method, loopback, nats-server: 2.40x (at least 2.00x)",
		"ok             speed of patch against go-updater bzip2, loopback, nats-server: 10.00x (at least 1.00x)",
		"ok             bytes of a patch against the smallest full download, nats-server: 5.0% (at most 6.0%)",
		"ok             speed of zstd against v0.1.0 method, 100mbit, nats-server: 9.60x (at least 2.00x)",
		"ok             speed of patch against v0.1.0 method, 100mbit, nats-server: 24.00x (at least 10.00x)",
		"ok             requests of another Check, nothing new: 1 (at most 1)",
		"ok             bytes down of another Check, nothing new: 140 (at most 150)",
		"MISSED by 100% time of updater at the start of a program: 2.00 ms (at most 1.00 ms)",
		"ok             memory of updater in a program: 0.50 MiB (at most 1.00 MiB)",
		"ok             size of updater in a stripped program, linux/amd64: 600 KB (at most 600 KB)",
	}, lines)
	require.Equal(t, 2, exampleReport().missed())
}

func TestBoundsWithoutMeasurement(t *testing.T) {
	r := &report{Comparisons: []*comparison{{Part: partLoopback, Subject: "caddy", Results: []result{{Name: v010, Samples: []sample{{Wall: 1}}}}}}}
	r.Bounds = r.bounds()
	require.Len(t, r.Bounds, 6)
	for _, b := range r.Bounds {
		require.True(t, b.Missing, b.What)
		require.True(t, strings.HasPrefix(b.String(), "not measured   "), b.String())
	}
	require.Zero(t, r.missed())
}

func TestSizeBounds(t *testing.T) {
	r := &report{}
	for _, megabytes := range []int64{1, 100, 400} {
		l := result{Name: ours + "zstd", Samples: []sample{{Wall: float64(megabytes), Peak: float64(megabytes/10) * mebibyte}}}
		r.Comparisons = append(r.Comparisons, &comparison{Part: partSizes, Subject: sizeName(megabytes), Size: megabytes * megabyte, Results: []result{l}})
	}
	var lines []string
	for _, b := range r.sizeBounds() {
		if !b.Missing {
			lines = append(lines, b.String())
		}
	}
	require.Equal(t, []string{
		"ok             peak memory with zstd, 100 MB: 10.0 MiB (at most 24.0 MiB)",
		"MISSED by  67% peak memory with zstd, 400 MB: 40.0 MiB (at most 24.0 MiB)",
		"ok             time per MB, 400 MB against 100 MB, zstd: 1.00x (at most 1.25x)",
	}, lines)
}

func TestTable(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, exampleReport().print(&out))
	for _, want := range []string{
		"v0.1.0 method     18.00 s     1.00x [1.00, 1.00]  12.00 s     20.0 MiB   600 B  300 B         2\n",
		"go-updater zstd    1.88 s     9.60x [9.60, 9.60]   1.25 s     20.0 MiB   500 B  300 B         2\n",
		"same process             1  140 B  200 B\n",
		"linux/amd64     5000 KB    +600 KB",
	} {
		require.Contains(t, out.String(), want)
	}
	require.Error(t, exampleReport().print(full{}))
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestPlotIsWellFormed(t *testing.T) {
	plot, err := exampleReport().plot()
	require.NoError(t, err)
	elements := map[string]int{}
	for dec := xml.NewDecoder(bytes.NewReader(plot)); ; {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		if start, ok := token.(xml.StartElement); ok {
			elements[start.Name.Local]++
		}
	}
	require.Equal(t, 12, elements["rect"])
	require.Contains(t, string(plot), "A &amp; B")

	_, err = (&report{}).plot()
	require.ErrorContains(t, err, "nothing to plot")
}

func TestStatistics(t *testing.T) {
	require.Zero(t, median[float64](nil))
	require.EqualValues(t, 2, median([]int64{3, 1, 2}))
	require.EqualValues(t, 2.5, median([]float64{4, 1, 2, 3}))
	// The quotient of the medians would be 2.
	require.Equal(t, spread{3, 1, 4}, ratios([]float64{1, 6, 12}, []float64{1, 2, 3}))
	require.Equal(t, spread{-1, -2, 3}, differences([]float64{1, 2, 5}, []float64{2, 4, 2}))
	require.Equal(t, spread{}, ratios(nil, nil))
}

func TestLimiterHoldsTheRate(t *testing.T) {
	now := time.Unix(0, 0)
	l := newLimiter(8_000_000, func() time.Time { return now })
	for sent := 0; sent < 2_000_000; sent += chunk {
		// Real sleeps are often longer than requested.
		if wait := l.reserve(chunk); wait > 0 {
			now = now.Add(wait + 200*time.Microsecond)
		}
	}
	require.InDelta(t, 2, now.Sub(time.Unix(0, 0)).Seconds(), 0.1)

	// Unused time counts for one burst only.
	now = now.Add(time.Hour)
	require.Zero(t, l.reserve(burst))
	require.InDelta(t, time.Second, l.reserve(1_000_000), float64(time.Microsecond))
}

func TestServerCounts(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(root, "file"), make([]byte, 100_000), 0o600))
	for _, rate := range []int64{0, 1_000_000_000} {
		in, control := io.Pipe()
		replies, out := io.Pipe()
		done := make(chan error, 1)
		go func() { done <- serve(root, rate, in, out) }()
		s := &server{control: control, replies: bufio.NewReader(replies)}
		address, err := s.replies.ReadString('\n')
		require.NoError(t, err)

		resp, err := http.Get("http://" + strings.TrimSpace(address) + "/file")
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Len(t, body, 100_000)
		require.NotEmpty(t, resp.Header.Get("ETag"))

		got, err := s.take()
		require.NoError(t, err)
		require.EqualValues(t, 1, got.Requests)
		require.Greater(t, got.Down, int64(100_100))
		require.Less(t, got.Down, int64(100_500))
		require.Greater(t, got.Up, int64(50))
		got, err = s.take()
		require.NoError(t, err)
		require.Zero(t, got)

		require.NoError(t, control.Close())
		require.NoError(t, <-done)
	}
}

func TestSynthesise(t *testing.T) {
	sources := [][]byte{make([]byte, 70_000), make([]byte, 90_001)}
	for _, s := range sources {
		_, _ = rand.NewChaCha8([32]byte{byte(len(s))}).Read(s)
	}
	total := len(sources[0]) + len(sources[1])
	for _, size := range []int{1, 2, 1000, total - 1, total, total + 1, 3*total + 77} {
		var out bytes.Buffer
		require.NoError(t, synthesise(&out, sources, int64(size)))
		require.Equal(t, size, out.Len())
	}

	var out bytes.Buffer
	require.NoError(t, synthesise(&out, sources, int64(2*total)))
	first, second := out.Bytes()[:total], out.Bytes()[total:]
	require.True(t, bytes.Equal(slices.Concat(sources...), first))
	changed := 0
	for i := range first {
		if first[i] != second[i] {
			changed++
		}
	}
	require.InDelta(t, total/251, changed, 100)

	// The same bytes get the same edits at any offset.
	shifted := append([]byte("shift"), sources[0]...)
	require.True(t, bytes.Equal(edited(sources[0], 3)[8:], edited(shifted, 3)[13:]))
}

func TestHost(t *testing.T) {
	mounts := "/dev/a / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/b /tmp/disk xfs rw 0 0\n"
	for dir, want := range map[string]string{"/home/x": "ext4", "/tmp/y": "tmpfs", "/tmpfile": "ext4", "/tmp/disk": "xfs", "/tmp/disk/z": "xfs"} {
		require.Equal(t, want, fileSystem(mounts, dir), dir)
	}
	require.Equal(t, "unknown", fileSystem("", "/"))
	require.Equal(t, "Some CPU", processor("processor : 0\nmodel name\t: Some CPU\n"))
	require.Equal(t, "unknown processor", processor(""))
}

func TestArguments(t *testing.T) {
	for _, test := range []struct {
		args []string
		code int
	}{
		{[]string{"-h"}, 0},
		{[]string{"-none"}, 2},
		{[]string{"-only", "("}, 2},
		{[]string{"stray"}, 2},
		{[]string{"-n", "-1"}, 2},
		{[]string{serveCommand, ".", "fast"}, 1},
	} {
		require.Equal(t, test.code, run(context.Background(), test.args, strings.NewReader(""), io.Discard, io.Discard), "%q", test.args)
	}
	o, err := parse(nil, io.Discard)
	require.NoError(t, err)
	require.Equal(t, 5, o.runs)
	require.Equal(t, filepath.Join("..", "docs", "bench.svg"), o.svg)
	o, err = parse([]string{"-quick"}, io.Discard)
	require.NoError(t, err)
	require.Equal(t, 3, o.runs)
	require.Empty(t, o.svg)
}

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// soon is the idle time of tests over real sockets, and late their time limit.
const (
	soon = 300 * time.Millisecond
	late = 10 * time.Second
)

// Parallel tests here wait and do not compute.
func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// raw serves connections without net/http, which cannot send invalid responses.
func raw(t testing.TB, answer func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				answer(conn)
			}()
		}
	}()

	return l.Addr().String()
}

// says waits for a request and sends the pieces.
func says(pieces ...string) func(net.Conn) {
	return func(conn net.Conn) {
		_, err := http.ReadRequest(bufio.NewReader(conn))
		if err != nil {
			return
		}
		for _, piece := range pieces {
			_, err = io.WriteString(conn, piece)
			if err != nil {
				return
			}
		}
	}
}

// hold keeps a connection open until the client closes it.
func hold(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

func TestLyingServers(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\n"
	large := strings.Repeat("x", 1<<20)
	for _, tc := range []struct {
		name     string
		answer   func(net.Conn)
		document error
		artifact error
	}{
		{"honest", says(ok + "Content-Length: 5\r\n\r\nhello"), nil, nil},
		{"until the connection ends", says(ok + "\r\nhello"), nil, nil},
		{"content-length too large", says(ok + "Content-Length: 6\r\n\r\nhello"), ErrConnection, ErrLength},
		{"cut at the announced length", says(ok + "Content-Length: 5\r\n\r\nhel"), ErrConnection, ErrConnection},
		{"content-length too small", says(ok + "Content-Length: 4\r\n\r\nhello"), nil, ErrLength},
		{"content-length huge", says(ok + "Content-Length: 9223372036854775807\r\n\r\nhello"), ErrTooLarge, ErrLength},
		{"content-length negative", says(ok + "Content-Length: -5\r\n\r\nhello"), ErrConnection, ErrConnection},
		{"two content-lengths", says(ok + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello"), ErrConnection, ErrConnection},
		{"chunks cut", says(ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"), ErrConnection, ErrConnection},
		{"chunks too long", says(ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n96\r\n" + large[:150] + "\r\n0\r\n\r\n"), ErrTooLarge, ErrLength},
		{"transfer-encoding gzip", says(ok + "Transfer-Encoding: gzip\r\n\r\nhello"), ErrConnection, ErrConnection},
		{"header of 1 MB", says(ok + "X: " + large + "\r\nContent-Length: 5\r\n\r\nhello"), ErrConnection, ErrConnection},
		{"headers without end", says(ok + strings.Repeat("X: y\r\n", 1<<17)), ErrConnection, ErrConnection},
		{"endless interim responses", says(strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", 1<<16)), ErrConnection, ErrConnection},
		{"status line of 1 MB", says("HTTP/1.1 200 " + large + "\r\nContent-Length: 5\r\n\r\nhello"), ErrConnection, ErrConnection},
		{"not HTTP", says("\x1b]0;owned\x07SSH-2.0-x\r\n"), ErrConnection, ErrConnection},
		{"header with an escape sequence", says(ok + "X\x1b[31m\r\n\r\nhello"), ErrConnection, ErrConnection},
		{"nothing", says(), ErrConnection, ErrConnection},
		{"escape sequence as reason", says("HTTP/1.1 500 \x1b[31mred\r\nContent-Length: 0\r\n\r\n"), ErrStatus, ErrStatus},
		{"name in a header", says(ok + "Content-Disposition: attachment; filename=\"../../x\"\r\nContent-Length: 5\r\n\r\nhello"), nil, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			u := parse(t, "http://"+raw(t, tc.answer)+"/x")
			c := client(t, nil, Options{Idle: late})

			doc, err := c.Document(t.Context(), u, 100)
			require.ErrorIs(t, err, tc.document)
			if err != nil {
				require.Empty(t, doc)
				require.NotContains(t, err.Error(), "\x1b")
				require.Less(t, len(err.Error()), 1000)
			}

			var w bytes.Buffer
			err = c.Artifact(t.Context(), u, 5, &w, nil)
			require.ErrorIs(t, err, tc.artifact)
			require.LessOrEqual(t, w.Len(), 5)
			if err == nil {
				require.Equal(t, "hello", w.String())
			}
		})
	}
}

func TestTruncationIsNamed(t *testing.T) {
	u := parse(t, "http://"+raw(t, says("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"))+"/x")
	err := client(t, nil, Options{}).Artifact(t.Context(), u, 5, io.Discard, nil)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

// trickle sends piece repeatedly.
func trickle(conn net.Conn, piece string, every time.Duration) {
	for {
		_, err := io.WriteString(conn, piece)
		if err != nil {
			return
		}
		time.Sleep(every)
	}
}

// stalls are the ways in which a server delays a client.
var stalls = []struct {
	name, scheme string
	answer       func(net.Conn)
}{
	{"accepts and says nothing", "http", hold},
	{"TLS handshake that never ends", "https", hold},
	{"half a TLS record", "https", func(conn net.Conn) {
		_, _ = conn.Write([]byte{0x16, 3, 3, 0x40, 0})
		hold(conn)
	}},
	{"headers that never end", "http", func(conn net.Conn) {
		says("HTTP/1.1 200 OK\r\nX: ")(conn)
		trickle(conn, "x", 20*time.Millisecond)
	}},
	{"interim responses that never end", "http", func(conn net.Conn) {
		says()(conn)
		trickle(conn, "HTTP/1.1 103 Early Hints\r\n\r\n", 20*time.Millisecond)
	}},
	{"stall after the headers", "http", func(conn net.Conn) {
		says("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")(conn)
		hold(conn)
	}},
	{"stall in mid-body", "http", func(conn net.Conn) {
		says("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", strings.Repeat("x", 4000))(conn)
		hold(conn)
	}},
	{"stall before the last chunk", "http", func(conn net.Conn) {
		says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1388\r\n", strings.Repeat("x", 5000), "\r\n")(conn)
		hold(conn)
	}},
	{"a byte now and then", "http", func(conn net.Conn) {
		says("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")(conn)
		trickle(conn, "x", 50*time.Millisecond)
	}},
	{"stall in a redirect's body", "http", func(conn net.Conn) {
		says("HTTP/1.1 302 Found\r\nLocation: /y\r\nContent-Length: 1000\r\n\r\n")(conn)
		hold(conn)
	}},
}

func TestSlowRetrieval(t *testing.T) {
	for _, tc := range stalls {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			u := parse(t, tc.scheme+"://"+raw(t, tc.answer)+"/x")
			c := client(t, nil, Options{Idle: soon})

			start := time.Now()
			err := c.Artifact(t.Context(), u, 5000, io.Discard, nil)
			require.ErrorIs(t, err, ErrStalled)
			require.Less(t, time.Since(start), late)

			_, err = c.Document(t.Context(), u, 5000)
			require.ErrorIs(t, err, ErrStalled)
		})
	}

	t.Run("stall over HTTP/2", func(t *testing.T) {
		t.Parallel()
		release := make(chan struct{})
		srv := serveTLS(t, func(w http.ResponseWriter, r *http.Request) {
			if r.ProtoMajor != 2 {
				w.WriteHeader(http.StatusHTTPVersionNotSupported)
				return
			}
			honest(w, r)
			w.(http.Flusher).Flush()
			<-release
		})
		defer close(release)
		err := client(t, srv, Options{Idle: soon}).Artifact(t.Context(), parse(t, srv.URL), 5000, io.Discard, nil)
		require.ErrorIs(t, err, ErrStalled)
	})
}

func TestCancelling(t *testing.T) {
	for _, tc := range stalls {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			u := parse(t, tc.scheme+"://"+raw(t, tc.answer)+"/x")
			c := client(t, nil, Options{Idle: time.Hour})
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(100*time.Millisecond, cancel)

			start := time.Now()
			err := c.Artifact(ctx, u, 5000, io.Discard, nil)
			require.ErrorIs(t, err, context.Canceled)
			require.NotErrorIs(t, err, ErrConnection)
			require.Less(t, time.Since(start), 15*time.Second)
		})
	}

	t.Run("deadline", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, err := client(t, nil, Options{}).Document(ctx, parse(t, "http://"+raw(t, hold)), 100)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

// paced downloads size bytes, piece bytes each time, with headers after a delay,
// the default idle time and the clock of synctest.
func paced(t *testing.T, delay time.Duration, size, piece int, each time.Duration, write func()) (err error) {
	synctest.Test(t, func(t *testing.T) {
		var server sync.WaitGroup
		defer server.Wait()
		transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
			near, far := net.Pipe()
			server.Go(func() {
				defer far.Close()
				says()(far)
				time.Sleep(delay)
				_, err := fmt.Fprintf(far, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", size)
				if err != nil {
					return
				}
				for left := size; left > 0; left -= piece {
					time.Sleep(each)
					_, err := far.Write(make([]byte, min(left, piece)))
					if err != nil {
						return
					}
				}
			})

			return near, nil
		}}
		defer transport.CloseIdleConnections()
		c, nerr := New(Options{HTTP: &http.Client{Transport: transport}})
		require.NoError(t, nerr)
		err = c.Artifact(t.Context(), parse(t, "http://repo.example/x"), int64(size), io.Discard, func(int64) { write() })
	})

	return err
}

func TestHonestSlowLink(t *testing.T) {
	nothing := func() {}
	require.NoError(t, paced(t, 0, 600_000, 1000, time.Second, nothing), "1 kB/s for ten minutes")
	require.NoError(t, paced(t, 0, 600_000, 16<<10, 16400*time.Millisecond, nothing), "the same in whole TLS records")
	require.NoError(t, paced(t, 0, 60_000, 550, time.Second, nothing))
	require.NoError(t, paced(t, defaultIdle-time.Second, 60_000, 550, time.Second, nothing), "headers take a window of their own")
	require.NoError(t, paced(t, 0, 20, 1, time.Second, nothing), "done before the idle time is")

	require.ErrorIs(t, paced(t, defaultIdle+time.Second, 60_000, 550, time.Second, nothing), ErrStalled)
	require.ErrorIs(t, paced(t, 0, 60_000, 500, time.Second, nothing), ErrStalled)
	require.ErrorIs(t, paced(t, 0, 60_000, 1, time.Second, nothing), ErrStalled, "one byte a second")
}

// A disk or a user that takes an hour is not the server's fault.
func TestTimeSpentWritingDoesNotCount(t *testing.T) {
	require.NoError(t, paced(t, 0, 10_000, 1000, time.Second, func() { time.Sleep(time.Hour) }))
}

// A timer may fire just before it is stopped.
func TestLateTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		d := newWatchdog(time.Minute, cancel)

		d.wait()
		time.Sleep(50 * time.Second)
		d.arrived(1)
		time.Sleep(time.Minute)
		d.expired()
		require.NoError(t, ctx.Err(), "no wait is running")

		d.wait()
		time.Sleep(9 * time.Second)
		d.expired()
		require.NoError(t, ctx.Err(), "a second is left")
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.ErrorIs(t, context.Cause(ctx), ErrStalled)
		d.pause()
	})
}

func TestLeastBytes(t *testing.T) {
	require.EqualValues(t, 15360, leastBytes(defaultIdle))
	require.EqualValues(t, 1, leastBytes(time.Millisecond))
}

func TestNothingIsLeftRunning(t *testing.T) {
	srv := serve(t, honest)
	before := runtime.NumGoroutine()
	func() {
		c, err := New(Options{Idle: soon, Wait: instantly})
		require.NoError(t, err)
		_, err = c.Document(t.Context(), parse(t, srv.URL), 1)
		require.ErrorIs(t, err, ErrTooLarge)
		var all sync.WaitGroup
		stalled := make([]error, len(stalls))
		for i, tc := range stalls {
			u := parse(t, tc.scheme+"://"+raw(t, tc.answer)+"/x")
			all.Go(func() { _, stalled[i] = c.Document(t.Context(), u, 5000) })
		}
		all.Wait()
		for i, tc := range stalls {
			require.ErrorIs(t, stalled[i], ErrStalled, tc.name)
		}
		_, err = c.Document(t.Context(), parse(t, srv.URL), 100)
		require.NoError(t, err)
	}()

	// Abandoned dials end one second after the idle time. Each listener of raw
	// has a goroutine until the test ends.
	want := before + len(stalls)
	for deadline := time.Now().Add(2 * late); runtime.NumGoroutine() > want && time.Now().Before(deadline); {
		time.Sleep(50 * time.Millisecond)
	}
	require.LessOrEqual(t, runtime.NumGoroutine(), want)
}

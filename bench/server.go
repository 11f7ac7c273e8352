// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// serveCommand is the hidden first argument that makes this program a server.
const serveCommand = "serve"

// traffic counts bytes on the connection, headers included.
type traffic struct {
	Down     int64 `json:"down"` // bytes sent by the server
	Up       int64 `json:"up"`   // bytes received by the server
	Requests int64 `json:"requests"`
}

// server is a child process, so that its memory and CPU time count for no candidate.
type server struct {
	url     string
	cmd     *exec.Cmd
	control io.WriteCloser
	replies *bufio.Reader
}

// startServer serves root on loopback until close is called or this process ends. A rate
// of 0 is unlimited.
func startServer(ctx context.Context, root string, bitsPerSecond int64) (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, serveCommand, root, strconv.FormatInt(bitsPerSecond, 10))
	cmd.Stderr = os.Stderr
	control, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &server{cmd: cmd, control: control, replies: bufio.NewReader(out)}
	address, err := s.replies.ReadString('\n')
	if err != nil {
		s.close()
		return nil, fmt.Errorf("starting the server: %w", err)
	}
	s.url = "http://" + address[:len(address)-1]
	return s, nil
}

// take returns the traffic since it was last called.
func (s *server) take() (t traffic, err error) {
	if _, err = io.WriteString(s.control, "take\n"); err != nil {
		return t, fmt.Errorf("reading traffic from the server: %w", err)
	}
	line, err := s.replies.ReadBytes('\n')
	if err != nil {
		return t, fmt.Errorf("reading traffic from the server: %w", err)
	}
	return t, json.Unmarshal(line, &t)
}

func (s *server) close() {
	// The server ends when its standard input is closed. Its exit code does not matter.
	_ = s.control.Close()
	_ = s.cmd.Wait()
}

// serve is the child process. It serves files below root, prints a line with its address,
// and a line of traffic for each line that it reads.
func serve(root string, bitsPerSecond int64, in io.Reader, out io.Writer) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	c := &counters{busy: map[net.Conn]bool{}}
	var limit *limiter
	if bitsPerSecond > 0 {
		limit = newLimiter(bitsPerSecond, time.Now)
	}
	files := http.FileServer(http.Dir(root))
	srv := &http.Server{
		ReadHeaderTimeout: 10 * time.Second,
		ConnState:         c.state,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c.requests.Add(1)
			tag(w.Header(), filepath.Join(root, filepath.FromSlash(path.Clean("/"+r.URL.Path))))
			files.ServeHTTP(w, r)
		}),
	}
	go func() { _ = srv.Serve(countedListener{listener, c, limit}) }()
	defer srv.Close()

	if _, err := fmt.Fprintln(out, listener.Addr()); err != nil {
		return err
	}
	for lines := bufio.NewScanner(in); lines.Scan(); {
		if err := json.NewEncoder(out).Encode(c.take()); err != nil {
			return err
		}
	}
	return nil
}

// tag sets an ETag as web servers do. http.FileServer sets none.
func tag(h http.Header, file string) {
	if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
		h.Set("ETag", fmt.Sprintf("\"%x-%x\"", info.ModTime().Unix(), info.Size()))
	}
}

type counters struct {
	down, up, requests atomic.Int64

	mu   sync.Mutex
	busy map[net.Conn]bool // connections with an unfinished response
}

// state is the ConnState hook. The bytes of a response are counted before it is called.
func (c *counters) state(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if state == http.StateActive {
		c.busy[conn] = true
	} else {
		delete(c.busy, conn)
	}
}

func (c *counters) active() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.busy) > 0
}

// take returns the traffic since the last call. It waits for unfinished responses, because
// a client can exit before the server has counted its last bytes.
func (c *counters) take() traffic {
	for deadline := time.Now().Add(time.Second); c.active() && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	return traffic{Down: c.down.Swap(0), Up: c.up.Swap(0), Requests: c.requests.Swap(0)}
}

type countedListener struct {
	net.Listener
	counters *counters
	limit    *limiter
}

func (l countedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil, errors.Join(errors.New("not a TCP connection"), conn.Close())
	}
	if l.limit != nil {
		return &slowConn{&countedConn{tcp, l.counters}, l.limit}, nil
	}
	return &fastConn{&countedConn{tcp, l.counters}}, nil
}

type countedConn struct {
	*net.TCPConn
	counters *counters
}

func (c *countedConn) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	c.counters.up.Add(int64(n))
	return n, err
}

func (c *countedConn) Write(p []byte) (int, error) {
	n, err := c.TCPConn.Write(p)
	c.counters.down.Add(int64(n))
	return n, err
}

// fastConn keeps sendfile, because the server shares the CPUs with the measured program.
type fastConn struct{ *countedConn }

func (c *fastConn) ReadFrom(r io.Reader) (int64, error) {
	n, err := c.TCPConn.ReadFrom(r)
	c.counters.down.Add(n)
	return n, err
}

// slowConn limits the rate. Its ReadFrom uses Write instead of sendfile.
type slowConn struct {
	*countedConn
	limit *limiter
}

func (c *slowConn) Write(p []byte) (int, error) {
	sent := 0
	for sent < len(p) {
		part := p[sent:min(len(p), sent+chunk)]
		time.Sleep(c.limit.reserve(len(part)))
		n, err := c.countedConn.Write(part)
		sent += n
		if err != nil {
			return sent, err
		}
	}
	return sent, nil
}

func (c *slowConn) ReadFrom(r io.Reader) (int64, error) {
	return io.Copy(struct{ io.Writer }{c}, r)
}

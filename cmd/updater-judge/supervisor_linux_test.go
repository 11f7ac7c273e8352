// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// supervisor stands for systemd with a unit of Type=notify: it runs ExecStartPre, ignores
// how that ends, starts the program, kills what does not become ready in time, and starts
// again what ended. TestSystemd does the same with the real one.
type supervisor struct {
	pre, start   []string
	startTimeout time.Duration
	restart      time.Duration

	pass   time.Duration // that the machine's clock advances by with each start; 0 for the real clock
	passed time.Duration

	output bytes.Buffer
}

// newSupervisor returns one for the unit, in a hurry: RestartSec and TimeoutStartSec are
// as short as the judge permits.
func newSupervisor(pre, start []string) *supervisor {
	return &supervisor{pre: pre, start: start, startTimeout: 5 * time.Second, restart: 1100 * time.Millisecond}
}

// command returns a command at the present time of the machine.
func (s *supervisor) command(ctx context.Context, args []string) *exec.Cmd {
	if s.pass > 0 {
		args = append([]string{"unshare", "--time", "--boottime", strconv.Itoa(int(s.passed.Seconds()))}, args...)
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = &s.output, &s.output
	return cmd
}

// untilReady starts the program until it is ready, then kills it, and returns the number
// of starts.
func (s *supervisor) untilReady(t *testing.T, most int) (starts int) {
	t.Helper()
	dir, err := os.MkdirTemp("", "notify-") // the path of a socket must be short
	require.NoError(t, err)
	defer os.RemoveAll(dir)
	socket := filepath.Join(dir, "socket")
	inbox, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	require.NoError(t, err)
	defer inbox.Close()
	for starts = 1; starts <= most; starts++ {
		_ = s.command(t.Context(), s.pre).Run()
		if s.becomesReady(t, inbox, socket) {
			return starts
		}
		s.passed += s.pass
		if s.pass == 0 {
			time.Sleep(s.restart)
		}
	}
	require.Fail(t, "the program does not become ready", "%d starts\n%s", most, s.output.String())
	return 0
}

// becomesReady starts the program once.
func (s *supervisor) becomesReady(t *testing.T, inbox *net.UnixConn, socket string) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), s.startTimeout)
	defer cancel()
	cmd := s.command(ctx, s.start)
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+socket)
	if err := cmd.Start(); err != nil {
		return false // no loader
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
		_ = inbox.SetReadDeadline(time.Now())
	}()
	require.NoError(t, inbox.SetReadDeadline(time.Time{}))
	message := make([]byte, 100)
	n, err := inbox.Read(message)
	cancel()
	<-ended
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	require.NoError(t, err)
	return strings.HasPrefix(string(message[:n]), "READY=1")
}

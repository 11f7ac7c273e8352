// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package term

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// pty is a terminal. The test types into master and reads screen.
type pty struct {
	master, slave *os.File
	mu            sync.Mutex
	shown         bytes.Buffer
}

func openPTY(t *testing.T) *pty {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("NOT PROVEN: no pseudo-terminals here: %v", err)
	}
	raw, err := master.SyscallConn()
	require.NoError(t, err)
	var number int
	require.NoError(t, raw.Control(func(fd uintptr) {
		if err = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); err == nil {
			number, err = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
	}))
	require.NoError(t, err)
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	p := &pty{master: master, slave: slave}
	t.Cleanup(func() { slave.Close(); master.Close() })
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := master.Read(buf)
			p.mu.Lock()
			p.shown.Write(buf[:n])
			p.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return p
}

func (p *pty) screen() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.shown.String()
}

func (p *pty) echoes(t *testing.T) bool {
	t.Helper()
	attr, err := unix.IoctlGetTermios(int(p.slave.Fd()), unix.TCGETS)
	require.NoError(t, err)
	return attr.Lflag&unix.ECHO != 0
}

// answer types a line as soon as the prompt appears.
func (p *pty) answer(t *testing.T, prompt, line string) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(p.screen(), prompt) }, 10*time.Second, 5*time.Millisecond)
	_, err := p.master.WriteString(line + "\n")
	require.NoError(t, err)
}

func TestReadHidden(t *testing.T) {
	p := openPTY(t)
	require.True(t, p.echoes(t))
	done := make(chan string, 1)
	go func() {
		lines, err := readHidden(context.Background(), p.slave, p.slave, "Pass\x1b[2J: ")
		done <- fmt.Sprintf("%s %v", lines, err)
	}()
	p.answer(t, `Pass\x1b[2J: `, "hunter2")
	require.Equal(t, "[hunter2] <nil>", <-done)
	require.True(t, p.echoes(t), "the terminal is restored")
	require.Eventually(t, func() bool { return strings.HasSuffix(p.screen(), "\r\n") }, 10*time.Second, 5*time.Millisecond)
	require.NotContains(t, p.screen(), "hunter2")
}

// The terminal turns a typed Ctrl-C into a signal.
func TestInterruptRestoresTerminal(t *testing.T) {
	p := openPTY(t)
	cmd, out, stderr := asker(t, p, false)
	p.answer(t, "New passphrase for the key: ", "half a pass\x03")
	require.Error(t, cmd.Wait())
	require.Equal(t, ExitInterrupted, cmd.ProcessState.ExitCode())
	require.Equal(t, "ask: error: interrupted\n", stderr.String())
	require.Equal(t, `got ""`, out.String())
	require.True(t, p.echoes(t), "the terminal is restored")
}

// writerFunc is called when something is written.
type writerFunc func()

func (w writerFunc) Write(p []byte) (int, error) {
	w()
	return len(p), nil
}

// Ctrl-C as soon as the prompt appears.
func TestInterruptAtOnceRestoresTerminal(t *testing.T) {
	p := openPTY(t)
	readers := runtime.NumGoroutine()
	ctx, cancel := context.WithCancel(context.Background())
	_, err := readHidden(ctx, p.slave, writerFunc(cancel), "Passphrase: ")
	require.ErrorIs(t, err, context.Canceled)
	require.Never(t, func() bool { return !p.echoes(t) }, 50*time.Millisecond, 5*time.Millisecond, "echo stays on")

	// The abandoned read must not consume what the next test types.
	_, err = p.master.WriteString("\n")
	require.NoError(t, err)
	require.Eventually(t, func() bool { return runtime.NumGoroutine() <= readers+1 }, 10*time.Second, 5*time.Millisecond)
}

func TestNoPromptAfterInterrupt(t *testing.T) {
	p := openPTY(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := readHidden(ctx, p.slave, writerFunc(func() { require.Fail(t, "prompted") }), "Passphrase: ")
	require.ErrorIs(t, err, context.Canceled)
	require.True(t, p.echoes(t))
}

func TestColorsAndBarsOnTerminalOnly(t *testing.T) {
	for name, tc := range map[string]struct {
		env   map[string]string
		fancy bool
	}{
		"terminal": {nil, true},
		"NO_COLOR": {map[string]string{"NO_COLOR": "1"}, false},
		"CI":       {map[string]string{"CI": "true"}, false},
		"dumb":     {map[string]string{"TERM": "dumb"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			for k, v := range map[string]string{"NO_COLOR": "", "CI": "", "TERM": "xterm"} {
				t.Setenv(k, v)
			}
			for k, v := range tc.env {
				t.Setenv(k, v)
			}
			p := openPTY(t)
			c := NewConsole("tool", nil, nil, p.slave)
			c.Warning("careful \x1b[2J")
			bar := c.Progress("x", 100)
			bar.Set(50)
			bar.Set(100)
			bar.Close()
			c.Hint("the end")
			require.Eventually(t, func() bool { return strings.Contains(p.screen(), "the end") }, 10*time.Second, 5*time.Millisecond)
			require.NotContains(t, p.screen(), "\x1b[2J")
			require.Equal(t, tc.fancy, strings.Contains(p.screen(), "\x1b[33mwarning:\x1b[0m"), "%q", p.screen())
			require.Equal(t, !tc.fancy, strings.Contains(p.screen(), "x: 100% of 100 B"), "%q", p.screen())
		})
	}
	require.False(t, fancy(&bytes.Buffer{}))
	require.False(t, fancy((*os.File)(nil)))
}

// askHelper makes the test binary a command that asks for a passphrase.
const askHelper = "TERM_TEST_ASK"

func TestMain(m *testing.M) {
	if os.Getenv(askHelper) == "" {
		os.Exit(m.Run())
	}
	c := NewConsole("ask", os.Stdin, os.Stdout, os.Stderr)
	s := PassphraseSource{flag: "passphrase"}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	p, err := s.New(ctx, c, "the key")
	fmt.Printf("got %q", p)
	os.Exit(c.Fail(err))
}

// asker starts the helper in a new session, with p as its terminal if not nil.
func asker(t *testing.T, p *pty, onStdin bool) (*exec.Cmd, *bytes.Buffer, *bytes.Buffer) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), askHelper+"=1", "COSIGN_PASSWORD=another tool's", "CI=1")
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	cmd.Stdin = strings.NewReader("piped\npiped\n")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if p != nil {
		cmd.ExtraFiles = []*os.File{p.slave}
		if onStdin {
			cmd.Stdin, cmd.Stderr = p.slave, p.slave
		} else {
			cmd.SysProcAttr.Setctty, cmd.SysProcAttr.Ctty = true, 3
		}
	}
	require.NoError(t, cmd.Start())
	return cmd, &out, &stderr
}

func TestNewAsksTwice(t *testing.T) {
	for name, onStdin := range map[string]bool{"on the controlling terminal": false, "on standard input": true} {
		t.Run(name, func(t *testing.T) {
			p := openPTY(t)
			cmd, out, stderr := asker(t, p, onStdin)
			p.answer(t, "New passphrase for the key: ", "hunter2")
			p.answer(t, "Repeat the passphrase: ", "hunter2")
			require.NoError(t, cmd.Wait(), "%s", stderr)
			require.Equal(t, `got "hunter2"`, out.String())
			require.NotContains(t, p.screen()+stderr.String(), "hunter2")
			require.True(t, p.echoes(t))
		})
	}
	t.Run("differing", func(t *testing.T) {
		p := openPTY(t)
		cmd, _, stderr := asker(t, p, false)
		p.answer(t, "New passphrase for the key: ", "hunter2")
		p.answer(t, "Repeat the passphrase: ", "hunter3")
		require.Error(t, cmd.Wait())
		require.Equal(t, ExitFailed, cmd.ProcessState.ExitCode())
		require.Equal(t, "ask: error: "+errRepeat.Error()+"\n", stderr.String())
	})
	t.Run("empty", func(t *testing.T) {
		p := openPTY(t)
		cmd, _, stderr := asker(t, p, false)
		p.answer(t, "New passphrase for the key: ", "")
		p.answer(t, "Repeat the passphrase: ", "")
		require.Error(t, cmd.Wait())
		require.Contains(t, stderr.String(), errNoPassphrase.Error())
	})
	t.Run("without a terminal", func(t *testing.T) {
		cmd, out, stderr := asker(t, nil, false)
		require.Error(t, cmd.Wait())
		require.Equal(t, ExitMisuse, cmd.ProcessState.ExitCode())
		require.Contains(t, stderr.String(), "--passphrase-file")
		require.Equal(t, `got ""`, out.String(), "piped input and variables of other tools are not used")
	})
}

func TestPassphraseFilePermissions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p")
	require.NoError(t, os.WriteFile(path, []byte("secret\n"), 0o600))
	require.NoError(t, os.Chmod(path, 0o640))
	var stderr bytes.Buffer
	got, err := source(t, "--passphrase-file="+path).Known(context.Background(), NewConsole("tool", nil, nil, &stderr), "k")
	require.NoError(t, err)
	require.Equal(t, "secret", string(got))
	require.Contains(t, stderr.String(), "tool: warning: passphrase file")

	// An interrupt ends the wait for a pipe.
	fifo := filepath.Join(t.TempDir(), "fifo")
	require.NoError(t, unix.Mkfifo(fifo, 0o600))
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err = source(t, "--passphrase-file="+fifo).Known(ctx, NewConsole("tool", nil, nil, &stderr), "k")
	require.ErrorIs(t, err, context.DeadlineExceeded)

	p := openPTY(t)
	_, err = source(t, "--passphrase-file="+p.slave.Name()).Known(context.Background(), NewConsole("tool", nil, nil, &stderr), "k")
	require.ErrorContains(t, err, "is a terminal")
}

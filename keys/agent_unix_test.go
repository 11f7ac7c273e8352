// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package keys

import (
	"context"
	"crypto/ed25519"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sigstore/sigstore/pkg/signature/options"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// startAgent runs ssh-agent until the test ends.
func startAgent(t *testing.T) {
	t.Helper()
	tool(t, "ssh-add")
	dir, err := os.MkdirTemp("", "agent") // a socket's path must be short
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	cmd := exec.Command(tool(t, "ssh-agent"), "-D", "-a", socket)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	t.Setenv("SSH_AUTH_SOCK", socket)
	require.Eventually(t, func() bool {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			conn.Close()
		}
		return err == nil
	}, 10*time.Second, 10*time.Millisecond)
}

func sshAdd(t *testing.T, name string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(path, testdata(t, name), 0o600))
	out, err := exec.Command("ssh-add", path).CombinedOutput()
	require.NoError(t, err, "%s", out)
}

func TestAgent(t *testing.T) {
	startAgent(t)
	sshAdd(t, "openssh")
	sshAdd(t, "openssh-rsa")
	list, err := exec.Command("ssh-add", "-l").Output()
	require.NoError(t, err)
	fingerprints := regexp.MustCompile(`SHA256:\S+`).FindAllString(string(list), -1)
	require.Len(t, fingerprints, 2)
	public, err := ParsePublic(testdata(t, "openssh.pub"))
	require.NoError(t, err)
	require.Equal(t, fingerprints[0], public[0].SSHFingerprint())

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s, key, err := Resolve(ctx, "ssh-agent:"+fingerprints[0], Options{})
	require.NoError(t, err)
	require.Equal(t, public[0].Key, key)
	for _, message := range []string{"", "message", strings.Repeat("x", maxAgentMessage)} {
		sig, err := s.SignMessage(strings.NewReader(message))
		require.NoError(t, err)
		require.True(t, ed25519.Verify(key.Bytes(), []byte(message), sig), "pure Ed25519 of the plain message")
	}
	pub, err := s.PublicKey()
	require.NoError(t, err)
	require.Equal(t, ed25519.PublicKey(key.Bytes()), pub)

	_, err = s.SignMessage(strings.NewReader(strings.Repeat("x", maxAgentMessage+1)))
	require.ErrorIs(t, err, ErrAgent)
	_, _, err = Resolve(ctx, "ssh-agent:"+fingerprints[1], Options{})
	require.ErrorIs(t, err, ErrNotEd25519)
	_, _, err = Resolve(ctx, "ssh-agent:SHA256:"+strings.Repeat("A", 43), Options{})
	require.ErrorIs(t, err, ErrAgent)
	require.ErrorContains(t, err, "no key \"SHA256:AAA")

	// The key was removed from the agent.
	require.NoError(t, exec.Command("ssh-add", "-D").Run())
	_, err = s.SignMessage(strings.NewReader("message"))
	require.ErrorIs(t, err, ErrAgent)
	cancel()
	_, err = s.SignMessage(strings.NewReader("message"), options.WithContext(ctx))
	require.ErrorIs(t, err, context.Canceled)
}

// fakeAgent calls serve for each connection to the agent.
func fakeAgent(t *testing.T, serve func(net.Conn)) {
	t.Helper()
	dir, err := os.MkdirTemp("", "agent")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	t.Setenv("SSH_AUTH_SOCK", l.Addr().String())
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serve(conn)
		}
	}()
}

// lyingAgent holds one key and signs with another.
type lyingAgent struct{ agent.Agent }

func (lyingAgent) Sign(ssh.PublicKey, []byte) (*ssh.Signature, error) {
	return &ssh.Signature{Format: ssh.KeyAlgoED25519, Blob: make([]byte, ed25519.SignatureSize)}, nil
}

func TestAgentIsNotTrusted(t *testing.T) {
	k := rfcKey(t)
	ring := agent.NewKeyring()
	require.NoError(t, ring.Add(agent.AddedKey{PrivateKey: k.secret().key}))
	fakeAgent(t, func(c net.Conn) { defer c.Close(); _ = agent.ServeAgent(lyingAgent{ring}, c) })

	s, _, err := Resolve(context.Background(), "ssh-agent:"+k.Public().SSHFingerprint(), Options{})
	require.NoError(t, err)
	_, err = s.SignMessage(strings.NewReader("message"))
	require.ErrorIs(t, err, ErrAgent)
	require.ErrorContains(t, err, "does not verify under the key")
}

// An agent may never answer, for example while it waits for a user.
func TestAgentCanBeInterrupted(t *testing.T) {
	fakeAgent(t, func(c net.Conn) { time.Sleep(time.Minute); c.Close() })
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, _, err := Resolve(ctx, "ssh-agent:SHA256:x", Options{})
	require.ErrorIs(t, err, context.DeadlineExceeded)

	ctx, cancel = context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err = agentSigner{rfcKey(t).Public().Key}.SignMessage(strings.NewReader("x"), options.WithContext(ctx))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Less(t, time.Since(start), 10*time.Second)
}

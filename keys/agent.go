// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"github.com/sigstore/sigstore/pkg/signature"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/choria-io/go-updater/trust"
)

// maxAgentMessage is less than the 256 KiB at which OpenSSH's agent disconnects.
const maxAgentMessage = 128 << 10

// agentSigner signs with a key that ssh-agent holds. An agent signs plain data
// with ssh-ed25519 exactly as RFC 8032 says, without a wrapper (RFC 8709 §6).
type agentSigner struct {
	key trust.Key
}

// resolveAgent finds a key by its OpenSSH fingerprint, SHA256:….
func resolveAgent(ctx context.Context, fingerprint string) (agentSigner, error) {
	var found agentSigner
	// Anything else is not quoted, because it may be the key itself.
	if !strings.HasPrefix(fingerprint, "SHA256:") {
		return found, fmt.Errorf("%w: expected ssh-agent:SHA256:…, as ssh-add -l prints it", ErrUnsupported)
	}
	err := withAgent(ctx, func(a agent.Agent) error {
		held, err := a.List()
		if err != nil {
			return err
		}
		for _, candidate := range held {
			if ssh.FingerprintSHA256(candidate) != fingerprint {
				continue
			}
			key, err := parseSSHKey(candidate.Blob)
			if err != nil {
				return err
			}
			found = agentSigner{key}
			return nil
		}
		return fmt.Errorf("no key %q among %d keys (ssh-add -l lists them)", fingerprint, len(held))
	})
	return found, err
}

// withAgent calls use with a new connection, which is closed when ctx ends.
func withAgent(ctx context.Context, use func(agent.Agent) error) error {
	path := os.Getenv("SSH_AUTH_SOCK")
	if path == "" {
		return fmt.Errorf("%w: not running (SSH_AUTH_SOCK is not set)", ErrAgent)
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", path)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrAgent, err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()

	err = use(agent.NewClient(conn))
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%w: %w", ErrAgent, context.Cause(ctx))
	case errors.Is(err, ErrNotEd25519), errors.Is(err, trust.ErrBadKey):
		return err
	}
	return fmt.Errorf("%w: %w", ErrAgent, err)
}

// PublicKey implements signature.Signer.
func (s agentSigner) PublicKey(...signature.PublicKeyOption) (crypto.PublicKey, error) {
	return ed25519.PublicKey(s.key.Bytes()), nil
}

// SignMessage implements signature.Signer.
func (s agentSigner) SignMessage(message io.Reader, opts ...signature.SignOption) ([]byte, error) {
	ctx := context.Background()
	for _, o := range opts {
		o.ApplyContext(&ctx)
	}
	data, err := io.ReadAll(io.LimitReader(message, maxAgentMessage+1))
	if err != nil {
		return nil, fmt.Errorf("reading the message: %w", err)
	}
	if len(data) > maxAgentMessage {
		return nil, fmt.Errorf("%w: the message is larger than %d bytes", ErrAgent, maxAgentMessage)
	}
	var blob []byte
	err = withAgent(ctx, func(a agent.Agent) error {
		sig, err := a.Sign(sshKey(s.key), data)
		if err != nil {
			return err
		}
		// The agent is not trusted.
		if !ed25519.Verify(s.key.Bytes(), data, sig.Blob) {
			return errors.New("it returned a signature that does not verify under the key")
		}
		blob = bytes.Clone(sig.Blob)
		return nil
	})
	return blob, err
}

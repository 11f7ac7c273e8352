// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/sigstore/sigstore/pkg/signature"

	"github.com/choria-io/go-updater/trust"
)

// Options connect the functions that read private keys to a user.
type Options struct {
	// Passphrase returns the passphrase of an encrypted key; what names the key.
	// If it is nil, encrypted keys are rejected with [ErrPassphraseNeeded].
	Passphrase func(ctx context.Context, what string) ([]byte, error)

	// Warn, if not nil, is called with problems that the user should fix, such
	// as a private key that other users can read.
	Warn func(warning string)
}

var scheme = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://`)

// Resolve returns the signer and the public key of a key reference, as described
// in the package documentation. Its errors are those of [ReadFile] and
// [ParsePrivate], and [ErrAgent]. With ssh-agent, the signer asks the agent for each
// signature; pass options.WithContext to SignMessage to limit the wait.
func Resolve(ctx context.Context, ref string, o Options) (signature.Signer, trust.Key, error) {
	if err := checkName(ref); err != nil {
		return nil, trust.Key{}, fmt.Errorf("reading the key: %w", err) // never quoted
	}
	if fingerprint, ok := strings.CutPrefix(ref, "ssh-agent:"); ok {
		s, err := resolveAgent(ctx, fingerprint)
		if err != nil {
			return nil, trust.Key{}, err
		}
		return s, s.key, nil
	}
	key, err := resolvePrivate(ctx, ref, o)
	if err != nil {
		return nil, trust.Key{}, err
	}
	s, err := key.Signer()
	if err != nil {
		return nil, trust.Key{}, err
	}
	return s, key.Public().Key, nil
}

func resolvePrivate(ctx context.Context, ref string, o Options) (*PrivateKey, error) {
	if found := scheme.FindString(ref); found != "" {
		return nil, fmt.Errorf("%w: key reference that starts with %q (use a file, env:NAME or ssh-agent:SHA256:…)", ErrUnsupported, found)
	}
	if name, ok := strings.CutPrefix(ref, "env:"); ok {
		value, set := os.LookupEnv(name)
		if !set {
			return nil, fmt.Errorf("reading the key: %w", notSet(name))
		}
		return o.open(ctx, []byte(value), fmt.Sprintf("environment variable %q", name))
	}
	file, err := ReadFile(ref)
	if err != nil {
		return nil, err
	}
	return o.Open(ctx, file)
}

// Open parses the private key in f. It calls o.Warn if other users have access
// to the file, and o.Passphrase if the key is encrypted. Its errors are those of
// [ParsePrivate] and of o.Passphrase.
func (o Options) Open(ctx context.Context, f *File) (*PrivateKey, error) {
	if w := f.exposed(); w != "" && o.Warn != nil {
		if _, err := Inspect(f.Data); err == nil {
			o.Warn(w)
		}
	}
	return o.open(ctx, f.Data, fmt.Sprintf("%q", f.Path))
}

func (o Options) open(ctx context.Context, data []byte, what string) (*PrivateKey, error) {
	key, err := ParsePrivate(data, nil)
	if errors.Is(err, ErrPassphraseNeeded) && o.Passphrase != nil {
		var passphrase []byte
		if passphrase, err = o.Passphrase(ctx, what); err != nil {
			return nil, fmt.Errorf("passphrase of %s: %w", what, err)
		}
		key, err = ParsePrivate(data, passphrase)
		// A build service passes secrets that it withholds as empty variables.
		if errors.Is(err, ErrPassphrase) && len(passphrase) == 0 {
			err = fmt.Errorf("%w (the passphrase is empty)", err)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", what, err)
	}
	return key, nil
}

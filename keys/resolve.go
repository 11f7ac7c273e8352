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

// Options are what reading a private key may need from a person.
type Options struct {
	// Passphrase is asked when a key is encrypted; what says which key. Nil
	// means there is nobody to ask.
	Passphrase func(ctx context.Context, what string) ([]byte, error)

	// Warn is told what should be mended but does not stop anything, such as a
	// private key that others can read.
	Warn func(warning string)
}

var scheme = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://`)

// Resolve turns a key reference (see the package doc) into a signer and its
// public key.
func Resolve(ctx context.Context, ref string, o Options) (signature.Signer, trust.Key, error) {
	if fingerprint, ok := strings.CutPrefix(ref, "ssh-agent:"); ok {
		s, err := resolveAgent(ctx, fingerprint)
		if err != nil {
			return nil, trust.Key{}, err
		}
		return s, s.key, nil
	}
	key, err := ResolvePrivate(ctx, ref, o)
	if err != nil {
		return nil, trust.Key{}, err
	}
	s, err := key.Signer()
	if err != nil {
		return nil, trust.Key{}, err
	}
	return s, key.Public(), nil
}

// ResolvePrivate is [Resolve] for a file or a variable, whose key can be had.
func ResolvePrivate(ctx context.Context, ref string, o Options) (*PrivateKey, error) {
	if isKey(ref) {
		return nil, fmt.Errorf("reading the key: %w", ErrIsKey)
	}
	if found := scheme.FindString(ref); found != "" {
		return nil, fmt.Errorf("%w: key references that start with %q; give a file, env:NAME or ssh-agent:SHA256:…", ErrUnsupported, found)
	}
	if name, ok := strings.CutPrefix(ref, "env:"); ok {
		value, set := os.LookupEnv(name)
		if !set {
			return nil, fmt.Errorf("reading the key: environment variable %q is not set", name)
		}
		return o.open(ctx, []byte(value), fmt.Sprintf("environment variable %q", name))
	}
	file, err := ReadFile(ref)
	if err != nil {
		return nil, err
	}
	return o.Open(ctx, file)
}

// isKey tells a key from the name of a file or variable. All forms of a private
// key but raw ones take more than one line; names that do are not worth a leak.
func isKey(name string) bool {
	return strings.ContainsAny(name, "\r\n") || strings.Contains(name, "PRIVATE KEY-----")
}

// Open reads the private key in a file that was read, warns when others can
// read it, and asks for the passphrase if there is one.
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
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", what, err)
	}
	return key, nil
}

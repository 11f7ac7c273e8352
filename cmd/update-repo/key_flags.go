// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"strings"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/spf13/cobra"

	"github.com/choria-io/go-updater/internal/term"
	"github.com/choria-io/go-updater/repository"
	"github.com/choria-io/go-updater/trust"
)

// keyFlags name the private key that signs.
type keyFlags struct {
	ref        string
	passphrase term.PassphraseSource
}

func (k *keyFlags) add(cmd *cobra.Command) {
	cmd.Flags().Var((*once)(&k.ref), "key", "sign with the private key `REF`: a file, env:NAME or ssh-agent:FINGERPRINT")
	cmd.MarkFlagsMutuallyExclusive(k.passphrase.AddFlags(cmd.Flags(), "passphrase", "of the key")...)
}

// once is a string that cannot be given twice. With the usual rule, the last key
// would sign and the user would believe that all did.
type once string

func (o *once) Set(value string) error {
	if *o != "" {
		return errors.New("given twice (one key signs at a time)")
	}
	*o = once(value)
	return nil
}

func (o *once) String() string { return string(*o) }
func (*once) Type() string     { return "string" }

// signer returns nil if no key was given.
func (k *keyFlags) signer(ctx context.Context, c *term.Console, r *repository.Repository) (signature.Signer, error) {
	if k.ref == "" {
		return nil, nil
	}

	return resolve(ctx, c, r, k.ref, &k.passphrase)
}

// publicKeyFlags name the keys whose signatures are trusted.
type publicKeyFlags struct {
	files     []string
	threshold int
}

func (p *publicKeyFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&p.files, "public-key", nil, "trust the public key in `FILE`; may be given several times")
	cmd.Flags().IntVar(&p.threshold, "threshold", 1, "require signatures of `N` of the public keys")
}

// policy returns nil if no key was given.
func (p *publicKeyFlags) policy() (*trust.Policy, error) {
	trusted, err := publicKeys(p.files)
	if err != nil {
		return nil, err
	}
	if len(trusted) == 0 {
		return nil, nil
	}
	policy, err := trust.NewPolicy(p.threshold, trusted...)
	if err != nil {
		return nil, term.Usage(err)
	}

	return policy, nil
}

// outside returns an error if a private key or its passphrase is inside the
// repository (T16).
func outside(r *repository.Repository, ref string, passphrase *term.PassphraseSource) error {
	if strings.HasPrefix(ref, "env:") || strings.HasPrefix(ref, "ssh-agent:") || strings.Contains(ref, "://") {
		ref = ""
	}
	for _, secret := range []struct{ what, file string }{{"private key", ref}, {"passphrase", passphrase.File()}} {
		if secret.file == "" {
			continue
		}
		// A file that does not exist is reported when it is read.
		if in, err := r.Contains(secret.file); err == nil && in {
			return term.WithHint(term.Usagef("the %s %q is inside the repository, where it would be served", secret.what, secret.file),
				"move it elsewhere; if the repository was served or copied, replace it")
		}
	}

	return nil
}

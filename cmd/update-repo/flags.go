// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/spf13/cobra"

	"github.com/choria-io/go-updater/internal/term"
	"github.com/choria-io/go-updater/repository"
	"github.com/choria-io/go-updater/trust"
)

// keyFlags say which private key signs.
type keyFlags struct {
	ref        string
	passphrase term.PassphraseSource
}

func (k *keyFlags) add(cmd *cobra.Command) {
	cmd.Flags().Var((*once)(&k.ref), "key", "sign with the private key `REF`: a file, env:NAME or ssh-agent:FINGERPRINT")
	cmd.MarkFlagsMutuallyExclusive(k.passphrase.AddFlags(cmd.Flags(), "passphrase", "of the key")...)
}

// once is a flag that one may take for one that can be given several times: the
// last would win, and the others not sign.
type once string

func (o *once) Set(value string) error {
	if *o != "" {
		return errors.New("given twice: one key signs at a time")
	}
	*o = once(value)
	return nil
}

func (o *once) String() string { return string(*o) }
func (*once) Type() string     { return "string" }

func (k *keyFlags) signer(ctx context.Context, c *term.Console, r *repository.Repository) (signature.Signer, error) {
	return resolve(ctx, c, r, k.ref, &k.passphrase)
}

// publicKeyFlags say whose signatures are trusted.
type publicKeyFlags struct {
	files     []string
	threshold int
}

func (p *publicKeyFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&p.files, "public-key", nil, "trust the public key in `FILE`; may be given several times")
	cmd.Flags().IntVar(&p.threshold, "threshold", 1, "how many of the public keys must have signed")
}

// policy returns nil when no key was given.
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

// filterFlags select releases.
type filterFlags struct{ repository.Filter }

func (f *filterFlags) add(cmd *cobra.Command, doing string) {
	cmd.Flags().StringVar(&f.Version, "version", "", doing+" only releases of version `V`")
	cmd.Flags().StringVar(&f.OS, "os", "", doing+" only releases for the system `OS`")
	cmd.Flags().StringVar(&f.Arch, "arch", "", doing+" only releases for the architecture `ARCH`")
}

func repoFlag(cmd *cobra.Command, dir *string) {
	cmd.Flags().StringVar(dir, "repo", ".", "the repository is in `DIR`")
}

// validity is how long a release may be installed.
type validity struct{ time.Duration }

func (v *validity) add(cmd *cobra.Command) {
	v.Duration = 8760 * time.Hour
	cmd.Flags().Var(v, "expires", "clients refuse the release after `DURATION`, such as 8760h or 90d")
}

// Type is how help names the value where the usage does not.
func (v *validity) Type() string { return "duration" }

func (v *validity) String() string {
	return strings.TrimSuffix(v.Duration.String(), "0m0s")
}

// Set reads what time.ParseDuration does, and days, which it does not.
func (v *validity) Set(s string) error {
	d, err := time.ParseDuration(s)
	if days, ok := strings.CutSuffix(s, "d"); ok {
		var n int64
		n, err = strconv.ParseInt(days, 10, 32)
		d = time.Duration(n) * 24 * time.Hour
	}
	if err != nil || d < time.Second {
		return fmt.Errorf("%q is not a time like 8760h or 90d", s)
	}
	v.Duration = d

	return nil
}

// released is the time a release is dated: builds that are to be reproducible
// set it by the variable that other tools read too.
func released(now time.Time) (time.Time, error) {
	text, set := os.LookupEnv("SOURCE_DATE_EPOCH")
	if !set || text == "" {
		return now, nil
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil || seconds < 0 {
		return time.Time{}, term.Usagef("SOURCE_DATE_EPOCH is %q, not a number of seconds", text)
	}

	return time.Unix(seconds, 0).UTC(), nil
}

// printJSON writes data for programs.
func printJSON(c *term.Console, data any) error {
	enc := json.NewEncoder(c.Out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)

	return enc.Encode(data)
}

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/choria-io/go-updater/internal/term"
	"github.com/choria-io/go-updater/repository"
)

// filterFlags select releases.
type filterFlags struct{ repository.Filter }

func (f *filterFlags) add(cmd *cobra.Command, verb string) {
	cmd.Flags().StringVar(&f.Version, "version", "", verb+" only releases of version `V`")
	cmd.Flags().StringVar(&f.OS, "os", "", verb+" only releases for operating system `OS`")
	cmd.Flags().StringVar(&f.Arch, "arch", "", verb+" only releases for architecture `ARCH`")
	completePlatformFlags(cmd)
}

// explain adds to the error that there is no release which platform was meant.
func (f *filterFlags) explain(err error) error {
	if !errors.Is(err, repository.ErrNoRelease) || f.OS == "" || f.Arch == "" || repository.CheckPlatform(f.OS, f.Arch) == nil {
		return err
	}
	if meant := nearestPlatform(f.OS, f.Arch); meant != "" {
		return term.WithHint(err, "did you mean --os and --arch of "+meant+"?")
	}

	return err
}

func repoFlag(cmd *cobra.Command, dir *string) {
	cmd.Flags().StringVar(dir, "repo", ".", "the repository is in `DIR`")
}

// validity is the time until clients refuse a release.
type validity struct{ time.Duration }

func (v *validity) add(cmd *cobra.Command) {
	v.Duration = 8760 * time.Hour
	cmd.Flags().Var(v, "expires", "clients refuse the release after `DURATION`, such as 8760h or 90d")
}

// Type is the name of the value in the help text.
func (v *validity) Type() string { return "duration" }

func (v *validity) String() string {
	return strings.TrimSuffix(v.Duration.String(), "0m0s")
}

// Set parses a duration of Go, or a number of days, such as 90d.
func (v *validity) Set(s string) error {
	d, err := time.ParseDuration(s)
	if days, ok := strings.CutSuffix(s, "d"); ok {
		var n int64
		n, err = strconv.ParseInt(days, 10, 32)
		d = time.Duration(n) * 24 * time.Hour
	}
	if err != nil || d < time.Second {
		return fmt.Errorf("%q is not a duration (use 8760h or 90d, for example)", s)
	}
	v.Duration = d

	return nil
}

// releaseDate is now, or SOURCE_DATE_EPOCH for reproducible releases.
func releaseDate(now time.Time) (time.Time, error) {
	text, set := os.LookupEnv("SOURCE_DATE_EPOCH")
	if !set || text == "" {
		return now, nil
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil || seconds < 0 {
		return time.Time{}, term.Usagef("SOURCE_DATE_EPOCH is %q (use a number of seconds since 1970)", text)
	}

	return time.Unix(seconds, 0).UTC(), nil
}

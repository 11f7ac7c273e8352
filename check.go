// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/choria-io/go-updater/trust"
)

// Status is what Check found.
type Status struct {
	UpdateNeeded bool          // Apply would install Release
	Current      string        // CurrentVersion, empty if it was not given
	Release      trust.Release // verified; of an unsigned v0.1.0 document only Binary and Hash are set
	Signers      []string      // key ids of those who signed
	Checked      time.Time     // by the clock here
}

// Check fetches and verifies the release document of Version, and tells whether
// Apply would install it. Of what the [HTTPDownloader] got it keeps a copy where
// StateDir says: while the repository has the same document, the next Check costs
// one request that is answered without a body (RFC 9110, If-None-Match). It changes
// nothing else on disk. See [Jitter] for how often.
func (u *Updater) Check(ctx context.Context) (*Status, error) {
	end, err := u.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	_, v, err := u.config.fetchSpec()
	if err != nil {
		return nil, err
	}
	if d, ok := u.config.Downloader.(interface{ keepAnswer() }); ok {
		d.keepAnswer()
	}
	return &Status{
		UpdateNeeded: u.config.CurrentVersion != u.config.Version,
		Current:      u.config.CurrentVersion,
		Release:      v.Release,
		Signers:      v.Signers,
		Checked:      u.config.Now(),
	}, nil
}

// Jitter spreads the checks of many machines: it returns a time between half and
// three halves of interval, every one as likely. Wait for it before each check,
// the first one too, or all that were switched on at once go on asking at once.
func Jitter(interval time.Duration) time.Duration {
	if interval <= 0 {
		return 0
	}
	return interval/2 + rand.N(interval)
}

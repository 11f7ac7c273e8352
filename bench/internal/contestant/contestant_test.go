// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package contestant

import (
	"bytes"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/bench/internal/peak"
)

func TestRun(t *testing.T) {
	var got Job
	var stdout, stderr bytes.Buffer
	keep := func(j Job) error { got = j; return nil }
	require.Zero(t, run(keep, []string{"-url", "u", "-target", "t", "-times", "3"}, &stdout, &stderr))
	require.Equal(t, Job{URL: "u", Target: "t", Times: 3}, got)
	require.Contains(t, stdout.String(), peak.Prefix)

	require.Equal(t, 1, run(func(Job) error { return errors.New("broken") }, nil, &stdout, &stderr))
	require.Contains(t, stderr.String(), "broken")
	require.Equal(t, 2, run(keep, []string{"-none"}, &stdout, &stderr))
}

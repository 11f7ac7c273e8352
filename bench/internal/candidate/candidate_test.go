// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package candidate

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
	record := func(j Job) error { got = j; return nil }
	require.Zero(t, run(record, []string{"-url", "u", "-target", "t", "-checks", "3"}, &stdout, &stderr))
	require.Equal(t, Job{URL: "u", Target: "t", Checks: 3}, got)
	require.Contains(t, stdout.String(), peak.Prefix)

	require.Equal(t, 1, run(func(Job) error { return errors.New("broken") }, nil, &stdout, &stderr))
	require.Contains(t, stderr.String(), "broken")
	require.Equal(t, 2, run(record, []string{"-none"}, &stdout, &stderr))
}

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Requests with Accept-Encoding hide that the transport does not decompress.
func TestTransportUnfoldsNothing(t *testing.T) {
	require.True(t, newTransport(time.Second).DisableCompression)
}

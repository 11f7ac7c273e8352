// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Every request says that it wants no encoding, which hides what the transport
// would do by itself if it did not.
func TestTransportUnfoldsNothing(t *testing.T) {
	require.True(t, newTransport(time.Second).DisableCompression)
}

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package attrs

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/windows"
)

// Two access lists are one if they grant the same; whether later changes of the
// directory reach the file (P) belongs to it.
func TestEntries(t *testing.T) {
	for list, want := range map[string]string{
		"D:(A;;FA;;;BA)":                    "D:(A;;FA;;;BA)",
		"D:AI(A;ID;FA;;;BA)":                "D:(A;ID;FA;;;BA)",
		"D:P(A;;FA;;;BA)(A;;0x1200a9;;;BU)": "D:P(A;;FA;;;BA)(A;;0x1200a9;;;BU)",
		"D:PAI(D;;FA;;;BG)":                 "D:P(D;;FA;;;BG)",
		"D:P":                               "D:P",
	} {
		d, err := windows.SecurityDescriptorFromString(list)
		require.NoError(t, err, list)
		require.Equal(t, want, entries(d), list)
	}
}

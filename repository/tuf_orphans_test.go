// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/tuf/publish"
)

// A client that is sent to a release which the metadata lists, and which is gone, is
// selected by the filter as others are.
func TestTargetsWithoutReleaseAreFaults(t *testing.T) {
	v := &metadataView{targets: map[string]publish.Target{}}
	for _, name := range []string{"1.2.3/linux/amd64", "1.2.3/windows/arm64", "1.2.4/linux/amd64"} {
		v.targets[name+"/release.json"] = publish.Target{}
	}
	for _, tc := range []struct {
		filter Filter
		faults int
	}{
		{Filter{}, 2}, {Filter{Version: "1.2.3"}, 1}, {Filter{Version: "1.2.4"}, 1},
		{Filter{OS: "windows"}, 1}, {Filter{Version: "1.2.3", OS: "linux"}, 0},
	} {
		r := &Report{Metadata: &MetadataReport{}, Releases: []Checked{{Document: "1.2.3/linux/amd64/release.json"}}}
		r.orphans(tc.filter, v)
		require.Len(t, r.Metadata.Faults, tc.faults, "%+v", tc.filter)
		for _, fault := range r.Metadata.Faults {
			require.ErrorIs(t, fault.Err, ErrMissing)
		}
		r.orphans(tc.filter, nil)
	}
}

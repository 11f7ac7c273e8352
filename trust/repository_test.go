// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package trust_test

import (
	"bytes"
	stdbzip2 "compress/bzip2"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/trust"
)

// A client accepts the repository in testdata: its documents verify with the public
// key beside it, and its artifacts have the signed hashes.
func TestRepositoryInTestdataIsValid(t *testing.T) {
	root := filepath.Join("..", "testdata")
	pub, err := os.ReadFile(filepath.Join(root, "TEST-KEY-DO-NOT-USE.pub"))
	require.NoError(t, err)
	keys, err := trust.ParseKeys(pub)
	require.NoError(t, err)
	p, err := trust.NewPolicy(1, keys...)
	require.NoError(t, err)

	for _, version := range []string{"1.2.2", "1.2.3"} {
		for _, system := range []string{"linux", "windows"} {
			dir := filepath.Join(root, "repository", version, system, "amd64")
			document, err := os.ReadFile(filepath.Join(dir, "release.json"))
			require.NoError(t, err)
			w := want()
			w.Version, w.OS = version, system
			v, err := trust.Verify(document, p, w)
			require.NoError(t, err)

			artifact, err := os.ReadFile(filepath.Join(dir, v.Release.Binary))
			require.NoError(t, err)
			require.Equal(t, v.Release.Artifacts[0].Hash, hexSum(artifact))
			require.Len(t, artifact, int(v.Release.Artifacts[0].Size))
			binary, err := io.ReadAll(stdbzip2.NewReader(bytes.NewReader(artifact)))
			require.NoError(t, err)
			require.Equal(t, v.Release.Hash, hexSum(binary))
			require.Len(t, binary, int(v.Release.Size))
		}
	}
}

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/codec/bz2"
	"github.com/choria-io/go-updater/internal/layout"
	"github.com/choria-io/go-updater/signing"
	"github.com/choria-io/go-updater/trust"
)

// Whoever may write to the web space can exchange a program and take the
// signature away. Renewing terms, which runs by itself, must not sign that.
func TestRenewDoesNotSignWhatLostItsSignature(t *testing.T) {
	evil := []byte("evil program")
	for name, document := range map[string]func(t *testing.T, rel *trust.Release) []byte{
		"format 1": func(t *testing.T, rel *trust.Release) []byte {
			d, err := signing.FormatRelease(rel)
			require.NoError(t, err)
			return d
		},
		"v0.1.0": func(t *testing.T, rel *trust.Release) []byte {
			d, err := json.Marshal(map[string]string{"binary": rel.Binary, "hash": rel.Hash})
			require.NoError(t, err)
			return d
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, r := published(t)
			var packed bytes.Buffer
			w, err := bz2.NewWriter(&packed)
			require.NoError(t, err)
			_, err = w.Write(evil)
			require.NoError(t, err)
			require.NoError(t, w.Close())
			require.NoError(t, os.WriteFile(filepath.Join(dir, linuxDir, "choria-linux-amd64-1.2.3.bz2"), packed.Bytes(), 0o644))
			rewrite(t, filepath.Join(dir, linuxDir, layout.DocumentName), func(raw []byte) []byte {
				var rel trust.Release
				require.NoError(t, json.Unmarshal(raw, &rel))
				binary, file := newMeasure(), newMeasure()
				_, _ = binary.Write(evil)
				_, _ = file.Write(packed.Bytes())
				rel.Hash, rel.Size, rel.Artifacts[0].Hash, rel.Artifacts[0].Size = binary.sum(), binary.size, file.sum(), file.size
				return document(t, &rel)
			})
			before := tree(t, dir)
			req := signRequest(t, 1)
			req.Renew = true
			_, err = r.Sign(t.Context(), req)
			require.ErrorIs(t, err, trust.ErrUnsigned)
			require.Equal(t, before, tree(t, dir))
		})
	}
}

// Over a network a rename can be done and yet reported as failed.
func TestRenameThatIsDoneAndReportedAsFailed(t *testing.T) {
	errLost := errors.New("server did not answer")
	for name, force := range map[string]bool{"new": false, "replaced": true} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			r := create(t, dir)
			if force {
				_, err := r.Add(t.Context(), request(t, 1))
				require.NoError(t, err)
			}
			before := tree(t, dir)
			r.step = func(op, name string) error {
				if op != "rename" || !strings.HasSuffix(name, "linux/amd64/release.json") {
					return nil
				}
				from, err := filepath.Glob(filepath.Join(dir, workPrefix+"*", "0.json"))
				require.NoError(t, err)
				require.NoError(t, os.Rename(from[0], filepath.Join(dir, name)))
				return errLost
			}
			req := request(t, 50)
			req.Force = force
			_, err := r.Add(t.Context(), req)
			require.ErrorIs(t, err, errLost)
			require.Equal(t, before, tree(t, dir))
		})
	}
}

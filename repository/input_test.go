// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"errors"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestInputChangesWhileRead(t *testing.T) {
	for name, alter := range map[string]func(file string) error{
		"it grows": func(file string) error {
			f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteString("more")
			return errors.Join(err, f.Close(), os.Chtimes(file, now, now))
		},
		"it shrinks": func(file string) error { return errors.Join(os.Truncate(file, 100), os.Chtimes(file, now, now)) },
		"it is overwritten": func(file string) error {
			raw, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			raw[0]++
			return os.WriteFile(file, raw, 0o755)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			r := stepwise(t, dir)
			req := request(t, 1)
			// Only the length differs after the first two, only the time after the last.
			require.NoError(t, os.Chtimes(req.Files[0].Path, now, now))
			r.step = func(op, name string) error {
				if op == "create" && name == "0.bz2" {
					return alter(req.Files[0].Path)
				}
				return nil
			}
			_, err := r.Add(t.Context(), req)
			require.ErrorIs(t, err, ErrInput)
			require.Empty(t, tree(t, dir))
		})
	}
}

// A patch is made from a second reading of the file.
func TestInputChangesBeforePatch(t *testing.T) {
	dir, _ := withVersions(t, "1.2.2")
	before := tree(t, dir)
	r := stepwise(t, dir)
	req := similar(t, "1.2.3")
	req.PatchFrom = []string{"1.2.2"}
	r.step = func(op, name string) error {
		if op == "read" && name == "0.bz2" {
			return os.WriteFile(req.Files[0].Path, []byte("another program"), 0o755)
		}
		return nil
	}
	_, err := r.Add(t.Context(), req)
	require.ErrorIs(t, err, ErrInput)
	require.Equal(t, before, tree(t, dir))
}

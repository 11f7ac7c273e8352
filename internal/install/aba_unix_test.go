// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package install

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// thereAndBack exchanges the target just while the backup is made of it.
type thereAndBack struct {
	fsys
	dir   string
	armed bool
	looks int
}

func (b *thereAndBack) Lstat(name string) (fs.FileInfo, error) {
	if name == "app" && b.armed {
		b.looks++
		at, aside := filepath.Join(b.dir, "app"), filepath.Join(b.dir, "A")
		switch b.looks {
		case 1:
			_ = os.Rename(at, aside)
			_ = os.WriteFile(at, []byte("other"), 0o755)
		case 2:
			_ = os.Rename(aside, at)
		}
	}
	return b.fsys.Lstat(name)
}

func TestBackupIsOfTheTargetThatBeginFound(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "app")
	require.NoError(t, os.WriteFile(target, []byte("current"), 0o755))
	there := &thereAndBack{dir: dir}
	s, err := begin(context.Background(), target, false, func(d string) (_ fsys, err error) {
		there.fsys, err = openRoot(d)
		return there, err
	})
	require.NoError(t, err)
	path, err := s.StagePath()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, []byte("new"), 0o600))
	sum := sha256.Sum256([]byte("new"))
	st, err := s.Seal(path, hex.EncodeToString(sum[:]), 3)
	require.NoError(t, err)
	there.armed = true
	_, err = s.Commit(st, Plan{})
	require.ErrorIs(t, err, ErrChanged)
	require.NoError(t, s.Close())
	require.NoFileExists(t, target+".backup")
}

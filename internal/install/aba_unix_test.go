// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package install

import (
	"context"
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
	at    int // the look that finds another file
	looks int
}

func (b *thereAndBack) Lstat(name string) (fs.FileInfo, error) {
	if name == "app" {
		b.looks++
		at, aside := filepath.Join(b.dir, "app"), filepath.Join(b.dir, "A")
		switch b.looks {
		case b.at:
			_ = os.Rename(at, aside)
			_ = os.WriteFile(at, []byte("other"), 0o755)
		case b.at + 1:
			_ = os.Rename(aside, at)
		}
	}
	return b.fsys.Lstat(name)
}

// The third look is at what the new file is to carry, the fourth at what the
// backup is made of.
func TestBackupIsOfTheTargetThatBeginFound(t *testing.T) {
	for at := 3; at <= 4; at++ {
		dir := t.TempDir()
		target := filepath.Join(dir, "app")
		require.NoError(t, os.WriteFile(target, []byte("current"), 0o755))
		s, err := begin(context.Background(), target, false, func(d string) (fsys, error) {
			f, err := openRoot(d)
			return &thereAndBack{fsys: f, dir: d, at: at}, err
		})
		require.NoError(t, err)
		_, err = s.Commit(stage(t, s, newBytes), Plan{})
		require.ErrorIs(t, err, ErrChanged)
		require.NoError(t, s.Close())
		require.NoFileExists(t, target+".backup")
	}
}

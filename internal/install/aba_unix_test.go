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
	armed bool
	at    int // the look that finds another file
	looks int
}

func (b *thereAndBack) Lstat(name string) (fs.FileInfo, error) {
	if name == "app" && b.armed {
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

// The first look of Commit is at what the new file is to carry, the second at
// what the backup is made of.
func TestBackupIsOfTheTargetThatBeginFound(t *testing.T) {
	for at := 1; at <= 2; at++ {
		dir := t.TempDir()
		target := filepath.Join(dir, "app")
		require.NoError(t, os.WriteFile(target, []byte("current"), 0o755))
		there := &thereAndBack{dir: dir, at: at}
		s, err := begin(context.Background(), target, false, func(d string) (_ fsys, err error) {
			there.fsys, err = openRoot(d)
			return there, err
		})
		require.NoError(t, err)
		st := stage(t, s, newBytes)
		there.armed = true
		_, err = s.Commit(st, Plan{})
		require.ErrorIs(t, err, ErrChanged)
		require.NoError(t, s.Close())
		require.NoFileExists(t, target+".backup")
	}
}

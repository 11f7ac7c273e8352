// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package install

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	someHash  = strings.Repeat("0a", 32)
	otherHash = strings.Repeat("0b", 32)
	large     = bytes.Repeat([]byte{'x'}, minPartial)
)

func openPartial(t *testing.T, target, hash string) (*Session, *Partial) {
	t.Helper()
	s, err := Begin(context.Background(), target, Options{})
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	p, err := s.Partial(hash)
	require.NoError(t, err)
	return s, p
}

func rest(t *testing.T, p *Partial) []byte {
	t.Helper()
	raw, err := io.ReadAll(p)
	require.NoError(t, err)
	return raw
}

func TestPartialIsKeptForNextSession(t *testing.T) {
	for name, tc := range map[string]struct {
		content []byte
		keep    bool
		hash    string // in the next session
		want    []byte
	}{
		"kept":               {large, true, someHash, large},
		"keep is false":      {large, false, someHash, nil},
		"too small":          {large[1:], true, someHash, nil},
		"hash in upper case": {large, true, strings.ToUpper(someHash), large},
		"empty":              {nil, true, someHash, nil},
	} {
		t.Run(name, func(t *testing.T) {
			target := newTarget(t)
			before := snapshot(t, filepath.Dir(target))
			s, p := openPartial(t, target, someHash)
			_, err := p.Write(tc.content)
			require.NoError(t, err)
			info, err := p.Stat()
			require.NoError(t, err)
			require.Equal(t, os.FileMode(0o600), info.Mode())
			require.NoError(t, p.End(tc.keep))
			require.NoError(t, s.Close())

			s, p = openPartial(t, target, tc.hash)
			require.Equal(t, string(tc.want), string(rest(t, p)))
			entries, err := os.ReadDir(s.WorkDir())
			require.NoError(t, err)
			require.Len(t, entries, 2, "the download and the lock")
			require.NoError(t, p.End(false))
			require.NoError(t, s.Close())
			require.Equal(t, before, snapshot(t, filepath.Dir(target)))
		})
	}
}

// Recover, and an update to another file, keep it.
func TestPartialIsNotALeftover(t *testing.T) {
	target := newTarget(t)
	s, p := openPartial(t, target, someHash)
	_, err := p.Write(large)
	require.NoError(t, err)
	require.NoError(t, p.End(true))
	require.NoError(t, s.Close())
	_, err = Recover(context.Background(), target, Options{})
	require.NoError(t, err)
	s, p = openPartial(t, target, someHash)
	require.Equal(t, large, rest(t, p))
	require.NoError(t, p.End(false))
	require.NoError(t, s.Close())
}

// Only the downloads that the caller does not name are removed, and no other files.
func TestDropPartials(t *testing.T) {
	for name, tc := range map[string]struct{ but, want []string }{
		"all":          {nil, nil},
		"all but one":  {[]string{someHash}, []string{someHash}},
		"all but both": {[]string{otherHash, someHash, strings.Repeat("0c", 32)}, []string{someHash, otherHash}},
	} {
		t.Run(name, func(t *testing.T) {
			target := newTarget(t)
			for _, hash := range []string{someHash, otherHash} {
				s, p := openPartial(t, target, hash)
				_, err := p.Write(large)
				require.NoError(t, err)
				require.NoError(t, p.End(true))
				require.NoError(t, s.Close())
			}
			others := []string{"partial-", "partial-" + someHash + "0", someHash, "trust.json"}
			for _, name := range others {
				require.NoError(t, os.WriteFile(filepath.Join(WorkDir(target), name), nil, 0o600))
			}
			s, err := Begin(context.Background(), target, Options{})
			require.NoError(t, err)
			require.NoError(t, s.DropPartials(tc.but...))
			require.NoError(t, s.Close())
			want := others
			for _, hash := range tc.want {
				want = append(want, partialPrefix+hash)
			}
			entries, err := os.ReadDir(WorkDir(target))
			require.NoError(t, err)
			var got []string
			for _, e := range entries {
				got = append(got, e.Name())
			}
			require.ElementsMatch(t, want, got)
		})
	}
}

func TestPlantedAtPartial(t *testing.T) {
	for name, plant := range map[string]func(t *testing.T, at, elsewhere string){
		"symbolic link": func(t *testing.T, at, elsewhere string) { require.NoError(t, os.Symlink(elsewhere, at)) },
		"hard link":     func(t *testing.T, at, elsewhere string) { require.NoError(t, os.Link(elsewhere, at)) },
		"directory":     func(t *testing.T, at, _ string) { require.NoError(t, os.Mkdir(at, 0o700)) },
		"named pipe":    func(t *testing.T, at, _ string) { require.NoError(t, syscall.Mkfifo(at, 0o600)) },
	} {
		t.Run(name, func(t *testing.T) {
			target := newTarget(t)
			elsewhere := filepath.Join(t.TempDir(), "elsewhere")
			require.NoError(t, os.WriteFile(elsewhere, large, 0o600))
			require.NoError(t, os.Mkdir(WorkDir(target), 0o700))
			plant(t, filepath.Join(WorkDir(target), partialPrefix+someHash), elsewhere)

			s, p := openPartial(t, target, someHash)
			require.Empty(t, rest(t, p))
			_, err := p.Write([]byte("ours"))
			require.NoError(t, err)
			require.NoError(t, p.End(false))
			require.NoError(t, s.Close())
			requireFile(t, elsewhere, large)
		})
	}
}

func TestPartialRefusesBadHash(t *testing.T) {
	target := newTarget(t)
	s, err := Begin(context.Background(), target, Options{})
	require.NoError(t, err)
	for _, hash := range []string{"", "../" + someHash[3:], someHash[1:], someHash + "0", strings.Repeat("z", 64)} {
		_, err = s.Partial(hash)
		require.ErrorContains(t, err, "is not a hash")
	}
	require.NoError(t, s.Close())
	_, err = s.Partial(someHash)
	require.ErrorIs(t, err, os.ErrClosed)
}

// Close tries again to remove a download.
func TestPartialIsRemovedByClose(t *testing.T) {
	target := newTarget(t)
	before := snapshot(t, filepath.Dir(target))
	failed := false
	f := &faulty{before: func(op, name string) error {
		if op == "remove" && isPartial(filepath.Base(name)) && !failed {
			failed = true
			return errFault
		}
		return nil
	}}
	s, err := begin(context.Background(), target, Options{}, f.open)
	require.NoError(t, err)
	p, err := s.Partial(someHash)
	require.NoError(t, err)
	_, err = p.Write(large)
	require.NoError(t, err)
	require.ErrorIs(t, p.End(false), syscall.EIO)
	require.NoError(t, s.Close())
	require.Equal(t, before, snapshot(t, filepath.Dir(target)))
}

// Every failure is reported, and the session can be closed.
func TestPartialFails(t *testing.T) {
	for op, do := range map[string]func(*Session) error{
		"names":  func(s *Session) error { return s.DropPartials() },
		"remove": func(s *Session) error { return s.DropPartials() },
		"open": func(s *Session) error {
			_, err := s.Partial(someHash)
			return err
		},
	} {
		t.Run(op, func(t *testing.T) {
			target := newTarget(t)
			armed := false
			f := &faulty{before: func(o, name string) error {
				if armed && o == op && !strings.HasSuffix(name, lockFile) {
					armed = false
					return errFault
				}
				return nil
			}}
			s, err := begin(context.Background(), target, Options{}, f.open)
			require.NoError(t, err)
			if op == "remove" {
				require.NoError(t, os.WriteFile(filepath.Join(s.WorkDir(), partialPrefix+otherHash), large, 0o600))
			}
			armed = true
			require.ErrorIs(t, do(s), syscall.EIO)
			require.NoError(t, s.DropPartials())
			require.NoError(t, s.Close())
			require.NoDirExists(t, WorkDir(target))
		})
	}
}

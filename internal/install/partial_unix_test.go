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
	much      = bytes.Repeat([]byte{'x'}, minPartial)
)

func openPartial(t *testing.T, target, hash string) (*Session, *Partial) {
	t.Helper()
	s, err := Begin(context.Background(), target)
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

func TestPartialOutlivesTheSession(t *testing.T) {
	for name, tc := range map[string]struct {
		content []byte
		keep    bool
		hash    string // in the next session
		want    []byte
	}{
		"kept":                    {much, true, someHash, much},
		"not to be kept":          {much, false, someHash, nil},
		"not worth it":            {much[1:], true, someHash, nil},
		"written in upper case":   {much, true, strings.ToUpper(someHash), much},
		"nothing came in between": {nil, true, someHash, nil},
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
			require.Len(t, entries, 2, "it and the lock")
			require.NoError(t, p.End(false))
			require.NoError(t, s.Close())
			require.Equal(t, before, snapshot(t, filepath.Dir(target)))
		})
	}
}

// Recovery and a next update of something else leave it alone.
func TestPartialIsNoLeftover(t *testing.T) {
	target := newTarget(t)
	s, p := openPartial(t, target, someHash)
	_, err := p.Write(much)
	require.NoError(t, err)
	require.NoError(t, p.End(true))
	require.NoError(t, s.Close())
	_, err = Recover(context.Background(), target)
	require.NoError(t, err)
	s, p = openPartial(t, target, someHash)
	require.Equal(t, much, rest(t, p))
	require.NoError(t, p.End(false))
	require.NoError(t, s.Close())
}

// What was given up goes, and nothing else: there may be a way on with the others.
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
				_, err := p.Write(much)
				require.NoError(t, err)
				require.NoError(t, p.End(true))
				require.NoError(t, s.Close())
			}
			others := []string{"partial-", "partial-" + someHash + "0", someHash, "trust.json"}
			for _, name := range others {
				require.NoError(t, os.WriteFile(filepath.Join(WorkDir(target), name), nil, 0o600))
			}
			s, err := Begin(context.Background(), target)
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
			require.NoError(t, os.WriteFile(elsewhere, much, 0o600))
			require.NoError(t, os.Mkdir(WorkDir(target), 0o700))
			plant(t, filepath.Join(WorkDir(target), partialPrefix+someHash), elsewhere)

			s, p := openPartial(t, target, someHash)
			require.Empty(t, rest(t, p))
			_, err := p.Write([]byte("ours"))
			require.NoError(t, err)
			require.NoError(t, p.End(false))
			require.NoError(t, s.Close())
			requireFile(t, elsewhere, much)
		})
	}
}

func TestPartialRefuses(t *testing.T) {
	target := newTarget(t)
	s, err := Begin(context.Background(), target)
	require.NoError(t, err)
	for _, hash := range []string{"", "../" + someHash[3:], someHash[1:], someHash + "0", strings.Repeat("z", 64)} {
		_, err = s.Partial(hash)
		require.ErrorContains(t, err, "is not a hash")
	}
	require.NoError(t, s.Close())
	_, err = s.Partial(someHash)
	require.ErrorIs(t, err, os.ErrClosed)
}

// A download that cannot be removed is removed a little later.
func TestPartialIsRemovedInTheEnd(t *testing.T) {
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
	s, err := begin(context.Background(), target, false, f.open)
	require.NoError(t, err)
	p, err := s.Partial(someHash)
	require.NoError(t, err)
	_, err = p.Write(much)
	require.NoError(t, err)
	require.ErrorIs(t, p.End(false), syscall.EIO)
	require.NoError(t, s.Close())
	require.Equal(t, before, snapshot(t, filepath.Dir(target)))
}

// Whatever fails, it is told, and a session closes as if nothing had been.
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
			s, err := begin(context.Background(), target, false, f.open)
			require.NoError(t, err)
			if op == "remove" {
				require.NoError(t, os.WriteFile(filepath.Join(s.WorkDir(), partialPrefix+otherHash), much, 0o600))
			}
			armed = true
			require.ErrorIs(t, do(s), syscall.EIO)
			require.NoError(t, s.DropPartials())
			require.NoError(t, s.Close())
			require.NoDirExists(t, WorkDir(target))
		})
	}
}

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/codec"
	"github.com/choria-io/go-updater/internal/release"
	"github.com/choria-io/go-updater/trust"
)

func TestAddRefuses(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	require.NoError(t, os.WriteFile(empty, nil, 0o644))

	for name, tc := range map[string]struct {
		change func(*AddRequest)
		want   error
		late   bool
	}{
		"no file":              {func(r *AddRequest) { r.Files = nil }, ErrRequest, false},
		"no signer":            {func(r *AddRequest) { r.Signer = nil }, ErrRequest, false},
		"signer but unsigned":  {func(r *AddRequest) { r.InsecureUnsigned = true }, ErrRequest, false},
		"no current time":      {func(r *AddRequest) { r.Now = time.Time{} }, ErrRequest, false},
		"one platform twice":   {func(r *AddRequest) { r.Files[1] = r.Files[0] }, ErrRequest, false},
		"unknown system":       {func(r *AddRequest) { r.Files[0].OS = "windows95" }, ErrRequest, false},
		"unknown arch":         {func(r *AddRequest) { r.Files[0].Arch = "x86_64" }, ErrRequest, false},
		"unknown pair":         {func(r *AddRequest) { r.Files[0].OS = "darwin"; r.Files[0].Arch = "386" }, ErrRequest, false},
		"version with path":    {func(r *AddRequest) { r.Version = "../1" }, trust.ErrMalformed, false},
		"version reserved":     {func(r *AddRequest) { r.Version = "channels" }, trust.ErrMalformed, false},
		"name with path":       {func(r *AddRequest) { r.Name = "a/b" }, trust.ErrMalformed, false},
		"no name":              {func(r *AddRequest) { r.Name = "" }, trust.ErrMalformed, false},
		"name too long":        {func(r *AddRequest) { r.Name, r.Version = strings.Repeat("n", 128), strings.Repeat("v", 128) }, trust.ErrMalformed, false},
		"missing file":         {func(r *AddRequest) { r.Files[1].Path += ".missing" }, os.ErrNotExist, true},
		"directory":            {func(r *AddRequest) { r.Files[1].Path = filepath.Dir(r.Files[1].Path) }, ErrInput, true},
		"empty file":           {func(r *AddRequest) { r.Files[1].Path = empty }, ErrInput, true},
		"expires first":        {func(r *AddRequest) { r.Expires = r.Now }, trust.ErrMalformed, true},
		"expired already":      {func(r *AddRequest) { r.Released = now.AddDate(-2, 0, 0); r.Expires = now.AddDate(-1, 0, 0) }, trust.ErrExpired, true},
		"from the future":      {func(r *AddRequest) { r.Released = now.AddDate(0, 1, 0) }, trust.ErrExpired, true},
		"differs only in case": {func(r *AddRequest) { r.Version = "0.9.0-rc1" }, trust.ErrMalformed, true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			r := stepwise(t, dir)
			require.NoError(t, os.Mkdir(filepath.Join(dir, "0.9.0-RC1"), 0o755))
			before := tree(t, dir)
			req := request(t, 1)
			tc.change(&req)
			touched := false
			r.step = func(string, string) error { touched = true; return nil }
			out, err := r.Add(t.Context(), req)
			require.ErrorIs(t, err, tc.want)
			require.Nil(t, out)
			require.Equal(t, tc.late, touched, "an invalid request is refused before the disk is touched")
			require.Equal(t, before, tree(t, dir))
		})
	}
}

func TestEncodingsRefused(t *testing.T) {
	for _, names := range [][]string{{"xz"}, {"bzip2", "xz"}, {"bzip2", "bzip2"}, {""}, {"BZIP2"}, {release.PatchEncoding}} {
		dir := t.TempDir()
		req := request(t, 1)
		req.Encodings = names
		_, err := create(t, dir).Add(t.Context(), req)
		require.ErrorIs(t, err, ErrRequest, "%q", names)
		require.Empty(t, tree(t, dir))
	}
	require.True(t, codec.Known(encodings[0].name))
}

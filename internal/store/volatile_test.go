// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"io/fs"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestVolatileReadsWhatWasWritten(t *testing.T) {
	var v Volatile
	_, err := v.Read("name", 10)
	require.ErrorIs(t, err, fs.ErrNotExist)

	data := []byte("12345")
	require.NoError(t, v.Update(t.Context(), func() ([]File, error) { return []File{{"name", data}, {"empty", nil}}, nil }))
	data[0] = 'x'
	for limit, want := range map[int64]string{6: "12345", 5: "12345", 4: "12345", 3: "1234", 0: "1"} {
		got, err := v.Read("name", limit)
		require.NoError(t, err)
		require.Equal(t, want, string(got), "limit %d", limit)
		got[0] = 'x'
	}
	got, err := v.Read("empty", 10)
	require.NoError(t, err)
	require.Empty(t, got)
}

func TestVolatileStoresNothingAfterAFailedChange(t *testing.T) {
	var v Volatile
	failure := errors.New("failed")
	require.ErrorIs(t, v.Update(t.Context(), func() ([]File, error) { return []File{{"name", nil}}, failure }), failure)
	_, err := v.Read("name", 10)
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestVolatileUpdateExcludesOtherCallers(t *testing.T) {
	const callers = 20
	var v Volatile
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			_ = v.Update(t.Context(), func() ([]File, error) {
				raw, _ := v.Read("number", 10)
				n, _ := strconv.Atoi(string(raw))
				time.Sleep(time.Millisecond)
				return []File{{"number", strconv.AppendInt(nil, int64(n+1), 10)}}, nil
			})
		})
	}
	wg.Wait()
	got, err := v.Read("number", 10)
	require.NoError(t, err)
	require.Equal(t, strconv.Itoa(callers), string(got))
}

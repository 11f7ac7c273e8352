// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/store"
	"github.com/choria-io/go-updater/trust"
)

var when = time.Date(2026, 11, 23, 12, 0, 0, 5, time.UTC)

func full() store.Fields {
	return store.Fields{
		"text": "1.2.3", "int": 3, "int64": int64(1 << 52), "bool": true, "time": when,
		"part":  store.Fields{"deep": "x"},
		"parts": []store.Fields{{"n": 1}, {}},
	}
}

func TestParseReadsWhatFormatWrote(t *testing.T) {
	m, err := store.Parse(store.Format(full()))
	require.NoError(t, err)
	require.Equal(t, "1.2.3", m.Text("text"))
	require.Equal(t, int64(3), m.Int("int"))
	require.Equal(t, int64(1<<52), m.Int("int64"))
	require.True(t, m.Bool("bool"))
	require.Equal(t, when, m.Time("time"))
	part, ok := m.Part("part")
	require.True(t, ok)
	require.Equal(t, "x", part.Text("deep"))
	parts := m.Parts("parts")
	require.Len(t, parts, 2)
	require.Equal(t, int64(1), parts[0].Int("n"))
	require.Zero(t, parts[1].Int("n"))
	require.NoError(t, m.Err())
}

func TestMissingMembersAreZero(t *testing.T) {
	m, err := store.Parse(store.Format(store.Fields{"text": "", "int": 0, "bool": false, "time": time.Time{}}))
	require.NoError(t, err)
	require.Empty(t, m.Text("text"))
	require.Zero(t, m.Int("int"))
	require.False(t, m.Bool("bool"))
	require.True(t, m.Time("time").IsZero())
	_, ok := m.Part("part")
	require.False(t, ok)
	require.Empty(t, m.Parts("parts"))
	require.NoError(t, m.Err())
}

// The version of a program and the time of a file may be anything. The memo can be read
// in any case.
func TestFormatOfUnusualValues(t *testing.T) {
	m, err := store.Parse(store.Format(store.Fields{
		"invalid": "a\xffb", "replaced": "a\ufffdb", "control": "a\x00\n\"b",
		"far": time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), "early": time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC),
		"zone": when.In(time.FixedZone("", 3600)),
	}))
	require.NoError(t, err)
	require.Equal(t, "a?b", m.Text("invalid"))
	require.Equal(t, "a?b", m.Text("replaced"))
	require.Equal(t, "a\x00\n\"b", m.Text("control"))
	require.True(t, m.Time("far").IsZero())
	require.True(t, m.Time("early").IsZero())
	require.Equal(t, when, m.Time("zone"))
	require.NoError(t, m.Err())
}

func TestEveryChangeIsDetected(t *testing.T) {
	raw := store.Format(full())
	for i := range len(raw) * 8 {
		flipped := bytes.Clone(raw)
		flipped[i/8] ^= 1 << (i % 8)
		_, err := store.Parse(flipped)
		require.ErrorIs(t, err, store.ErrDamaged, "%q", flipped)
		require.NotErrorIs(t, err, trust.ErrMalformed)
	}
	for n := range raw {
		_, err := store.Parse(raw[:n])
		require.ErrorIs(t, err, store.ErrDamaged)
	}
}

func TestMembersOfAnotherType(t *testing.T) {
	for name, read := range map[string]func(store.Reader){
		"text":    func(m store.Reader) { m.Int("text") },
		"int":     func(m store.Reader) { m.Text("int") },
		"bool":    func(m store.Reader) { m.Text("bool") },
		"no time": func(m store.Reader) { m.Time("text") },
		"a part":  func(m store.Reader) { m.Text("part") },
		"no part": func(m store.Reader) { m.Part("text") },
		"parts":   func(m store.Reader) { m.Parts("part") },
		"deep": func(m store.Reader) {
			part, _ := m.Part("part")
			part.Int("deep")
		},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := store.Parse(store.Format(full()))
			require.NoError(t, err)
			require.NoError(t, m.Err())
			read(m)
			require.ErrorIs(t, m.Err(), store.ErrDamaged)
		})
	}
}

// In UTC the year of these times does not have four digits.
func TestTimeThatFormatDoesNotWrite(t *testing.T) {
	for _, text := range []string{"9999-12-31T23:59:59-23:59", "0000-01-01T00:00:00+23:59"} {
		m, err := store.Parse(store.Format(store.Fields{"time": text}))
		require.NoError(t, err)
		m.Time("time")
		require.ErrorIs(t, m.Err(), store.ErrDamaged, text)
	}
}

// The checksum is right, but Format does not write lists of numbers.
func TestListOfNumbers(t *testing.T) {
	sum := sha256.Sum256([]byte(`{"parts":[1]}`))
	m, err := store.Parse(fmt.Appendf(nil, `{"parts":[1],"sum":"%x"}`, sum))
	require.NoError(t, err)
	m.Parts("parts")
	require.ErrorIs(t, m.Err(), store.ErrDamaged)
}

// Parse returns a memo that can be read, or ErrDamaged.
func FuzzParse(f *testing.F) {
	f.Add(store.Format(full()))
	f.Add(store.Format(nil))
	f.Add([]byte(`{"sum":""}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := store.Parse(raw)
		if err != nil {
			require.ErrorIs(t, err, store.ErrDamaged)
			return
		}
		m.Parts("parts")
		m.Time("time")
		if m.Err() != nil {
			require.ErrorIs(t, m.Err(), store.ErrDamaged)
		}
	})
}

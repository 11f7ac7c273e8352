// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What parses says the same again, and names nothing that is not of our making.
func FuzzJournal(f *testing.F) {
	when := time.Date(2026, 11, 23, 12, 0, 0, 5, time.UTC)
	one := content{Version: "1.0.0", Hash: sum(oldBytes), Size: 60000, ModTime: when}
	for _, r := range []record{
		{},
		{State: installed, New: one, Backup: one, Probation: 3, Starts: 1},
		{State: swapping, Old: one, New: one, Older: random("previous"), Aside: random("aside"), Check: true,
			Before: &record{State: installed, New: one}},
		{State: restoring, Keep: random("keep"), Failed: []Failure{{Version: "2", Hash: sum(newBytes), When: when}}},
	} {
		r.Format = journalFormat
		r.Sum = r.sum()
		raw, err := json.Marshal(r)
		require.NoError(f, err)
		_, err = parseJournal(raw)
		require.NoError(f, err)
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := parseJournal(raw)
		if err != nil {
			require.ErrorIs(t, err, ErrJournal)
			return
		}
		for _, name := range []string{r.Older, r.Keep, r.Aside} {
			require.True(t, name == "" || kindOf(name) != "", name)
		}
		again, err := json.Marshal(r)
		require.NoError(t, err)
		same, err := parseJournal(again)
		require.NoError(t, err)
		require.Equal(t, r, same)
	})
}

func TestJournalNamesOnlyOurFiles(t *testing.T) {
	good := record{Format: journalFormat, State: swapping, Older: random("previous")}
	for name, change := range map[string]func(*record){
		"":                      func(*record) {},
		"a path":                func(r *record) { r.Older = "../tool" },
		"another kind":          func(r *record) { r.Older = random("stage") },
		"keep that is none":     func(r *record) { r.Keep = "tool" },
		"aside that is none":    func(r *record) { r.Aside = "/etc/passwd" },
		"of another format":     func(r *record) { r.Format = 2 },
		"of the format unknown": func(r *record) { r.Format = 0 },
	} {
		t.Run(name, func(t *testing.T) {
			r := good
			change(&r)
			r.Sum = r.sum()
			raw, err := json.Marshal(r)
			require.NoError(t, err)
			_, err = parseJournal(raw)
			if name == "" {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, ErrJournal)
			}
		})
	}
}

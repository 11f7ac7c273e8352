// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/jcs"
	"github.com/choria-io/go-updater/internal/store"
)

// A journal that can be parsed is the same after Format and Parse, and has no names but
// ours.
func FuzzJournal(f *testing.F) {
	when := time.Date(2026, 11, 23, 12, 0, 0, 5, time.UTC)
	one := content{Version: "1.0.0", Hash: sum(oldBytes), Size: 60000, ModTime: when}
	for _, r := range []record{
		{},
		{State: installed, New: one, Backup: one, Judge: true,
			Probation: probation{Limit: 3, Time: time.Hour, Starts: 1, Clock: time.Second, Elapsed: time.Millisecond, Judged: true}},
		{State: swapping, Old: one, New: one, Older: store.RandomName("previous"), Aside: store.RandomName("aside"), Check: true,
			Before: &record{State: installed, New: one}},
		{State: restoring, Keep: store.RandomName("keep"), Reason: RolledBack,
			Failed: []Failure{{"2", sum(newBytes), FailedSmokeTest, 2, when, when, when, true}}},
		{Memory: store.Memories{{Policy: "p", Product: "app", Seen: when, Accepted: []store.Accepted{{Version: "1.0.0", Released: when, Good: true}, {Version: "1.1.0", Released: when}}}}},
		{State: swapping, Accept: &store.Installed{Policy: "p", Product: "app", Version: "2", Released: when, Seen: when, Good: true}},
	} {
		raw := formatJournal(r)
		same, err := parseJournal(raw)
		require.NoError(f, err)
		require.Equal(f, r, same)
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		// With the right checksum, which fuzzing would not find.
		if doc, err := jcs.Parse(raw); err == nil {
			delete(doc, "sum")
			checkJournal(t, store.Format(doc))
		}
		checkJournal(t, raw)
	})
}

func checkJournal(t *testing.T, raw []byte) {
	t.Helper()
	r, err := parseJournal(raw)
	if err != nil {
		require.ErrorIs(t, err, ErrJournal)
		return
	}
	for _, name := range []string{r.Older, r.Keep, r.Aside} {
		require.True(t, name == "" || kindOf(name) != "", name)
	}
	same, err := parseJournal(formatJournal(r))
	require.NoError(t, err)
	require.Equal(t, r, same)
}

func TestJournalHasOnlyOurNames(t *testing.T) {
	good := record{State: swapping, Older: store.RandomName("previous")}
	for name, change := range map[string]func(store.Fields){
		"":                    func(store.Fields) {},
		"a path":              func(f store.Fields) { f["older"] = "../tool" },
		"another kind":        func(f store.Fields) { f["older"] = store.RandomName("stage") },
		"bad name of keep":    func(f store.Fields) { f["keep"] = "tool" },
		"bad name of aside":   func(f store.Fields) { f["aside"] = "/etc/passwd" },
		"another format":      func(f store.Fields) { f["format"] = 2 },
		"no format":           func(f store.Fields) { delete(f, "format") },
		"text for a number":   func(f store.Fields) { f["probation"] = store.Fields{"starts": "1"} },
		"a negative duration": func(f store.Fields) { f["probation"] = store.Fields{"elapsed": -1} },
		"no list of failures": func(f store.Fields) { f["failed"] = store.Fields{"version": "1"} },
		"text for a time":     func(f store.Fields) { f["new"] = store.Fields{"modified": "yesterday"} },
	} {
		t.Run(name, func(t *testing.T) {
			f := good.fields()
			f["format"] = journalFormat
			change(f)
			_, err := parseJournal(store.Format(f))
			if name == "" {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, ErrJournal)
			}
		})
	}
}

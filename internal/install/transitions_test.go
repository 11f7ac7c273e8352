// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/store"
)

var when = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// Waits between failing attempts, and the end of them.
func TestD3_FailingReleaseIsTriedWithLongerWaits(t *testing.T) {
	r, c, now := record{}, content{Version: "2.0.0", Hash: "h"}, when
	var waits []time.Duration
	for {
		r = r.failed(c, FailedSmokeTest, now)
		f := r.Failed[0]
		require.Len(t, r.Failed, 1)
		require.True(t, f.Blocks(now))
		if f.GivenUp() {
			break
		}
		waits = append(waits, f.Next.Sub(now))
		require.True(t, f.Blocks(f.Next.Add(-time.Second)))
		require.False(t, f.Blocks(f.Next))
		now = f.Next
	}
	require.Equal(t, []time.Duration{1, 2, 4, 8, 16}, hours(waits))
	require.Equal(t, 6, r.Failed[0].Count, "five within a day do not give it up")
	require.True(t, r.Failed[0].Blocks(now.AddDate(10, 0, 0)))
	require.False(t, r.Failed[0].Left)

	// Neighbours: a clock that was wrong does not block for ever; slow attempts.
	f := Failure{}.again(FailedHealthCheck, when.AddDate(50, 0, 0))
	require.False(t, f.Blocks(when), "a wait longer than the longest is none")
	require.Equal(t, when, f.again(FailedHealthCheck, when).First, "nor did anything fail in the future")
	f = Failure{}
	for day := range 5 {
		require.False(t, f.Count > 0 && f.GivenUp())
		f = f.again(FailedHealthCheck, when.AddDate(0, 0, day))
	}
	require.True(t, f.GivenUp(), "five on more than two days")
	f = Failure{}
	for i := range 30 {
		f = f.again(FailedSmokeTest, when.Add(time.Duration(i)*time.Minute))
		require.False(t, f.GivenUp())
		require.LessOrEqual(t, f.Next.Sub(f.Last), 24*time.Hour)
	}
}

func hours(all []time.Duration) []time.Duration {
	for i := range all {
		all[i] /= time.Hour
	}
	return all
}

// A version that was left stays so when the list of failures has no room for it.
func TestFloorOutlivesTheListOfFailures(t *testing.T) {
	r := record{Memory: store.Memories{{Policy: "p", Accepted: []store.Accepted{{Version: "1.0.0", Good: true}, {Version: "2.0.0", Good: true}}}}}
	r = r.failed(content{Version: "2.0.0", Hash: "2"}, RolledBack, when)
	r = r.failed(content{Version: "2.0.0", Hash: "2"}, FailedSmokeTest, when)
	require.True(t, r.Failed[0].Left, "a later failure does not hide that")
	for i := range maxFailed {
		r = r.failed(content{Version: "3.0.0", Hash: fmt.Sprint("h", i)}, FailedSmokeTest, when)
	}
	require.Len(t, r.Failed, maxFailed)
	f := r.facts()
	require.Equal(t, "1.0.0", f.Review(f.Memory.For("p")).Floor())
}

// A start counts once, by the first that sees it; starts that overlap are one.
func TestStartsAreCountedOnce(t *testing.T) {
	fresh, judged := probation{Limit: 3}, probation{Limit: 3, Starts: 1, Judged: true}
	for name, tc := range map[string]struct {
		before probation
		by     start
		starts int
		judged bool
	}{
		"the program":                     {fresh, start{}, 1, false},
		"the program, beside another":     {fresh, start{overlap: true}, 0, false},
		"the judge":                       {fresh, start{judge: true}, 1, true},
		"the judge, beside a program":     {fresh, start{judge: true, overlap: true}, 0, false},
		"the program after the judge":     {judged, start{}, 1, false},
		"another program after the judge": {judged, start{overlap: true}, 1, false},
		"the judge after a crash":         {judged, start{judge: true}, 2, true},
		"the judge of another instance":   {at(judged, 5*time.Second), start{judge: true, boot: 5*time.Second + together - 1}, 1, true},
		"the judge a second later":        {at(judged, 5*time.Second), start{judge: true, boot: 5*time.Second + together}, 2, true},
		"the judge after a reboot":        {at(judged, 5*time.Second), start{judge: true, boot: 4 * time.Second}, 2, true},
		"the judge right after a start":   {at(probation{Limit: 3, Starts: 1}, 5*time.Second), start{judge: true, boot: 5 * time.Second}, 2, true},
		"the judge without a clock":       {at(judged, 0), start{judge: true}, 2, true},
	} {
		t.Run(name, func(t *testing.T) {
			after := tc.before.counted(tc.by)
			require.Equal(t, tc.starts, after.Starts)
			require.Equal(t, tc.judged, after.Judged)
		})
	}
}

// Time on probation is that of the machine since the first start.
func TestTimeOnProbation(t *testing.T) {
	p := probation{Time: 10 * time.Minute}
	for _, step := range []struct {
		boot    time.Duration
		elapsed time.Duration
	}{
		{50 * time.Minute, 0},
		{54 * time.Minute, 4 * time.Minute},
		{time.Minute, 4 * time.Minute}, // booted since
		{7 * time.Minute, 10 * time.Minute},
		{7*time.Minute + time.Millisecond, 10*time.Minute + time.Millisecond},
	} {
		require.False(t, p.over())
		p = p.started(start{boot: step.boot})
		require.Equal(t, step.elapsed, p.Elapsed)
	}
	require.True(t, p.over())
}

func at(p probation, clock time.Duration) probation {
	p.Clock = clock
	return p
}

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"io/fs"
	"slices"
	"time"

	"github.com/choria-io/go-updater/internal/store"
)

// This file has all transitions of the journal but the swap's own steps. They are pure:
// the table in the package documentation has a row for each.

// probation is what the version on probation may do and has done.
type probation struct {
	Limit   int           // starts without Confirm after which it is given up; 0 for no limit
	Time    time.Duration // after its first start; 0 for no limit
	Starts  int
	Clock   time.Duration // of the last start: time since boot
	Boot    string        // which boot, where the system names them
	Elapsed time.Duration // from the first start to the last, while the machine was up
	Judged  bool          // a judge counted the start of a process that did not call Recover yet
}

func (p probation) active() bool { return p.Limit > 0 || p.Time > 0 }

// over reports whether the version has to be given up.
func (p probation) over() bool {
	return p.Limit > 0 && p.Starts > p.Limit || p.Time > 0 && p.Elapsed > p.Time
}

// started returns the probation after one more start.
func (p probation) started(by start) probation {
	p = p.passed(by)
	p.Starts++
	return p
}

// passed returns the probation at the time of a start. A clock below the last one, or of
// another boot, means that the machine was booted since, or is another one: the time
// between is not known.
func (p probation) passed(by start) probation {
	if p.Starts > 0 && by.boot > p.Clock && by.id == p.Boot {
		p.Elapsed += by.boot - p.Clock
	}
	p.Clock, p.Boot = by.boot.Truncate(time.Millisecond), by.id
	return p
}

// start is who saw that a process starts.
type start struct {
	judge   bool // the judge, before the process does anything
	overlap bool // a process that started before still runs
	boot    time.Duration
	id      string // of the boot
}

// together is the time within which judges see one start, as long as no process called
// Recover: several instances of a program start at once, and each has a judge.
const together = time.Second

// counted returns the probation after a start. A start counts once, by the first that
// sees it, and starts that overlap are one.
func (p probation) counted(by start) probation {
	switch {
	case by.judge && !by.overlap && p.justJudged(by.boot):
	case by.judge && !by.overlap:
		p = p.started(by)
		p.Judged = true
	case !by.judge && p.Judged:
		p.Judged = false
	case !by.overlap:
		p = p.started(by)
	case p.Time > 0:
		p = p.passed(by) // a process that goes on running does not stop the clock
	}
	return p
}

// justJudged reports whether a judge counted a start a moment ago. Without a clock of the
// machine that is not known.
func (p probation) justJudged(boot time.Duration) bool {
	return p.Judged && boot > 0 && boot >= p.Clock && boot-p.Clock < together
}

// onProbation reports whether there is a version on probation.
func (r record) onProbation() bool { return r.State == installed && r.Probation.active() }

// atRest reports whether no update or rollback has to be finished or undone.
func (r record) atRest() bool { return r.State != swapping && r.State != restoring }

// confirmed returns the journal after its probation.
func (r record) confirmed() record {
	r.Probation = probation{}
	return r
}

// cleared returns the journal without an installed version: what is remembered is kept.
func (r record) cleared() record { return record{Failed: r.Failed, Memory: r.Memory} }

// undone returns the journal from before r.
func (r record) undone() record {
	if r.Before == nil {
		return r.cleared()
	}
	before := *r.Before
	before.Failed, before.Memory = r.Failed, r.Memory
	return before
}

// next returns a journal in state to, which is undone to r.
func (r record) next(to state) record {
	next := record{State: to, Failed: r.Failed, Memory: r.Memory}
	if r.State == installed {
		before := r
		before.Before, before.Failed, before.Memory = nil, nil, nil
		next.Before = &before
	}
	return next
}

// finished returns the journal after New was installed.
func (r record) finished() record {
	r.Failed = slices.Clone(r.Failed)
	for i := range r.Failed {
		// Another build of that version is there again.
		r.Failed[i].Left = r.Failed[i].Left && !store.SameVersion(r.Failed[i].Version, r.New.Version)
	}
	done := record{
		State: installed, New: r.New, Backup: r.Backup, Probation: r.Probation, Judge: r.Judge,
		Failed: r.forgiven(r.New.Hash).Failed, Memory: r.Memory,
	}
	if r.Accept != nil {
		// What became of the version before is judged by the journal before.
		done.Memory = r.Memory.With(r.undone().facts().Review(r.Memory.For(r.Accept.Policy)).After(*r.Accept))
	}
	return done
}

// restored returns the journal after New, the backup, was put back. There is no backup
// any more.
func (r record) restored() record {
	return record{State: installed, New: r.New, Failed: r.Failed, Memory: r.Memory}
}

// putBack reports whether the target is the backup by now, which a person moved there.
func (r record) putBack(target fs.FileInfo) bool {
	return r.State == installed && r.New.Hash != r.Backup.Hash && !r.New.matches(target) && r.Backup.matches(target)
}

// leftByHand returns the journal after a person put the backup back.
func (r record) leftByHand(now time.Time) record {
	next := r.failed(r.New, RolledBack, now)
	next.New = r.Backup
	return next.restored()
}

// Facts are what the journal says of a target.
type Facts struct {
	Version  string // that the target is, "" if that is not known
	Hash     string // its SHA-256, hex
	Previous string // that the backup is, "" if there is none, or its version is not known
	Backup   bool   // there is one
	Judge    bool   // the backup can act as a judge
	Worked   string // the version installed last, if it is not on probation, whatever the target is now

	Probation bool
	Starts    int
	Limit     int           // starts, 0 for no limit
	Time      time.Duration // limit, 0 for none
	Elapsed   time.Duration // until the last start

	Failed []Failure
	Memory store.Memories
}

// facts returns what r says, without looking at the target.
func (r record) facts() Facts {
	f := Facts{Failed: r.Failed, Memory: r.Memory}
	if r.State == installed {
		f.Version, f.Hash, f.Judge = r.New.Version, r.New.Hash, r.Judge
		f.Previous, f.Backup = r.Backup.Version, r.Backup.Hash != ""
		f.Probation, f.Starts, f.Limit = r.onProbation(), r.Probation.Starts, r.Probation.Limit
		f.Time, f.Elapsed = r.Probation.Time, r.Probation.Elapsed
		if !f.Probation {
			f.Worked = f.Version
		}
	}
	return f
}

// Review returns the memory with what became of its versions here: what worked is good,
// and what failed its probation or was rolled back was left.
func (f Facts) Review(m store.Memory) store.Memory { return m.Reviewed(f.Worked, f.left) }

// left reports whether a version was installed here and is not any more.
func (f Facts) left(version string) bool {
	return slices.ContainsFunc(f.Failed, func(v Failure) bool { return v.Left && store.SameVersion(v.Version, version) })
}

func (p probation) fields() store.Fields {
	return store.Fields{
		"limit": p.Limit, "time": p.Time, "starts": p.Starts, "clock": p.Clock, "boot": p.Boot, "elapsed": p.Elapsed, "judged": p.Judged,
	}
}

func readProbation(m store.Reader) probation {
	m, _ = m.Part("probation")
	return probation{
		Limit: int(m.Int("limit")), Time: m.Duration("time"), Starts: int(m.Int("starts")),
		Clock: m.Duration("clock"), Boot: m.Text("boot"), Elapsed: m.Duration("elapsed"), Judged: m.Bool("judged"),
	}
}

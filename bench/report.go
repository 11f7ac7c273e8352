// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import "fmt"

// report is all that was measured.
type report struct {
	Host   host        `json:"host"`
	Runs   int         `json:"runs"`
	Quick  bool        `json:"quick"`
	Races  []*race     `json:"races,omitempty"`
	Check  *checkCost  `json:"check,omitempty"`
	Starts []startCost `json:"starts,omitempty"`
	Links  []linkSize  `json:"links,omitempty"`
	Bounds []bound     `json:"bounds"`
}

// of returns the races of a part.
func (r *report) of(part string) (races []*race) {
	for _, race := range r.Races {
		if race.Part == part {
			races = append(races, race)
		}
	}
	return races
}

// bound is something that has to hold, and what was found.
type bound struct {
	What    string  `json:"what"`
	Got     float64 `json:"got"`
	Limit   float64 `json:"limit"`
	AtLeast bool    `json:"at_least"` // else at most
	Format  string  `json:"-"`        // of Got and Limit
	Missing bool    `json:"missing,omitempty"`
}

func (b bound) ok() bool {
	if b.AtLeast {
		return b.Got >= b.Limit
	}
	return b.Got <= b.Limit
}

func (b bound) String() string {
	if b.Missing {
		return "not measured   " + b.What
	}
	verdict := "ok            "
	if !b.ok() {
		by := (b.Got/b.Limit - 1) * 100
		if by < 0 {
			by = -by
		}
		verdict = fmt.Sprintf("MISSED by %3.0f%%", by)
	}
	relation := "at most"
	if b.AtLeast {
		relation = "at least"
	}
	return fmt.Sprintf("%s %s: "+b.Format+" (%s "+b.Format+")", verdict, b.What, b.Got, relation, b.Limit)
}

// missed counts the bounds that do not hold.
func (r *report) missed() (n int) {
	for _, b := range r.Bounds {
		if !b.Missing && !b.ok() {
			n++
		}
	}
	return n
}

const mebibyte = 1 << 20

// judge compares what was measured with what has to hold.
func (r *report) judge() []bound {
	var all []bound
	for _, race := range r.of(partLoopback) {
		all = append(all, race.loopbackBounds()...)
	}
	for _, race := range r.of(partFast) {
		all = append(all, race.faster("zstd", wayOfV010, 2), race.faster(patched, wayOfV010, 10))
	}
	all = append(all, r.sizeBounds()...)
	if r.Check != nil {
		all = append(all,
			bound{What: "requests of another Check, nothing being new", Got: float64(max(r.Check.Again.Requests, r.Check.Later.Requests)), Limit: 1, Format: "%.0f"},
			bound{What: "bytes down of another Check, nothing being new", Got: float64(max(r.Check.Again.Down, r.Check.Later.Down)), Limit: 150, Format: "%.0f"})
	}
	for _, s := range r.Starts {
		if s.Over != "nethttp" {
			continue
		}
		all = append(all,
			bound{What: "updater at the start of a program", Got: s.Wall.Median * 1000, Limit: 1, Format: "%.2f ms"},
			bound{What: "updater in the memory of a program", Got: s.Peak.Median / mebibyte, Limit: 1, Format: "%.2f MiB"})
	}
	for _, l := range r.Links {
		if l.Platform == "linux/amd64" {
			all = append(all, bound{
				What: "updater in a stripped program, " + l.Platform,
				Got:  float64(l.Size["updater"]-l.Size["nethttp"]) / 1000, Limit: 600, Format: "%.0f KB",
			})
		}
	}
	return all
}

func (r *race) loopbackBounds() []bound {
	all := []bound{
		r.faster("zstd", wayOfV010, 12),
		r.faster("zstd", selfupdate, 3),
		r.slower("zstd", noCodec, 1.35),
		r.faster("bzip2", wayOfV010, 2),
		r.faster(patched, ours+"bzip2", 1),
	}
	patch := bound{What: "bytes of a patch against the best full download, " + r.Subject, Limit: 6, Format: "%.1f%%"}
	best := 0.0
	for _, l := range r.Lanes {
		got := l.median(down)
		if l.Name == ours+patched {
			patch.Got = got
		} else if best == 0 || got < best {
			best = got
		}
	}
	patch.Missing = patch.Got == 0
	patch.Got *= 100 / best
	return append(all, patch)
}

// faster bounds how many times as fast as other we are with variant.
func (r *race) faster(variant, other string, atLeast float64) bound {
	b := bound{
		What:  fmt.Sprintf("speed of %s against %s, %s, %s", variant, other, r.Part, r.Subject),
		Limit: atLeast, AtLeast: true, Format: "%.2fx",
	}
	we, they := r.lane(ours+variant), r.lane(other)
	if b.Missing = we == nil || they == nil; !b.Missing {
		b.Got = we.faster(they).Median
	}
	return b
}

// slower bounds how many times the time of other we take with variant.
func (r *race) slower(variant, other string, atMost float64) bound {
	b := bound{
		What:  fmt.Sprintf("time of %s against %s, %s, %s", variant, other, r.Part, r.Subject),
		Limit: atMost, Format: "%.2fx",
	}
	we, they := r.lane(ours+variant), r.lane(other)
	if b.Missing = we == nil || they == nil; !b.Missing {
		b.Got = they.faster(we).Median
	}
	return b
}

// sizeBounds: time is linear and memory flat. What does not grow with the binary
// weighs on the time of small ones, so the line is drawn from 100 MB on.
func (r *report) sizeBounds() (all []bound) {
	races := r.of(partSizes)
	for _, variant := range []string{"zstd", patched, "bzip2"} {
		limit := 24.0
		if variant == "bzip2" {
			limit = 64
		}
		for _, race := range races {
			if race.Size < 10*megabyte {
				continue
			}
			b := bound{What: fmt.Sprintf("peak memory with %s, %s", variant, race.Subject), Limit: limit, Format: "%.1f MiB"}
			l := race.lane(ours + variant)
			if b.Missing = l == nil || l.peak() == 0; !b.Missing {
				b.Got = l.peak() / mebibyte
			}
			all = append(all, b)
		}
		all = append(all, linear(races, variant)...)
	}
	return all
}

func linear(races []*race, variant string) []bound {
	var small, large *race
	for _, race := range races {
		switch race.Size {
		case 100 * megabyte:
			small = race
		case 400 * megabyte:
			large = race
		}
	}
	if small == nil || large == nil {
		return nil
	}
	b := bound{What: fmt.Sprintf("time for a MB of 400 against one of 100, %s", variant), Limit: 1.25, Format: "%.2fx"}
	few, many := small.lane(ours+variant), large.lane(ours+variant)
	if b.Missing = few == nil || many == nil; !b.Missing {
		b.Got = many.median(wall) / few.median(wall) / 4
	}
	return []bound{b}
}

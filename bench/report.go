// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
)

// report is all that was measured.
type report struct {
	Host        host          `json:"host"`
	Runs        int           `json:"runs"`
	Quick       bool          `json:"quick"`
	Comparisons []*comparison `json:"comparisons,omitempty"`
	Check       *checkCost    `json:"check,omitempty"`
	Starts      []startCost   `json:"starts,omitempty"`
	Links       []linkSize    `json:"links,omitempty"`
	Bounds      []bound       `json:"bounds"`
}

// of returns the comparisons of a part.
func (r *report) of(part string) (comparisons []*comparison) {
	for _, c := range r.Comparisons {
		if c.Part == part {
			comparisons = append(comparisons, c)
		}
	}
	return comparisons
}

// bound is a limit for a measurement.
type bound struct {
	What    string  `json:"what"`
	Got     float64 `json:"got"`
	Limit   float64 `json:"limit"`
	AtLeast bool    `json:"at_least"` // otherwise at most
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

// missed counts the missed bounds.
func (r *report) missed() (n int) {
	for _, b := range r.Bounds {
		if !b.Missing && !b.ok() {
			n++
		}
	}
	return n
}

const mebibyte = 1 << 20

// bounds compares the measurements with their limits.
func (r *report) bounds() []bound {
	var all []bound
	for _, c := range r.of(partLoopback) {
		all = append(all, c.loopbackBounds()...)
	}
	for _, c := range r.of(partFast) {
		all = append(all, c.speed("zstd", v010, 2), c.speed(patched, v010, 10))
	}
	all = append(all, r.sizeBounds()...)
	if r.Check != nil {
		all = append(all,
			bound{What: "requests of another Check, nothing new", Got: float64(max(r.Check.Again.Requests, r.Check.Later.Requests)), Limit: 1, Format: "%.0f"},
			bound{What: "bytes down of another Check, nothing new", Got: float64(max(r.Check.Again.Down, r.Check.Later.Down)), Limit: 150, Format: "%.0f"})
	}
	for _, s := range r.Starts {
		if s.Over != "nethttp" {
			continue
		}
		all = append(all,
			bound{What: "time of updater at the start of a program", Got: s.Wall.Median * 1000, Limit: 1, Format: "%.2f ms"},
			bound{What: "memory of updater in a program", Got: s.Peak.Median / mebibyte, Limit: 1, Format: "%.2f MiB"})
	}
	for _, l := range r.Links {
		if l.Platform == "linux/amd64" {
			all = append(all, bound{
				What: "size of updater in a stripped program, " + l.Platform,
				Got:  float64(l.Size["updater"]-l.Size["nethttp"]) / 1000, Limit: 600, Format: "%.0f KB",
			})
		}
	}
	return all
}

func (c *comparison) loopbackBounds() []bound {
	all := []bound{
		c.speed("zstd", v010, 12),
		c.speed("zstd", selfupdate, 3),
		c.time("zstd", noUpdater, 1.35),
		c.speed("bzip2", v010, 2),
		c.speed(patched, ours+"bzip2", 1),
	}
	patch := bound{What: "bytes of a patch against the smallest full download, " + c.Subject, Limit: 6, Format: "%.1f%%"}
	best := 0.0
	for _, l := range c.Results {
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

// speed bounds how many times as fast as other we are with variant.
func (c *comparison) speed(variant, other string, atLeast float64) bound {
	return c.ratio("speed", ours+variant, other, bound{Limit: atLeast, AtLeast: true}, (*result).speedup)
}

// time bounds how many times the time of other we need with variant.
func (c *comparison) time(variant, other string, atMost float64) bound {
	return c.ratio("time", ours+variant, other, bound{Limit: atMost}, func(we, they *result) spread { return they.speedup(we) })
}

func (c *comparison) ratio(what, name, other string, b bound, ratio func(we, they *result) spread) bound {
	b.What = fmt.Sprintf("%s of %s against %s, %s, %s", what, strings.TrimPrefix(name, ours), other, c.Part, c.Subject)
	b.Format = "%.2fx"
	we, they := c.result(name), c.result(other)
	if b.Missing = we == nil || they == nil; !b.Missing {
		b.Got = ratio(we, they).Median
	}
	return b
}

// sizeBounds: time is linear in the size, memory constant. Time is compared from 100 MB
// on, because fixed costs dominate for small binaries.
func (r *report) sizeBounds() (all []bound) {
	comparisons := r.of(partSizes)
	for _, variant := range []string{"zstd", patched, "bzip2"} {
		limit := 24.0
		if variant == "bzip2" {
			limit = 64
		}
		for _, c := range comparisons {
			if c.Size < 10*megabyte {
				continue
			}
			b := bound{What: fmt.Sprintf("peak memory with %s, %s", variant, c.Subject), Limit: limit, Format: "%.1f MiB"}
			l := c.result(ours + variant)
			if b.Missing = l == nil || l.peak() == 0; !b.Missing {
				b.Got = l.peak() / mebibyte
			}
			all = append(all, b)
		}
		all = append(all, linear(comparisons, variant)...)
	}
	return all
}

func linear(comparisons []*comparison, variant string) []bound {
	var small, large *comparison
	for _, c := range comparisons {
		switch c.Size {
		case 100 * megabyte:
			small = c
		case 400 * megabyte:
			large = c
		}
	}
	if small == nil || large == nil {
		return nil
	}
	b := bound{What: fmt.Sprintf("time per MB, 400 MB against 100 MB, %s", variant), Limit: 1.25, Format: "%.2fx"}
	few, many := small.result(ours+variant), large.result(ours+variant)
	if b.Missing = few == nil || many == nil; !b.Missing {
		b.Got = many.median(wall) / few.median(wall) / 4
	}
	return []bound{b}
}

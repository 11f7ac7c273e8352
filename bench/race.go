// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/choria-io/go-updater/bench/internal/peak"
)

// Names of contestants. Ours end in the variant they update from.
const (
	wayOfV010  = "v0.1.0's way"
	selfupdate = "minio/selfupdate"
	noCodec    = "no codec"
	ours       = "go-updater "
)

// entrant is a program that does an update, and where it finds it.
type entrant struct {
	name    string
	pkg     string
	program string
	path    string // below the server's root
	args    []string
}

// sample is one process from start to exit.
type sample struct {
	Wall float64 `json:"wall"` // seconds
	CPU  float64 `json:"cpu"`  // seconds, user and system
	Peak float64 `json:"peak"` // bytes resident, 0 where the system does not tell
	traffic
}

// lane is all runs of one contestant.
type lane struct {
	Name    string   `json:"name"`
	Samples []sample `json:"samples"`
}

// race is contestants who did the same update in turn.
type race struct {
	Part    string `json:"part"`
	Subject string `json:"subject"`
	Size    int64  `json:"size"` // of the new binary, bytes
	Lanes   []lane `json:"lanes"`
}

// lane returns nil when there is none of that name.
func (r *race) lane(name string) *lane {
	for i := range r.Lanes {
		if r.Lanes[i].Name == name {
			return &r.Lanes[i]
		}
	}
	return nil
}

func (l *lane) each(value func(sample) float64) []float64 {
	values := make([]float64, len(l.Samples))
	for i, s := range l.Samples {
		values[i] = value(s)
	}
	return values
}

func (l *lane) median(value func(sample) float64) float64 { return median(l.each(value)) }

// peak is the most that any run had.
func (l *lane) peak() float64 { return slices.Max(l.each(resident)) }

func wall(s sample) float64     { return s.Wall }
func cpu(s sample) float64      { return s.CPU }
func resident(s sample) float64 { return s.Peak }
func down(s sample) float64     { return float64(s.Down) }

// faster tells how many times as fast as other l is, pair by pair.
func (l *lane) faster(other *lane) spread { return ratios(other.each(wall), l.each(wall)) }

// race lets the entrants run in turn, A B C A B C, so that whatever else the
// machine does meets them all. The first turn only warms up.
func (b *bench) race(ctx context.Context, part string, s *subject, srv *server, entrants []entrant) error {
	r := &race{Part: part, Subject: s.name, Size: s.size}
	for _, e := range entrants {
		r.Lanes = append(r.Lanes, lane{Name: e.name})
	}
	for turn := range b.runs + 1 {
		b.say("%s, %s: turn %d of %d", part, s.name, turn, b.runs)
		for i, e := range entrants {
			got, err := b.update(ctx, s, srv, e)
			if err != nil {
				return fmt.Errorf("%s of %s: %w", e.name, s.name, err)
			}
			if turn > 0 {
				r.Lanes[i].Samples = append(r.Lanes[i].Samples, got)
			}
		}
	}
	b.report.Races = append(b.report.Races, r)
	return nil
}

// update lets e update a fresh copy of the old binary, and looks whether it did.
func (b *bench) update(ctx context.Context, s *subject, srv *server, e entrant) (got sample, err error) {
	dir := filepath.Join(b.work, "target")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return got, err
	}
	defer os.RemoveAll(dir)
	target := filepath.Join(dir, "program")
	if err := copyFile(s.old, target); err != nil {
		return got, err
	}
	// What was written before must not be what somebody's fsync waits for.
	flush()
	if _, err := srv.take(); err != nil {
		return got, err
	}
	args := append([]string{"-url", srv.url + "/" + e.path, "-target", target}, e.args...)
	if got, err = b.run(ctx, e.program, args...); err != nil {
		return got, err
	}
	if got.traffic, err = srv.take(); err != nil {
		return got, err
	}
	hash, _, err := hashFile(target)
	if err == nil && hash != s.hash {
		err = fmt.Errorf("it did not install the new binary")
	}
	return got, err
}

// run times a whole process.
func (b *bench) run(ctx context.Context, program string, args ...string) (got sample, err error) {
	cmd := exec.CommandContext(ctx, program, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	start := time.Now()
	err = cmd.Run()
	got.Wall = time.Since(start).Seconds()
	if err != nil {
		return got, fmt.Errorf("%w: %s", err, strings.TrimSpace(stderr.String()))
	}
	got.CPU = (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
	text, ok := strings.CutPrefix(strings.TrimSpace(stdout.String()), peak.Prefix)
	if !ok {
		return got, fmt.Errorf("it printed %q, not its memory", stdout.String())
	}
	got.Peak, err = strconv.ParseFloat(text, 64)
	return got, err
}

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
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

// Names of the candidates. Ours end in the variant of the repository.
const (
	v010       = "v0.1.0 method"
	selfupdate = "minio/selfupdate"
	noUpdater  = "no updater"
	ours       = "go-updater "
)

// candidate is a program that updates a file.
type candidate struct {
	name    string
	program string // its path
	path    string // of the update, below the server's root
	args    []string
}

// sample is one process from start to exit.
type sample struct {
	Wall float64 `json:"wall"` // seconds
	CPU  float64 `json:"cpu"`  // seconds, user and system
	Peak float64 `json:"peak"` // bytes resident, 0 if unknown
	traffic
}

// result is all runs of one candidate.
type result struct {
	Name    string   `json:"name"`
	Samples []sample `json:"samples"`
}

// comparison is the results of candidates that took turns with one update.
type comparison struct {
	Part    string   `json:"part"`
	Subject string   `json:"subject"`
	Size    int64    `json:"size"` // of the new binary, bytes
	Results []result `json:"results"`
}

// result returns nil if there is no candidate of that name.
func (c *comparison) result(name string) *result {
	for i := range c.Results {
		if c.Results[i].Name == name {
			return &c.Results[i]
		}
	}
	return nil
}

func (r *result) each(value func(sample) float64) []float64 {
	values := make([]float64, len(r.Samples))
	for i, s := range r.Samples {
		values[i] = value(s)
	}
	return values
}

func (r *result) median(value func(sample) float64) float64 { return median(r.each(value)) }

// peak returns the largest peak memory of all runs.
func (r *result) peak() float64 { return slices.Max(r.each(resident)) }

func wall(s sample) float64     { return s.Wall }
func cpu(s sample) float64      { return s.CPU }
func resident(s sample) float64 { return s.Peak }
func down(s sample) float64     { return float64(s.Down) }

// speedup returns how many times as fast as other r is, turn by turn.
func (r *result) speedup(other *result) spread { return ratios(other.each(wall), r.each(wall)) }

// compare runs the candidates in turns, A B C A B C, so that other load on the machine
// affects all of them. The first turn is a warm-up.
func (b *bench) compare(ctx context.Context, part string, s *subject, srv *server, candidates []candidate) error {
	c := &comparison{Part: part, Subject: s.name, Size: s.size}
	for _, candidate := range candidates {
		c.Results = append(c.Results, result{Name: candidate.name})
	}
	for turn := range b.runs + 1 {
		b.logf("%s, %s: turn %d of %d", part, s.name, turn, b.runs)
		for i, candidate := range candidates {
			got, err := b.update(ctx, s, srv, candidate)
			if err != nil {
				return fmt.Errorf("%s of %s: %w", candidate.name, s.name, err)
			}
			if turn > 0 {
				c.Results[i].Samples = append(c.Results[i].Samples, got)
			}
		}
	}
	b.report.Comparisons = append(b.report.Comparisons, c)
	return nil
}

// update runs c on a copy of the old binary and checks the result.
func (b *bench) update(ctx context.Context, s *subject, srv *server, c candidate) (got sample, err error) {
	dir := filepath.Join(b.work, "target")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return got, err
	}
	defer os.RemoveAll(dir)
	target := filepath.Join(dir, "program")
	if err := copyFile(s.old, target); err != nil {
		return got, err
	}
	// So that no fsync of a candidate waits for earlier writes.
	syncDisks()
	if _, err := srv.take(); err != nil {
		return got, err
	}
	args := append([]string{"-url", srv.url + "/" + c.path, "-target", target}, c.args...)
	if got, err = b.run(ctx, c.program, args...); err != nil {
		return got, err
	}
	if got.traffic, err = srv.take(); err != nil {
		return got, err
	}
	hash, _, err := hashFile(target)
	if err == nil && hash != s.hash {
		err = errors.New("it did not install the new binary")
	}
	return got, err
}

// run measures a whole process.
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
		return got, fmt.Errorf("it printed %q instead of its peak memory", stdout.String())
	}
	got.Peak, err = strconv.ParseFloat(text, 64)
	return got, err
}

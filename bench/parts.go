// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Names of the parts, for -only.
const (
	partLoopback = "loopback"
	partFast     = "100mbit"
	partSlow     = "20mbit"
	partSizes    = "sizes"
	partCheck    = "check"
	partStart    = "start-up"
	partLink     = "link-size"
)

var parts = []struct {
	name string
	do   func(*bench, context.Context) error
}{
	{partLoopback, (*bench).loopback},
	{partFast, func(b *bench, ctx context.Context) error { return b.limited(ctx, partFast, 100_000_000) }},
	{partSlow, func(b *bench, ctx context.Context) error { return b.limited(ctx, partSlow, 20_000_000) }},
	{partSizes, (*bench).bySize},
	{partCheck, (*bench).checks},
	{partStart, (*bench).starts},
	{partLink, (*bench).links},
}

// startPairs is how often a program is started. One start is too short to measure.
const startPairs = 50

// loopback compares all candidates on loopback.
func (b *bench) loopback(ctx context.Context) error {
	names := []string{v010, selfupdate, noUpdater}
	for _, encoding := range encodings {
		names = append(names, ours+encoding)
	}
	return b.comparePrograms(ctx, partLoopback, 0, append(names, ours+patched))
}

// limited compares candidates on a slow link.
func (b *bench) limited(ctx context.Context, part string, bitsPerSecond int64) error {
	return b.comparePrograms(ctx, part, bitsPerSecond, []string{v010, selfupdate, ours + "bzip2", ours + "zstd", ours + patched})
}

func (b *bench) comparePrograms(ctx context.Context, part string, bitsPerSecond int64, names []string) error {
	srv, err := startServer(ctx, b.site(), bitsPerSecond)
	if err != nil {
		return err
	}
	defer srv.close()
	for _, p := range b.measured() {
		old, new, err := b.binaries(ctx, p)
		if err != nil {
			return err
		}
		s, err := b.publish(ctx, p.name, old, new)
		if err != nil {
			return err
		}
		candidates, err := b.candidates(ctx, s, names...)
		if err != nil {
			return err
		}
		if err := b.compare(ctx, part, s, srv, candidates); err != nil {
			return err
		}
	}
	return nil
}

// bySize measures time and memory for binaries of different sizes.
func (b *bench) bySize(ctx context.Context) error {
	srv, err := startServer(ctx, b.site(), 0)
	if err != nil {
		return err
	}
	defer srv.close()
	for _, n := range b.sizes() {
		if err := b.oneSize(ctx, srv, n); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) oneSize(ctx context.Context, srv *server, megabytes int64) error {
	old, new, err := b.synthetic(ctx, megabytes*megabyte)
	if err != nil {
		return err
	}
	defer os.Remove(old)
	defer os.Remove(new)
	s, err := b.publish(ctx, sizeName(megabytes), old, new)
	if err != nil {
		return err
	}
	candidates, err := b.candidates(ctx, s, v010, ours+"bzip2", ours+"zstd", ours+patched)
	if err != nil {
		return err
	}
	return b.compare(ctx, partSizes, s, srv, candidates)
}

func sizeName(megabytes int64) string { return fmt.Sprintf("%d MB", megabytes) }

// checkCost is the traffic of a Check that finds nothing new.
type checkCost struct {
	First traffic `json:"first"` // the first Check of an installation
	Again traffic `json:"again"` // the second Check of a process
	Later traffic `json:"later"` // the first Check of a later process
}

func (b *bench) checks(ctx context.Context) error {
	p := programs[0]
	old, new, err := b.binaries(ctx, p)
	if err != nil {
		return err
	}
	s, err := b.publish(ctx, p.name, old, new)
	if err != nil {
		return err
	}
	key, err := b.key(ctx)
	if err != nil {
		return err
	}
	program, err := b.program(ctx, ".", "cmd/goupdater")
	if err != nil {
		return err
	}
	srv, err := startServer(ctx, b.site(), 0)
	if err != nil {
		return err
	}
	defer srv.close()
	dir := filepath.Join(b.work, "target")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	// The third process checks twice.
	var seen [3]traffic
	for i, checks := range []string{"1", "1", "2"} {
		target := filepath.Join(dir, "program")
		if i == 2 {
			target += "-2" // an installation without stored state
		}
		if err := copyFile(new, target); err != nil {
			return err
		}
		_, err = b.run(ctx, program, "-url", srv.url+"/"+path.Join(s.path, "bzip2"), "-target", target,
			"-current", newVersion, "-version", newVersion, "-key", key+".pub", "-checks", checks)
		if err != nil {
			return err
		}
		if seen[i], err = srv.take(); err != nil {
			return err
		}
	}
	b.report.Check = &checkCost{First: seen[0], Later: seen[1], Again: traffic{
		Down: seen[2].Down - seen[0].Down, Up: seen[2].Up - seen[0].Up, Requests: seen[2].Requests - seen[0].Requests,
	}}
	return nil
}

// startCost is what importing updater costs at every start.
type startCost struct {
	Over string  `json:"over"` // the program without updater
	Wall spread  `json:"wall"` // additional seconds
	Peak spread  `json:"peak"` // additional bytes
	Base float64 `json:"base"` // seconds without updater
}

func (b *bench) starts(ctx context.Context) error {
	with, err := b.program(ctx, ".", "link/updater")
	if err != nil {
		return err
	}
	for _, name := range []string{"nethttp", "plain"} {
		without, err := b.program(ctx, ".", "link/"+name)
		if err != nil {
			return err
		}
		b.logf("%s: %d starts with and without updater, over %s", partStart, startPairs, name)
		runs := [2]result{}
		for turn := range startPairs + 1 {
			for i, program := range []string{with, without} {
				got, err := b.run(ctx, program)
				if err != nil {
					return err
				}
				if turn > 0 {
					runs[i].Samples = append(runs[i].Samples, got)
				}
			}
		}
		b.report.Starts = append(b.report.Starts, startCost{
			Over: name, Base: runs[1].median(wall),
			Wall: differences(runs[0].each(wall), runs[1].each(wall)),
			Peak: differences(runs[0].each(resident), runs[1].each(resident)),
		})
	}
	return nil
}

// linkSize is the stripped size of the programs in directory link, in bytes.
type linkSize struct {
	Platform string           `json:"platform"`
	Size     map[string]int64 `json:"size"`
}

// linked are the programs in directory link. The others are compared with the first.
var linked = []string{"nethttp", "updater", "trust", "minio"}

func (b *bench) links(ctx context.Context) error {
	for _, platform := range []string{"linux/amd64", "linux/arm64", "windows/amd64"} {
		b.logf("%s: %s", partLink, platform)
		goos, goarch, _ := strings.Cut(platform, "/")
		l := linkSize{Platform: platform, Size: map[string]int64{}}
		for _, name := range linked {
			file := filepath.Join(b.work, "linked")
			if err := b.build(ctx, ".", "link/"+name, file, []string{"GOOS=" + goos, "GOARCH=" + goarch}); err != nil {
				return err
			}
			info, err := os.Stat(file)
			if err != nil {
				return err
			}
			l.Size[name] = info.Size()
		}
		b.report.Links = append(b.report.Links, l)
	}
	return nil
}

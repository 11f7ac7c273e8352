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

// Names of the parts, as -only selects them.
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

// startPairs is how often a program is started: it takes so little that only
// many pairs tell anything.
const startPairs = 50

// loopback is everybody, with nothing but the machine in the way.
func (b *bench) loopback(ctx context.Context) error {
	names := []string{wayOfV010, selfupdate, noCodec}
	for _, encoding := range encodings {
		names = append(names, ours+encoding)
	}
	return b.realPairs(ctx, partLoopback, 0, append(names, ours+patched))
}

// limited is the same through a link that is slower than a disk.
func (b *bench) limited(ctx context.Context, part string, bitsPerSecond int64) error {
	return b.realPairs(ctx, part, bitsPerSecond, []string{wayOfV010, selfupdate, ours + "bzip2", ours + "zstd", ours + patched})
}

func (b *bench) realPairs(ctx context.Context, part string, bitsPerSecond int64, names []string) error {
	srv, err := startServer(ctx, b.site(), bitsPerSecond)
	if err != nil {
		return err
	}
	defer srv.close()
	for _, p := range b.pairs() {
		old, new, err := b.binaries(ctx, p)
		if err != nil {
			return err
		}
		s, err := b.publish(ctx, p.name, old, new)
		if err != nil {
			return err
		}
		entrants, err := b.entrants(ctx, s, names...)
		if err != nil {
			return err
		}
		if err := b.race(ctx, part, s, srv, entrants); err != nil {
			return err
		}
	}
	return nil
}

// bySize shows what grows with the binary, and what does not.
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
	entrants, err := b.entrants(ctx, s, wayOfV010, ours+"bzip2", ours+"zstd", ours+patched)
	if err != nil {
		return err
	}
	return b.race(ctx, partSizes, s, srv, entrants)
}

func sizeName(megabytes int64) string { return fmt.Sprintf("%d MB", megabytes) }

// checkCost is what it costs to be told that there is nothing new.
type checkCost struct {
	First traffic `json:"first"` // the first Check of an installation
	Again traffic `json:"again"` // another one of the same process
	Later traffic `json:"later"` // the first one of a later process
}

func (b *bench) checks(ctx context.Context) error {
	p := pairs[0]
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
	program, err := b.program(ctx, ".", "cmd/check")
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

	// The third has twice what one process asks for.
	var seen [3]traffic
	for i, times := range []string{"1", "1", "2"} {
		target := filepath.Join(dir, "program")
		if i == 2 {
			target += "-2" // an installation that remembers nothing
		}
		if err := copyFile(new, target); err != nil {
			return err
		}
		_, err = b.run(ctx, program, "-url", srv.url+"/"+path.Join(s.at, "bzip2"), "-target", target,
			"-version", newVersion, "-key", key+".pub", "-times", times)
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

// startCost is what a program pays at every start for being able to update.
type startCost struct {
	Over string  `json:"over"` // the program without updater
	Wall spread  `json:"wall"` // seconds more
	Peak spread  `json:"peak"` // bytes more
	Base float64 `json:"base"` // seconds that the program without takes
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
		b.say("%s: %d starts with and without updater, over %s", partStart, startPairs, name)
		lanes := [2]lane{}
		for turn := range startPairs + 1 {
			for i, program := range []string{with, without} {
				got, err := b.run(ctx, program)
				if err != nil {
					return err
				}
				if turn > 0 {
					lanes[i].Samples = append(lanes[i].Samples, got)
				}
			}
		}
		b.report.Starts = append(b.report.Starts, startCost{
			Over: name, Base: lanes[1].median(wall),
			Wall: differences(lanes[0].each(wall), lanes[1].each(wall)),
			Peak: differences(lanes[0].each(resident), lanes[1].each(resident)),
		})
	}
	return nil
}

// linkSize is the stripped size of the programs below link, in bytes.
type linkSize struct {
	Platform string           `json:"platform"`
	Size     map[string]int64 `json:"size"`
}

// linked are the programs below link, the one that the others add to first.
var linked = []string{"nethttp", "updater", "trust", "minio"}

func (b *bench) links(ctx context.Context) error {
	for _, platform := range []string{"linux/amd64", "linux/arm64", "windows/amd64"} {
		b.say("%s: %s", partLink, platform)
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

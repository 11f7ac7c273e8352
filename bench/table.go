// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// printer keeps the first error and ignores later writes.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

// table aligns cells, separated by tabs, to the right. The caller pads the first column.
func (p *printer) table(rows ...string) {
	if p.err != nil {
		return
	}
	t := tabwriter.NewWriter(p.w, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, row := range rows {
		fmt.Fprintf(t, "%s\t\n", row)
	}
	p.err = t.Flush()
}

// print writes all tables and, at the end, the bounds.
func (r *report) print(w io.Writer) error {
	p := &printer{w: w}
	p.line("%s, %d CPUs, %s, %s; targets on %s", r.Host.Processor, r.Host.CPUs, r.Host.Platform, r.Host.Go, r.Host.FileSystem)
	if volatile(r.Host.FileSystem) {
		p.line("This file system is in memory, so syncs cost nothing and times are too good. See -dir.")
	}
	p.line("Medians of %d runs; memory is the maximum. The ratio is the median over all turns, with minimum and maximum.", r.Runs)
	for _, c := range r.Comparisons {
		p.line("\n%s: %s, %s", c.Part, c.Subject, size(c.Size))
		p.table(c.rows()...)
	}
	r.printRest(p)
	p.line("")
	for _, b := range r.Bounds {
		p.line("%s", b)
	}
	return p.err
}

func (r *comparison) rows() []string {
	width := 0
	for _, l := range r.Results {
		width = max(width, len(l.Name))
	}
	rows := []string{strings.Repeat(" ", width) + "\ttime\tspeed vs v0.1.0\tCPU\tpeak memory\tdown\tup\trequests"}
	base := r.result(v010)
	for _, l := range r.Results {
		factor := ""
		if base != nil {
			f := l.speedup(base)
			factor = fmt.Sprintf("%.2fx [%.2f, %.2f]", f.Median, f.Min, f.Max)
		}
		rows = append(rows, fmt.Sprintf("%-*s\t%s\t%s\t%s\t%s\t%s\t%s\t%.0f", width, l.Name,
			seconds(l.median(wall)), factor, seconds(l.median(cpu)), memory(l.peak()),
			size(int64(l.median(down))), size(int64(l.median(up))), l.median(requests)))
	}
	return rows
}

func up(s sample) float64       { return float64(s.Up) }
func requests(s sample) float64 { return float64(s.Requests) }

func (r *report) printRest(p *printer) {
	if c := r.Check; c != nil {
		p.line("\ncheck: nothing new")
		p.table("                \trequests\tdown\tup",
			fmt.Sprintf("first Check     \t%d\t%d B\t%d B", c.First.Requests, c.First.Down, c.First.Up),
			fmt.Sprintf("same process    \t%d\t%d B\t%d B", c.Again.Requests, c.Again.Down, c.Again.Up),
			fmt.Sprintf("later process   \t%d\t%d B\t%d B", c.Later.Requests, c.Later.Down, c.Later.Up))
	}
	if len(r.Starts) > 0 {
		p.line("\nstart-up: a program that imports updater and does not update, %d pairs", startPairs)
		rows := []string{"compared with  \ttime\t[min, max]\tmemory\ttotal time"}
		for _, s := range r.Starts {
			rows = append(rows, fmt.Sprintf("%-15s\t%+.2f ms\t[%+.2f, %+.2f]\t%+.2f MiB\t%.2f ms", s.Over,
				s.Wall.Median*1000, s.Wall.Min*1000, s.Wall.Max*1000, s.Peak.Median/mebibyte, s.Base*1000))
		}
		p.table(rows...)
	}
	if len(r.Links) > 0 {
		p.line("\nlink-size: size of a stripped program, and what each import adds")
		rows := []string{"             \tnet/http\t+ updater\t+ trust\t+ minio/selfupdate"}
		for _, l := range r.Links {
			row := fmt.Sprintf("%-13s\t%d KB", l.Platform, l.Size[linked[0]]/1000)
			for _, name := range linked[1:] {
				row += fmt.Sprintf("\t%+d KB", (l.Size[name]-l.Size[linked[0]])/1000)
			}
			rows = append(rows, row)
		}
		p.table(rows...)
	}
}

func seconds(s float64) string {
	if s < 1 {
		return fmt.Sprintf("%.0f ms", s*1000)
	}
	return fmt.Sprintf("%.2f s", s)
}

func memory(bytes float64) string {
	if bytes == 0 {
		return "?"
	}
	return fmt.Sprintf("%.1f MiB", bytes/mebibyte)
}

func size(bytes int64) string {
	switch {
	case bytes >= 10*megabyte:
		return fmt.Sprintf("%.1f MB", float64(bytes)/megabyte)
	case bytes >= 100_000:
		return fmt.Sprintf("%.2f MB", float64(bytes)/megabyte)
	case bytes >= 1000:
		return fmt.Sprintf("%.1f KB", float64(bytes)/1000)
	}
	return fmt.Sprintf("%d B", bytes)
}

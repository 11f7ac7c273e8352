// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

const megabyte = 1_000_000

// sizes returns the sizes of the binaries in part sizes, in megabytes.
func (b *bench) sizes() []int64 {
	if b.quick {
		return []int64{1, 10, 100}
	}
	return []int64{1, 10, 100, 400}
}

// synthetic makes two consecutive releases of a program of the given size from the real
// ones: see synthesise.
func (b *bench) synthetic(ctx context.Context, size int64) (old, new string, err error) {
	var olds, news []string
	for _, p := range b.measured() {
		o, n, err := b.binaries(ctx, p)
		if err != nil {
			return "", "", err
		}
		olds, news = append(olds, o), append(news, n)
	}
	old, new = filepath.Join(b.work, fmt.Sprintf("%d-old", size)), filepath.Join(b.work, fmt.Sprintf("%d-new", size))
	return old, new, errors.Join(synthesiseFile(old, olds, size), synthesiseFile(new, news, size))
}

func synthesiseFile(name string, sources []string, size int64) error {
	contents := make([][]byte, len(sources))
	for i, source := range sources {
		var err error
		if contents[i], err = os.ReadFile(source); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	return errors.Join(synthesise(w, contents, size), w.Flush(), f.Close())
}

// synthesise writes size bytes: the sources one after the other, repeated. If the rest is
// too small for all of them, it takes a slice from the middle of each. Every round has
// different small edits, so that no round repeats another. The edits depend on the
// surrounding bytes, so that equal parts of the old and new source get equal edits.
func synthesise(w io.Writer, sources [][]byte, size int64) error {
	var total int64
	for _, s := range sources {
		total += int64(len(s))
	}
	for round := 0; size > 0; round++ {
		left := size
		for i, s := range sources {
			share := int64(len(s))
			if size < total {
				share = size * share / total
				if i == len(sources)-1 {
					share = min(left, int64(len(s)))
				}
			}
			from := (int64(len(s)) - share) / 4
			if _, err := w.Write(edited(s[from:from+share], round)); err != nil {
				return err
			}
			left -= share
		}
		size = left
	}
	return nil
}

// edited changes about one byte in 250, and none in round 0.
func edited(b []byte, round int) []byte {
	if round == 0 {
		return b
	}
	out := make([]byte, len(b))
	copy(out, b)
	for i := 4; i < len(b); i++ {
		context := uint32(b[i-4])<<24 | uint32(b[i-3])<<16 | uint32(b[i-2])<<8 | uint32(b[i-1])
		if (context^uint32(round)*0x9e3779b9)*2654435761>>16%251 == 0 {
			out[i] ^= byte(round)
		}
	}
	return out
}

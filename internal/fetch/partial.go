// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
)

// partial is a file with the first done bytes of a download, and their hash. Every
// byte was written by Write or read by openPartial: the hash never covers bytes
// that were not seen.
type partial struct {
	file *os.File
	size int64
	want string

	done  int64
	sum   hash.Cloner
	parts int // how many responses and earlier calls the bytes are from

	// before is the state that back returns to.
	before struct {
		done int64
		sum  hash.Cloner
	}
}

// openPartial hashes the contents of f. It truncates a file that is longer than
// size, which cannot be a beginning.
func openPartial(ctx context.Context, f *os.File, size int64, want string) (*partial, error) {
	p := &partial{file: f, size: size, want: want, sum: sha256.New().(hash.Cloner)}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() > size {
		return p, p.reset()
	}
	there := io.NewSectionReader(f, 0, info.Size())
	p.done, err = io.CopyBuffer(p.sum, cancellable{ctx, there}, make([]byte, min(info.Size(), chunkSize-1)+1))
	if p.done > 0 {
		p.parts = 1
	}

	return p, err
}

// Write appends b.
func (p *partial) Write(b []byte) (int, error) {
	n, err := p.file.WriteAt(b, p.done)
	p.sum.Write(b[:n])
	p.done += int64(n)

	return n, err
}

// reset truncates the file.
func (p *partial) reset() error {
	p.done, p.parts = 0, 0
	p.sum.Reset()

	return p.file.Truncate(0)
}

// mark stores the state for back.
func (p *partial) mark() (err error) {
	p.before.done = p.done
	p.before.sum, err = p.sum.Clone()

	return err
}

// back removes what was written since mark, which must be called before it is called
// again.
func (p *partial) back() error {
	p.done, p.sum = p.before.done, p.before.sum

	return p.file.Truncate(p.done)
}

// check returns ErrHash unless length and hash are those wanted.
func (p *partial) check() error {
	got := hex.EncodeToString(p.sum.Sum(nil))
	if p.done != p.size || got != p.want {
		return fmt.Errorf("%w: sha256 is %s, want %s", ErrHash, got, p.want)
	}

	return nil
}

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path"
	"strings"

	"github.com/choria-io/go-updater/internal/codec"
	"github.com/choria-io/go-updater/internal/codec/bz2"
	"github.com/choria-io/go-updater/trust"
)

// packed is one input file, made into artifacts in the private directory.
type packed struct {
	hash      string
	size      int64
	artifacts []trust.Artifact
	files     []string // where the artifacts lie, in their order
}

// pack reads the file once and makes everything from that one reading, so that
// hash, size and artifacts are of the same bytes.
func (t *transaction) pack(ctx context.Context, f File, n int, uncompressed bool, m *meter) (*packed, error) {
	in, err := openInput(f.Path)
	if err != nil {
		return nil, err
	}
	defer in.Close()

	name := fmt.Sprintf("%d.bz2", n)
	compressed, err := t.create(name)
	if err != nil {
		return nil, err
	}
	defer compressed.Close()
	var sinks []io.Writer
	var plain *os.File
	if uncompressed {
		if plain, err = t.create(fmt.Sprintf("%d.plain", n)); err != nil {
			return nil, err
		}
		defer plain.Close()
		sinks = append(sinks, plain)
	}

	// Two measures, of what was read and of what was written.
	bin, file := newMeasure(), newMeasure()
	if err := compress(ctx, in, compressed, bin, file, sinks, m); err != nil {
		return nil, fmt.Errorf("packing %q: %w", f.Path, err)
	}
	if err := in.unchanged(bin.size); err != nil {
		return nil, err
	}
	p := &packed{hash: bin.sum(), size: bin.size}

	// A compressor with a fault would publish a release that nobody can
	// install, with a sound signature.
	err = t.do("read", name, func() error { return decodes(ctx, compressed, codec.Bzip2, p.size, p.hash, m) })
	if err != nil {
		return nil, fmt.Errorf("reading back %q as compressed: %w", f.Path, err)
	}
	p.add(trust.Artifact{Encoding: codec.Bzip2, Size: file.size, Hash: file.sum()}, path.Join(t.work, name))
	if err := t.finish(compressed); err != nil {
		return nil, err
	}
	if plain != nil {
		p.add(trust.Artifact{Encoding: codec.None, Size: p.size, Hash: p.hash}, path.Join(t.work, fmt.Sprintf("%d.plain", n)))
		if err := t.finish(plain); err != nil {
			return nil, err
		}
	}

	return p, nil
}

func (p *packed) add(a trust.Artifact, file string) {
	p.artifacts, p.files = append(p.artifacts, a), append(p.files, file)
}

func compress(ctx context.Context, in io.Reader, out io.Writer, bin, file *measure, also []io.Writer, m *meter) error {
	z, err := bz2.NewWriter(io.MultiWriter(out, file))
	if err != nil {
		return err
	}
	to := io.MultiWriter(append([]io.Writer{bin, z, m}, also...)...)
	if _, err := io.Copy(to, cancellable{ctx, in}); err != nil {
		return errors.Join(err, z.Close())
	}

	return z.Close()
}

// input is a file to be published.
type input struct {
	*os.File
	before os.FileInfo
}

func openInput(name string) (*input, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("reading the file to publish: %w", err)
	}
	if info.IsDir() {
		return nil, fmt.Errorf("%w: %q is a directory", ErrInput, name)
	}
	// Opening a named pipe would wait for its other end.
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %q is not a regular file", ErrInput, name)
	}
	if info.Size() == 0 {
		return nil, fmt.Errorf("%w: %q is empty", ErrInput, name)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("reading the file to publish: %w", err)
	}
	in := &input{File: f}
	if in.before, err = f.Stat(); err != nil {
		return nil, errors.Join(fmt.Errorf("reading the file to publish: %w", err), f.Close())
	}

	return in, nil
}

func (in *input) unchanged(read int64) error {
	after, err := in.Stat()
	if err != nil {
		return fmt.Errorf("reading the file to publish: %w", err)
	}
	if read != in.before.Size() || after.Size() != in.before.Size() || !after.ModTime().Equal(in.before.ModTime()) {
		return fmt.Errorf("%w: %q changed while it was read", ErrInput, in.Name())
	}

	return nil
}

// decodes checks that a file unfolds to exactly the binary.
func decodes(ctx context.Context, f io.ReadSeeker, encoding string, size int64, want string, m *meter) error {
	return unfold(ctx, f, newMeasure(), want, func(got *measure, from io.Reader) error {
		return codec.Copy(io.MultiWriter(got, m), encoding, from, size)
	})
}

// decodesTo does so for a document of v0.1.0, which does not say how long the
// binary is, and leaves that in got.
func decodesTo(ctx context.Context, f io.ReadSeeker, got *measure, encoding, want string) error {
	return unfold(ctx, f, got, want, func(got *measure, from io.Reader) error {
		r, err := codec.Decode(encoding, from)
		if err != nil {
			return err
		}
		defer r.Close()
		n, err := io.Copy(got, io.LimitReader(r, maxUnsigned+1))
		if err == nil && n > maxUnsigned {
			err = fmt.Errorf("%w: more than %d bytes", codec.ErrSize, int64(maxUnsigned))
		}
		return err
	})
}

func unfold(ctx context.Context, f io.ReadSeeker, got *measure, want string, decode func(got *measure, from io.Reader) error) error {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	err := decode(got, cancellable{ctx, f})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrHash, err)
	}
	if got.sum() != want {
		return fmt.Errorf("%w: it decodes to a binary with hash %s instead of %s", ErrHash, got.sum(), want)
	}

	return nil
}

// maxUnsigned bounds what is unfolded of a document that states no size.
const maxUnsigned = 4 << 30

// encodingOf tells how v0.1.0 wrote an artifact, whose document does not say.
func encodingOf(file string) string {
	if strings.HasSuffix(file, ".bz2") {
		return codec.Bzip2
	}

	return codec.None
}

// measure counts and hashes what is written to it.
type measure struct {
	hash.Hash
	size int64
}

func newMeasure() *measure { return &measure{Hash: sha256.New()} }

func (m *measure) Write(p []byte) (int, error) {
	m.size += int64(len(p))

	return m.Hash.Write(p)
}

func (m *measure) sum() string { return hex.EncodeToString(m.Sum(nil)) }

// cancellable ends a copy with its context.
type cancellable struct {
	ctx context.Context
	r   io.Reader
}

func (c cancellable) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}

	return c.r.Read(p)
}

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"sync"

	"github.com/choria-io/go-updater/trust"
)

const (
	// pieceSize is how much of a file is handed on at a time, and lead how many
	// pieces the fastest packer may be ahead of the slowest.
	pieceSize = 1 << 20
	lead      = 8
)

// packed is one input file, made into artifacts in the private directory.
type packed struct {
	hash      string
	size      int64
	artifacts []trust.Artifact
	files     []string // where the artifacts lie, in their order
	suffixes  []string // what their names end in
}

// parcel is one artifact in the making.
type parcel struct {
	encoding
	ready *input   // made by somebody else, and only copied; or nil
	name  string   // in the private directory
	out   *os.File // that file
	file  *measure // of what was written to it
}

// source is what the artifact is made of, for errors.
func (p *parcel) source(f File) string {
	if p.ready != nil {
		return p.ready.Name()
	}

	return f.Path
}

// pack reads the file once and makes everything from that one reading, so that
// hash, size and artifacts are of the same bytes. The encodings are packed at
// the same time, and use up to workers cores each.
func (t *transaction) pack(ctx context.Context, f File, n int, req *AddRequest, workers int, m *meter) (*packed, error) {
	in, err := openInput(f.Path)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	parcels, err := t.parcels(f, n, req)
	defer func() {
		for _, p := range parcels {
			p.close()
		}
	}()
	if err != nil {
		return nil, err
	}

	bin := newMeasure()
	if err := packAll(ctx, cancellable{ctx, in}, bin, parcels, workers, m); err != nil {
		return nil, fmt.Errorf("packing %q: %w", f.Path, err)
	}
	if err := in.unchanged(bin.size); err != nil {
		return nil, err
	}

	p := &packed{hash: bin.sum(), size: bin.size}
	err = forEach(ctx, len(parcels), workers, func(ctx context.Context, i int) error {
		return t.check(ctx, f, parcels[i], p, m)
	})
	if err != nil {
		return nil, err
	}
	for _, x := range parcels {
		p.add(trust.Artifact{Encoding: x.encoding.name, Size: x.file.size, Hash: x.file.sum()}, path.Join(t.work, x.name), x.suffix)
	}

	return p, nil
}

func (p *packed) add(a trust.Artifact, file, suffix string) {
	p.artifacts, p.files, p.suffixes = append(p.artifacts, a), append(p.files, file), append(p.suffixes, suffix)
}

// parcels creates the files of all artifacts of one binary. After an error they
// are those that have to be closed.
func (t *transaction) parcels(f File, n int, req *AddRequest) ([]*parcel, error) {
	all, err := req.wanted(f)
	if err != nil {
		return nil, err
	}
	var parcels []*parcel
	for _, w := range all {
		p := &parcel{encoding: w.encoding, name: fmt.Sprintf("%d.plain", n), file: newMeasure()}
		if w.suffix != "" {
			p.name = fmt.Sprintf("%d%s", n, w.suffix)
		}
		if w.ready != "" {
			if p.ready, err = openInput(w.ready); err != nil {
				return parcels, err
			}
		}
		parcels = append(parcels, p)
		if p.out, err = t.create(p.name); err != nil {
			return parcels, err
		}
	}

	return parcels, nil
}

// close releases what is still open. Closing a file twice is harmless.
func (p *parcel) close() {
	if p.ready != nil {
		_ = p.ready.Close()
	}
	if p.out != nil {
		_ = p.out.Close()
	}
}

// check unfolds an artifact as a client does: a compressor with a fault, or a
// file made elsewhere of another binary, would be a release that nobody can
// install, with a sound signature. Then it brings it to the disk.
func (t *transaction) check(ctx context.Context, f File, p *parcel, as *packed, m *meter) error {
	err := t.do("read", p.name, func() error { return decodes(ctx, p.out, p.encoding.name, as.size, as.hash, m) })
	switch {
	case err != nil && ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil && p.ready != nil:
		return fmt.Errorf("%w: %q does not unfold to %q: %w", ErrInput, p.source(f), f.Path, err)
	case err != nil:
		return fmt.Errorf("reading back %q as %s: %w", p.source(f), p.encoding.name, err)
	}

	return t.finish(p.out)
}

// packAll hands what is read to all packers, each of which works at its own
// pace, and returns when all are done.
func packAll(ctx context.Context, in io.Reader, bin *measure, parcels []*parcel, workers int, m *meter) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	var wg sync.WaitGroup
	var lanes []chan []byte
	for _, p := range parcels {
		lane := make(chan []byte, lead)
		if p.ready == nil {
			lanes = append(lanes, lane)
		}
		wg.Go(func() {
			if err := p.write(ctx, lane, workers, m); err != nil {
				cancel(err)
			}
		})
	}
	err := deal(ctx, in, bin, lanes)
	if err != nil {
		cancel(err)
	}
	// Only now that ctx tells of a failure: a lane that ends means success.
	for _, lane := range lanes {
		close(lane)
	}
	wg.Wait()

	return context.Cause(ctx)
}

// deal reads a file and gives every piece of it to every lane.
func deal(ctx context.Context, in io.Reader, bin *measure, lanes []chan []byte) error {
	for {
		// The lanes share a piece, so it is not used again.
		piece := make([]byte, pieceSize)
		n, err := io.ReadFull(in, piece)
		_, _ = bin.Write(piece[:n]) // never fails
		for _, lane := range lanes {
			select {
			case lane <- piece[:n]:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// write makes the file of the artifact, of the pieces or of the ready one.
func (p *parcel) write(ctx context.Context, lane <-chan []byte, workers int, m *meter) (err error) {
	to := io.MultiWriter(p.out, p.file)
	if p.ready != nil {
		if _, err := io.Copy(to, cancellable{ctx, p.ready}); err != nil {
			return fmt.Errorf("copying %q: %w", p.ready.Name(), err)
		}
		return p.ready.unchanged(p.file.size)
	}
	z, err := p.pack(to, workers)
	if err != nil {
		return err
	}
	for piece := range lane {
		if ctx.Err() != nil {
			break
		}
		if _, err := z.Write(piece); err != nil {
			_ = z.Close() // which says the same, and leaves no goroutine
			return err
		}
		_, _ = m.Write(piece) // never fails
	}
	if ctx.Err() != nil {
		_ = z.Close() // which leaves no goroutine
		return context.Cause(ctx)
	}

	return z.Close()
}

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

	"github.com/choria-io/go-updater/internal/release"
	"github.com/choria-io/go-updater/trust"
)

const (
	// chunkSize is how much of a binary is read at a time, and queueLength how many
	// chunks the fastest compressor may be ahead of the slowest.
	chunkSize   = 1 << 20
	queueLength = 8
)

// build is a binary and the artifacts made from it, in the private directory.
type build struct {
	hash      string
	size      int64
	artifacts []newArtifact
}

type newArtifact struct {
	trust.Artifact
	file   string // where it is
	suffix string // of its name in the repository
}

// artifactWriter is one artifact that is being written.
type artifactWriter struct {
	encoding
	compressed *input   // the file to copy, or nil to compress the binary
	name       string   // in the private directory
	out        *os.File // that file
	written    *measure
}

// build reads a binary once, so that its hash, size and artifacts are of the same
// bytes. The encodings are compressed concurrently, with up to workers cores each.
func (t *transaction) build(ctx context.Context, f File, n int, req *AddRequest, workers int, m *meter) (*build, error) {
	in, err := openInput(f.Path)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	writers, err := t.artifactWriters(f, n, req)
	defer func() {
		for _, w := range writers {
			w.close()
		}
	}()
	if err != nil {
		return nil, err
	}

	binary := newMeasure()
	if err := writeAll(ctx, release.WithContext(ctx, in), binary, writers, workers, m); err != nil {
		return nil, fmt.Errorf("compressing %q: %w", f.Path, err)
	}
	if err := in.unchanged(binary.size); err != nil {
		return nil, err
	}

	b := &build{hash: binary.sum(), size: binary.size}
	err = forEach(ctx, len(writers), workers, func(ctx context.Context, i int) error {
		return t.check(ctx, f, writers[i], b, m)
	})
	if err != nil {
		return nil, err
	}
	for _, w := range writers {
		b.artifacts = append(b.artifacts, newArtifact{
			trust.Artifact{Encoding: w.encoding.name, Size: w.written.size, Hash: w.written.sum()}, path.Join(t.work, w.name), w.suffix,
		})
	}

	return b, nil
}

// artifactWriters creates the files of all artifacts of one binary. The caller
// closes what is returned, also after an error.
func (t *transaction) artifactWriters(f File, n int, req *AddRequest) (writers []*artifactWriter, err error) {
	sources, err := req.sources(f)
	if err != nil {
		return nil, err
	}
	for _, s := range sources {
		w := &artifactWriter{encoding: s.encoding, name: fmt.Sprintf("%d.plain", n), written: newMeasure()}
		if s.suffix != "" {
			w.name = fmt.Sprintf("%d%s", n, s.suffix)
		}
		if s.file != "" {
			if w.compressed, err = openInput(s.file); err != nil {
				return writers, err
			}
		}
		writers = append(writers, w)
		if w.out, err = t.create(w.name); err != nil {
			return writers, err
		}
	}

	return writers, nil
}

// close closes what is still open. Closing a file again has no effect.
func (w *artifactWriter) close() {
	if w.compressed != nil {
		_ = w.compressed.Close()
	}
	if w.out != nil {
		_ = w.out.Close()
	}
}

// check decompresses an artifact as a client does, and syncs it. No client could
// install what a faulty compressor made, or a file of another binary (T28).
func (t *transaction) check(ctx context.Context, f File, w *artifactWriter, b *build, m *meter) error {
	err := t.do("read", w.name, func() error {
		_, err := decompress(ctx, w.out, w.encoding.name, b.size, b.hash, m)
		return err
	})
	switch {
	case err != nil && ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil && w.compressed != nil:
		return badInput("%q does not decompress to %q: %w", w.compressed.Name(), f.Path, err)
	case err != nil:
		return fmt.Errorf("verifying the %s artifact of %q: %w", w.encoding.name, f.Path, err)
	}

	return t.finish(w.out)
}

// writeAll sends the binary to all compressors, each of which works at its own
// pace, and returns when all are done.
func writeAll(ctx context.Context, in io.Reader, binary *measure, writers []*artifactWriter, workers int, m *meter) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	var wg sync.WaitGroup
	var queues []chan []byte
	for _, w := range writers {
		queue := make(chan []byte, queueLength)
		if w.compressed == nil {
			queues = append(queues, queue)
		}
		wg.Go(func() {
			if err := w.write(ctx, queue, workers, m); err != nil {
				cancel(err)
			}
		})
	}
	err := broadcast(ctx, in, binary, queues)
	if err != nil {
		cancel(err)
	}
	// A closed queue means success, so the context is cancelled before.
	for _, queue := range queues {
		close(queue)
	}
	wg.Wait()

	return context.Cause(ctx)
}

// broadcast reads a file and sends each chunk to every queue.
func broadcast(ctx context.Context, in io.Reader, binary *measure, queues []chan []byte) error {
	for {
		// The queues share a chunk, so its memory is not reused.
		chunk := make([]byte, chunkSize)
		n, err := io.ReadFull(in, chunk)
		_, _ = binary.Write(chunk[:n]) // never fails
		for _, queue := range queues {
			select {
			case queue <- chunk[:n]:
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

// write writes the artifact, from the queue or from the file to copy. A file that
// changes meanwhile is found by check, which reads what was written.
func (w *artifactWriter) write(ctx context.Context, queue <-chan []byte, workers int, m *meter) error {
	to := io.MultiWriter(w.out, w.written)
	if w.compressed != nil {
		if _, err := io.Copy(to, release.WithContext(ctx, w.compressed)); err != nil {
			return fmt.Errorf("copying %q: %w", w.compressed.Name(), err)
		}
		return nil
	}
	z, err := w.newWriter(to, workers)
	if err != nil {
		return err
	}
	for chunk := range queue {
		if ctx.Err() != nil {
			break
		}
		if _, err := z.Write(chunk); err != nil {
			_ = z.Close() // ends its goroutines; its error is the same
			return err
		}
		_, _ = m.Write(chunk) // never fails
	}
	if ctx.Err() != nil {
		_ = z.Close() // ends its goroutines
		return context.Cause(ctx)
	}

	return z.Close()
}

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package bsdiff applies binary patches in the format of bsdiff 4, which
// Debian's bspatch reads and its bsdiff writes:
//
//	"BSDIFF40"              8 bytes
//	length of control       8 bytes, compressed
//	length of diff          8 bytes, compressed
//	size of the new file    8 bytes
//	control, diff, extra    three bzip2 streams; extra is the rest of the patch
//
// Numbers are little-endian; the highest bit is the sign, the others the
// magnitude. Control is a sequence of triples (add, insert, seek): add the next
// add bytes of diff to those of the old file, copy the next insert bytes of extra,
// and move by seek in the old file.
//
// Callers compare length and hash of a patch with the signed ones before they
// apply it. It is not trusted all the same (T4): Apply never writes more than the
// signed size, uses no more memory than for a valid patch, and turns a panic of a
// decoder into an error. Callers hash the result, because Apply does not check
// that the old file is the right one.
//
// Programs that update themselves link this package. Package bsdiff/diff makes
// patches, for publishers.
package bsdiff

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

var (
	// ErrCorrupt means that a patch is damaged, or not a patch. It wraps the error
	// of the decoder, if any.
	ErrCorrupt = errors.New("corrupt patch")

	// ErrSize means that the new file of a patch does not have the expected size.
	ErrSize = errors.New("wrong patched size")
)

const (
	magic      = "BSDIFF40"
	headerSize = 32
	tripleSize = 24

	// outSize is the size of writes of the new file, in bytes, and the largest
	// read of the old one.
	outSize = 128 << 10
)

// Apply applies a patch of patchSize bytes to an old file of oldSize bytes, and
// writes the new file of newSize bytes to dst. It writes at most newSize bytes,
// even on failure. It succeeds only if it wrote all of them and all three streams
// of the patch end there with correct checksums.
//
// It uses about 12 MiB of memory, independent of the sizes of the files: 1.8 MB
// for each bzip2 stream, 4.7 MB for all, and buffers. The time is that of
// decompression, plus at most newSize/8 steps for triples without output.
//
// It returns [ErrSize] if the new file has another size or an argument is
// negative, [ErrCorrupt] for other errors in the patch, io.ErrUnexpectedEOF if old
// is shorter than oldSize, and the errors of dst, old, patch and ctx. Outside of
// its ends the old file counts as zeros, as with bspatch.
//
// Goroutines that end before Apply returns decompress the three streams in
// parallel, so patch must be safe for concurrent reads.
func Apply(ctx context.Context, dst io.Writer, old io.ReaderAt, oldSize int64, patch io.ReaderAt, patchSize, newSize int64) error {
	if oldSize < 0 || patchSize < 0 || newSize < 0 {
		return fmt.Errorf("%w: negative size", ErrSize)
	}
	control, diff, err := readHeader(patch, patchSize, newSize)
	if err != nil {
		return err
	}

	streams := startStreams(ctx, patch, []int64{headerSize, headerSize + control, headerSize + control + diff, patchSize})
	defer streams.stop()

	p := &patcher{
		ctx: ctx, dst: dst, old: old, oldSize: oldSize,
		control: streams.list[0], diff: streams.list[1], extra: streams.list[2],
		out: make([]byte, 0, outSize), left: newSize,
		// bsdiff makes such a triple only before a match of more than eight
		// bytes.
		idle: 16 + newSize/8,
	}

	return p.run()
}

// readHeader returns the lengths of the first two streams. All three streams are
// within the patch.
func readHeader(patch io.ReaderAt, patchSize, newSize int64) (control, diff int64, err error) {
	if patchSize < headerSize {
		return 0, 0, fmt.Errorf("%w: %d bytes are too short", ErrCorrupt, patchSize)
	}
	var header [headerSize]byte
	err = readAt(patch, header[:], 0)
	if err != nil {
		return 0, 0, fmt.Errorf("reading the patch: %w", err)
	}
	if string(header[:8]) != magic {
		return 0, 0, fmt.Errorf("%w: it starts with %q, want %q", ErrCorrupt, header[:8], magic)
	}

	control, diff = number(header[8:]), number(header[16:])
	room := patchSize - headerSize
	if control < 0 || control > room || diff < 0 || diff > room-control {
		return 0, 0, fmt.Errorf("%w: streams of %d and %d bytes do not fit into %d", ErrCorrupt, control, diff, room)
	}
	size := number(header[24:])
	if size != newSize {
		return 0, 0, fmt.Errorf("%w: %d bytes, want %d", ErrSize, size, newSize)
	}

	return control, diff, nil
}

// number reads a number of the format, which has two zeros.
func number(b []byte) int64 {
	v := binary.LittleEndian.Uint64(b)
	magnitude := int64(v &^ (1 << 63))
	if v>>63 == 1 {
		return -magnitude
	}

	return magnitude
}

// patcher is the state of Apply.
type patcher struct {
	ctx     context.Context
	dst     io.Writer
	old     io.ReaderAt
	oldSize int64

	control, diff, extra *stream

	out  []byte // not yet written
	pos  int64  // in the old file, or outside of it
	left int64  // bytes of output
	idle int64  // allowed triples without output
}

func (p *patcher) run() error {
	for p.left > 0 {
		err := p.ctx.Err()
		if err != nil {
			return fmt.Errorf("patching: %w", err)
		}
		err = p.step()
		if err != nil {
			return err
		}
	}

	// The checksums of a stream are verified at its end.
	for _, s := range []*stream{p.control, p.diff, p.extra} {
		err := s.end()
		if err != nil {
			return err
		}
	}

	return p.flush()
}

// step applies the next triple.
func (p *patcher) step() error {
	add, insert, seek, err := p.triple()
	if err != nil {
		return err
	}

	// Subtract, because a sum may overflow.
	if add < 0 || insert < 0 || add > p.left || insert > p.left-add {
		return fmt.Errorf("%w: a triple of %d and %d bytes, with %d left", ErrCorrupt, add, insert, p.left)
	}
	if add == 0 && insert == 0 {
		p.idle--
		if p.idle < 0 {
			return fmt.Errorf("%w: too many triples without output", ErrCorrupt)
		}
	}
	p.left -= add + insert

	err = p.add(add)
	if err != nil {
		return err
	}
	err = p.insert(insert)
	if err != nil {
		return err
	}

	next, ok := sum(p.pos, add)
	if ok {
		next, ok = sum(next, seek)
	}
	if !ok {
		return fmt.Errorf("%w: seeking by %d from %d", ErrCorrupt, seek, p.pos)
	}
	p.pos = next

	return nil
}

func (p *patcher) triple() (add, insert, seek int64, err error) {
	var raw [tripleSize]byte
	for done := 0; done < tripleSize; {
		some, err := p.control.next(tripleSize - int64(done))
		if err != nil {
			return 0, 0, 0, err
		}
		done += copy(raw[done:], some)
	}

	return number(raw[:]), number(raw[8:]), number(raw[16:]), nil
}

// add outputs n bytes of diff added to the old file.
func (p *patcher) add(n int64) error {
	for done := int64(0); done < n; {
		some, err := p.diff.next(min(n-done, outSize))
		if err != nil {
			return err
		}
		for len(some) > 0 {
			room, err := p.room(len(some))
			if err != nil {
				return err
			}
			// step checks for overflow after this. If there is none yet, the
			// position is far outside of the file.
			at, ok := sum(p.pos, done)
			if !ok {
				return fmt.Errorf("%w: adding at %d", ErrCorrupt, p.pos)
			}
			err = p.readOld(room, at)
			if err != nil {
				return err
			}
			addBytes(room, some)
			some = some[len(room):]
			done += int64(len(room))
		}
	}

	return nil
}

// insert outputs n bytes of extra.
func (p *patcher) insert(n int64) error {
	for done := int64(0); done < n; {
		some, err := p.extra.next(min(n-done, outSize))
		if err != nil {
			return err
		}
		done += int64(len(some))
		for len(some) > 0 {
			room, err := p.room(len(some))
			if err != nil {
				return err
			}
			some = some[copy(room, some):]
		}
	}

	return nil
}

// readOld fills b with the old file from pos on, and with zeros outside of it.
func (p *patcher) readOld(b []byte, pos int64) error {
	n := int64(len(b))
	if pos <= -n || pos >= p.oldSize {
		clear(b)

		return nil
	}

	from := max(-pos, 0)
	to := from + min(n-from, p.oldSize-(pos+from))
	clear(b[:from])
	clear(b[to:])
	err := readAt(p.old, b[from:to], pos+from)
	if err != nil {
		return fmt.Errorf("reading the old file: %w", err)
	}

	return nil
}

// room returns space for between one and n bytes of output.
func (p *patcher) room(n int) ([]byte, error) {
	if len(p.out) == cap(p.out) {
		err := p.flush()
		if err != nil {
			return nil, err
		}
	}
	used := len(p.out)
	p.out = p.out[:min(used+n, cap(p.out))]

	return p.out[used:], nil
}

func (p *patcher) flush() error {
	n, err := p.dst.Write(p.out)
	if err == nil && n < len(p.out) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return fmt.Errorf("writing patched bytes: %w", err)
	}
	p.out = p.out[:0]

	return nil
}

// readAt fills b. It returns io.ErrUnexpectedEOF if the file ends before.
func readAt(r io.ReaderAt, b []byte, off int64) error {
	if len(b) == 0 {
		return nil
	}
	n, err := r.ReadAt(b, off)
	switch {
	case n == len(b):
		return nil
	case err == nil || err == io.EOF:
		return io.ErrUnexpectedEOF
	default:
		return err
	}
}

func sum(a, b int64) (int64, bool) {
	c := a + b

	return c, (c > a) == (b > 0)
}

// addBytes adds the bytes of b to those of dst, which is not longer. It adds eight
// at a time: without the highest bits no sum carries into the next byte, and those
// bits are added with xor.
func addBytes(dst, b []byte) {
	const high = 0x8080808080808080
	b = b[:len(dst)]
	for len(dst) >= 8 && len(b) >= 8 {
		x, y := binary.LittleEndian.Uint64(dst), binary.LittleEndian.Uint64(b)
		binary.LittleEndian.PutUint64(dst, ((x&^high)+(y&^high))^((x^y)&high))
		dst, b = dst[8:], b[8:]
	}
	for i := range dst {
		dst[i] += b[i]
	}
}

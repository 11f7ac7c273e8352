// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package bsdiff applies binary patches in the format of bsdiff 4, which
// Debian's bspatch reads and its bsdiff writes:
//
//	"BSDIFF40"              8 bytes
//	length of control       8 bytes, as it lies in the patch
//	length of diff          8 bytes, as it lies in the patch
//	size of the new file    8 bytes
//	control, diff, extra    three bzip2 streams; extra takes the rest
//
// Numbers are little-endian, the highest bit is the sign, the rest the
// magnitude. Control unfolds to triples (add, insert, seek): take add bytes of
// diff and add to each the byte of the old file that is at hand, take insert
// bytes of extra as they are, move by seek in the old file.
//
// A patch is seen here only after its length and hash were compared with the
// signed ones, yet it is not trusted (T4): whatever it says, no more is written
// than the signed size, no more memory is taken than for an honest one, and a
// decoder that panics is an error like any other. What is written is to be
// hashed all the same: that the old file is the right one is not checked here.
//
// It is linked into the program that updates itself. The writer for publishers
// lives in bsdiff/diff, which such a program does not import.
package bsdiff

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

var (
	// ErrCorrupt means that a patch is not one, or is damaged. It wraps the
	// decoder's error where there is one.
	ErrCorrupt = errors.New("corrupt patch")

	// ErrSize means that a patch says that it makes a file of another size
	// than the expected one.
	ErrSize = errors.New("wrong patched size")
)

const (
	magic      = "BSDIFF40"
	headerSize = 32
	tripleSize = 24

	// outSize is how much of the new file is put together before it is
	// written. The old file is read in pieces that are no larger.
	outSize = 128 << 10
)

// Apply writes to dst the file of newSize bytes that patch makes of old, whose
// lengths are patchSize and oldSize. It writes newSize bytes at most, also on
// failure, and succeeds only if it wrote that many and all three streams of
// the patch end there, with the checksums of bzip2 correct.
//
// It takes about 12 MiB, however large the files are: 1.8 MB for each bzip2
// stream, 4.7 MB for all, and buffers. The time is that of unpacking, plus at most
// newSize/8 further steps for triples that make nothing.
//
// Errors are [ErrSize] when the patch makes a file of another size (or a size
// given is negative), [ErrCorrupt] for everything else that is wrong with it,
// those of dst, old and patch, io.ErrUnexpectedEOF when old is shorter than
// oldSize, and the context's. Parts of the old file that a patch names beyond
// its ends count as zeros, as with bspatch.
//
// The three streams are unpacked at once, by goroutines that end before Apply
// returns; so patch is read by several at a time, and old by one.
func Apply(ctx context.Context, dst io.Writer, old io.ReaderAt, oldSize int64, patch io.ReaderAt, patchSize, newSize int64) error {
	if oldSize < 0 || patchSize < 0 || newSize < 0 {
		return fmt.Errorf("%w: a file of a negative size", ErrSize)
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
		// bsdiff itself makes such a triple only in front of a match of more
		// than eight bytes.
		idle: 16 + newSize/8,
	}

	return p.run()
}

// readHeader returns the lengths of the first two streams. They and what is
// left for the third lie within the patch.
func readHeader(patch io.ReaderAt, patchSize, newSize int64) (control, diff int64, err error) {
	if patchSize < headerSize {
		return 0, 0, fmt.Errorf("%w: %d bytes are too few", ErrCorrupt, patchSize)
	}
	var header [headerSize]byte
	err = readAt(patch, header[:], 0)
	if err != nil {
		return 0, 0, fmt.Errorf("reading the patch: %w", err)
	}
	if string(header[:8]) != magic {
		return 0, 0, fmt.Errorf("%w: it begins with %q, not %q", ErrCorrupt, header[:8], magic)
	}

	control, diff = number(header[8:]), number(header[16:])
	room := patchSize - headerSize
	if control < 0 || control > room || diff < 0 || diff > room-control {
		return 0, 0, fmt.Errorf("%w: streams of %d and %d bytes do not fit into %d", ErrCorrupt, control, diff, room)
	}
	size := number(header[24:])
	if size != newSize {
		return 0, 0, fmt.Errorf("%w: %d bytes, not %d", ErrSize, size, newSize)
	}

	return control, diff, nil
}

// number reads a number of the format. There are two zeros.
func number(b []byte) int64 {
	v := binary.LittleEndian.Uint64(b)
	magnitude := int64(v &^ (1 << 63))
	if v>>63 == 1 {
		return -magnitude
	}

	return magnitude
}

// patcher is an Apply at work.
type patcher struct {
	ctx     context.Context
	dst     io.Writer
	old     io.ReaderAt
	oldSize int64

	control, diff, extra *stream

	out  []byte // made and not yet written
	pos  int64  // in the old file, or beside it
	left int64  // bytes to make
	idle int64  // triples that may yet make nothing
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

	// Only at its end has a stream shown its checksums.
	for _, s := range []*stream{p.control, p.diff, p.extra} {
		err := s.end()
		if err != nil {
			return err
		}
	}

	return p.flush()
}

// step does what the next triple says.
func (p *patcher) step() error {
	add, insert, seek, err := p.triple()
	if err != nil {
		return err
	}

	// Subtracting, since a sum may overflow.
	if add < 0 || insert < 0 || add > p.left || insert > p.left-add {
		return fmt.Errorf("%w: %d and %d bytes where %d are left", ErrCorrupt, add, insert, p.left)
	}
	if add == 0 && insert == 0 {
		p.idle--
		if p.idle < 0 {
			return fmt.Errorf("%w: too many triples make nothing", ErrCorrupt)
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

// add makes n bytes from diff and the old file.
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
			// step refuses a position that overflows only after this, but
			// then the sum is that of a far place beside the file, too.
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

// insert takes n bytes from extra.
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

// readOld fills b with the old file from pos on, zeros before and behind it.
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

// room returns space for at least one and at most n further bytes of output.
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

// readAt fills b. A file that ends within it is no clean end.
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

// addBytes adds each byte of b to the one of dst, which is as long or shorter.
// Eight at a time: with their highest bits left out no sum carries over into
// the byte beside it, and those bits are added without a carry.
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

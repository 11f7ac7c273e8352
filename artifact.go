// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/choria-io/go-updater/internal/codec"
	"github.com/choria-io/go-updater/internal/codec/bsdiff"
	"github.com/choria-io/go-updater/internal/fetch"
	"github.com/choria-io/go-updater/trust"
)

// bsdiffEncoding is that of an artifact that makes the new binary of an old one.
const bsdiffEncoding = "bsdiff"

// FetchBinary implements Downloader: it verifies the document of spec, then
// the artifact as it came, and only then unpacks it into target, which must
// not exist. On an error target does not exist.
//
// While an Updater asks for it, a download that breaks off is kept in its work
// directory, and the next one goes on with it.
func (h *HTTPDownloader) FetchBinary(spec *Spec, target string) (err error) {
	if err := h.connect(); err != nil {
		return err
	}
	// A Spec cannot claim to be verified, so it is done here again.
	v, err := h.cfg.verify(spec)
	if err != nil {
		return err
	}
	full, err := choose(v)
	if err != nil {
		return err
	}
	urls, err := h.cfg.urls(full.Path)
	if err != nil {
		return err
	}
	if v.Legacy {
		return h.fetchUnhashed(full, &v.Release, target, urls)
	}
	if patch, old := h.patch(v, full); patch != nil {
		err := h.fetchPatch(patch, &v.Release, target, old)
		_ = old.Close()
		if err == nil || h.cfg.Context().Err() != nil {
			return err
		}
		h.cfg.note(warning, "the patch is of no use here, fetching the whole binary", "patch", patch.Path, "error", err)
	}
	return h.fetchArtifact(full, &v.Release, target, nil, urls)
}

func (h *HTTPDownloader) fetchPatch(patch *trust.Artifact, r *trust.Release, target string, old *os.File) error {
	urls, err := h.cfg.urls(patch.Path)
	if err != nil {
		return err
	}
	return h.fetchArtifact(patch, r, target, old, urls)
}

// fetchUnhashed asks one repository after the other for the whole: a document of
// v0.1.0 does not say what the artifact is, so which of them has it is known only
// once the binary is there.
func (h *HTTPDownloader) fetchUnhashed(a *trust.Artifact, r *trust.Release, target string, urls []*url.URL) error {
	var failed error
	for i := range urls {
		err := h.fetchArtifact(a, r, target, nil, urls[i:i+1])
		if err == nil || h.cfg.Context().Err() != nil {
			return err
		}
		if failed != nil {
			err = fmt.Errorf("%w; %w", failed, err)
		}
		if failed = err; i+1 < len(urls) {
			h.cfg.note(warning, "this repository is of no use, trying a mirror", "error", err)
		}
	}
	return failed
}

// choose picks the artifact that costs least to transfer of those that hold the
// whole binary and can be read. Documents of v0.1.0 name one file, always bzip2,
// of unknown size.
func choose(v *trust.Verified) (*trust.Artifact, error) {
	if v.Legacy {
		return &trust.Artifact{Path: v.Release.Binary, Encoding: codec.Bzip2}, nil
	}
	full := cheapest(v.Release.Artifacts, func(a trust.Artifact) bool { return a.From == "" && codec.Known(a.Encoding) })
	if full == nil {
		return nil, ErrNoArtifact
	}
	return full, nil
}

// patch picks the cheapest patch of the file that is installed, if there is one
// that costs less than the full artifact, and opens that file. What is made of the
// two is hashed like everything else, so nothing here is more than a guess.
func (h *HTTPDownloader) patch(v *trust.Verified, full *trust.Artifact) (*trust.Artifact, *os.File) {
	useful := func(a trust.Artifact) bool {
		return a.From != "" && a.Encoding == bsdiffEncoding && a.Size < full.Size
	}
	if h.cfg.work == nil || !slices.ContainsFunc(v.Release.Artifacts, useful) {
		return nil, nil
	}
	old, installed, err := h.cfg.work.Old()
	if err != nil {
		h.cfg.note(warning, "the installed file cannot be read for a patch", "error", err)
		return nil, nil
	}
	patch := cheapest(v.Release.Artifacts, func(a trust.Artifact) bool { return useful(a) && a.From == installed })
	if patch == nil {
		_ = old.Close()
		return nil, nil
	}
	return patch, old
}

func cheapest(all []trust.Artifact, usable func(trust.Artifact) bool) *trust.Artifact {
	candidates := slices.DeleteFunc(slices.Clone(all), func(a trust.Artifact) bool { return !usable(a) })
	if len(candidates) == 0 {
		return nil
	}
	return new(slices.MinFunc(candidates, func(a, b trust.Artifact) int { return cmp.Compare(a.Size, b.Size) }))
}

// fetchArtifact downloads and unpacks one artifact. A patch needs the old file.
func (h *HTTPDownloader) fetchArtifact(a *trust.Artifact, r *trust.Release, target string, old *os.File, urls []*url.URL) (err error) {
	packed, end, err := h.collect(a, target)
	if err != nil {
		return fmt.Errorf("creating a file for the artifact: %w", err)
	}
	defer func() {
		if endErr := end(h.interrupted(err)); endErr != nil {
			h.cfg.note(warning, "could not tidy up after the download", "error", endErr)
		}
	}()
	if err := h.download(a, packed, urls); err != nil {
		return err
	}
	return h.unpack(a, packed, r, target, old)
}

// interrupted tells whether what came is worth keeping: the repository or the
// caller stopped it. What was refused is of no use, and nothing is left on a disk
// that fails or is full.
func (h *HTTPDownloader) interrupted(err error) bool {
	if err == nil || h.cfg.Context().Err() != nil {
		return err != nil
	}
	for _, kind := range []error{fetch.ErrConnection, fetch.ErrStalled, fetch.ErrStatus} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// collect opens the file that the artifact is downloaded to. It lies beside
// target, not in TMPDIR, and is named so that the next update clears it away, or
// goes on with it, should this process die.
func (h *HTTPDownloader) collect(a *trust.Artifact, target string) (packed *os.File, end func(keep bool) error, err error) {
	if h.cfg.work != nil && a.Hash != "" {
		p, err := h.cfg.work.Partial(a.Hash)
		if err != nil {
			return nil, nil, err
		}
		return p.File, p.End, nil
	}
	name := filepath.Join(filepath.Dir(target), "stage-"+rand.Text())
	packed, err = os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	return packed, func(bool) error { return errors.Join(packed.Close(), os.Remove(name)) }, err
}

// download writes the artifact to packed and checks its length and hash, when
// the document has them, before anybody decodes it.
func (h *HTTPDownloader) download(a *trust.Artifact, packed *os.File, urls []*url.URL) error {
	if a.Size > h.cfg.sizeLimit() {
		return fmt.Errorf("%w: an artifact of %d bytes, MaxSize() is %d", ErrTooLarge, a.Size, h.cfg.sizeLimit())
	}
	h.cfg.note(info, "fetching", "url", fetch.Shown(urls[0]), "bytes", a.Size)
	report := h.report(PhaseDownload, a.Size)
	if a.Hash == "" {
		_, err := h.client.Stream(h.cfg.Context(), urls[0], h.cfg.sizeLimit(), packed, report)
		return err
	}
	err := h.client.Download(h.cfg.Context(), fetch.Download{
		URLs: urls, Size: a.Size, Hash: a.Hash, File: packed, Progress: report,
		Note: func(message string, args ...any) { h.cfg.note(warning, message, args...) },
	})
	if errors.Is(err, fetch.ErrHash) || errors.Is(err, fetch.ErrLength) {
		err = fmt.Errorf("%w: %w", ErrHash, err)
	}
	return err
}

// unpack decodes packed, or applies it to old, into a new file at target.
func (h *HTTPDownloader) unpack(a *trust.Artifact, packed *os.File, r *trust.Release, target string, old *os.File) (err error) {
	out, err := os.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("creating the staged file: %w", err)
	}
	defer func() {
		if closeErr := out.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			os.Remove(target)
		}
	}()
	sum := sha256.New()
	w := &reporter{w: io.MultiWriter(out, sum), ctx: h.cfg.Context(), report: h.report(PhaseUnpack, r.Size)}
	switch from := io.NewSectionReader(packed, 0, math.MaxInt64); {
	case old != nil:
		err = applyPatch(h.cfg.Context(), w, old, packed, a.Size, r.Size)
	case r.Size > 0:
		err = codec.Copy(w, a.Encoding, from, r.Size)
	default:
		err = copyUpTo(w, a.Encoding, from, h.cfg.sizeLimit())
	}
	switch {
	case errors.Is(err, codec.ErrSize), errors.Is(err, codec.ErrCorrupt), errors.Is(err, bsdiff.ErrSize), errors.Is(err, bsdiff.ErrCorrupt):
		return fmt.Errorf("unpacking %s: %w: %w", a.Path, ErrHash, err)
	case err != nil:
		return fmt.Errorf("unpacking %s: %w", a.Path, err)
	}
	return checkSum(sum, r.Hash, "the binary in "+a.Path)
}

func applyPatch(ctx context.Context, w io.Writer, old, patch *os.File, patchSize, size int64) error {
	info, err := old.Stat()
	if err != nil {
		return err
	}
	return bsdiff.Apply(ctx, w, old, info.Size(), patch, patchSize, size)
}

// copyUpTo decodes what has no signed size: an artifact of v0.1.0.
func copyUpTo(w io.Writer, encoding string, packed io.Reader, limit int64) error {
	unpacked, err := codec.Decode(encoding, packed)
	if err != nil {
		return err
	}
	defer unpacked.Close()
	n, err := io.Copy(w, io.LimitReader(unpacked, limit+1))
	if err == nil && n > limit {
		return fmt.Errorf("%w: more than the %d bytes of MaxSize()", ErrTooLarge, limit)
	}
	return err
}

func checkSum(sum hash.Hash, want, what string) error {
	if got := hex.EncodeToString(sum.Sum(nil)); got != want {
		return fmt.Errorf("%w: %s has sha256 %s, the release says %s", ErrHash, what, got, want)
	}
	return nil
}

// report tells the rate of what comes from now on: a download may go on with what
// came before.
func (h *HTTPDownloader) report(phase Phase, total int64) func(done int64) {
	if h.cfg.progress == nil {
		return func(int64) {}
	}
	var began time.Time
	var first int64
	return func(done int64) {
		if began.IsZero() {
			began, first = time.Now(), done
		}
		p := ProgressReport{Phase: phase, Done: done, Total: total}
		if took := time.Since(began).Seconds(); took > 0 {
			p.Rate = float64(done-first) / took
		}
		h.cfg.progress(p)
	}
}

// reporter passes on what is written, tells how much it was, and stops when the
// update is cancelled.
type reporter struct {
	w      io.Writer
	ctx    context.Context
	report func(done int64)
	done   int64
}

func (r *reporter) Write(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.w.Write(p)
	r.done += int64(n)
	r.report(r.done)
	return n, err
}

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/url"
	"os"
	"runtime"
	"slices"

	"github.com/choria-io/go-updater/internal/jcs"
	"github.com/choria-io/go-updater/internal/layout"
	"github.com/choria-io/go-updater/internal/release"
	"github.com/choria-io/go-updater/internal/store"
	"github.com/choria-io/go-updater/trust"
)

// This file has the names of go-updater v0.1.0 that new programs need not care
// about, as an adapter onto the rest.

// Config is what the options set. Programs set it through [Option] values, of
// their own too; a [Downloader] reads it.
type Config struct {
	TargetFile      string     // the file to replace
	SourceRepo      string     // URL of the repository's root
	Version         string     // the version to install
	CurrentVersion  string     // the version that runs, empty if unknown
	PublicKey       []byte     // as given to the option PublicKey
	Log             StdLogger  // never nil in the Configure of a Downloader
	OperatingSystem string     // as GOOS
	Architecture    string     // as GOARCH
	Downloader      Downloader // where documents and binaries come from

	set        choices
	collecting bool         // options are still being applied
	call       *foreignCall // of the copy that a foreign downloader has
}

// StdLogger is what the updater logs to. *log.Logger and logrus loggers
// satisfy it; only the Print methods are called.
type StdLogger interface {
	Print(...any)
	Printf(string, ...any)
	Println(...any)

	Fatal(...any)
	Fatalf(string, ...any)
	Fatalln(...any)

	Panic(...any)
	Panicf(string, ...any)
	Panicln(...any)
}

// newConfig applies the options to the defaults. The result is not validated.
func newConfig(opts []Option) (*Config, error) {
	c := &Config{Architecture: runtime.GOARCH, OperatingSystem: runtime.GOOS, collecting: true}
	c.set.hold = (*store.Lock).Detach
	for _, opt := range opts {
		if err := opt(c); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrConfig, err)
		}
	}
	c.collecting = false
	if c.TargetFile == "" {
		// Never argv[0], which the caller of the program chooses.
		self, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("%w: finding this program, use TargetFile(): %w", ErrConfig, err)
		}
		c.TargetFile = self
	}
	switch {
	case c.Log != nil:
	case c.set.slog != nil:
		c.Log = log.New(io.Discard, "", 0)
	default:
		c.Log = log.New(os.Stderr, "updater: ", 0)
	}
	return c, nil
}

// Validate confirms that the configuration meets the minimum requirements,
// which include sound keys: [ErrNoPublicKey], trust.ErrBadKey and
// trust.ErrBadPolicy say what is wrong with them.
func (c *Config) Validate() error {
	_, err := c.fix()
	return err
}

// Context is the context of the call that a [Downloader] works for. It is never
// nil.
func (c *Config) Context() context.Context {
	if c.call == nil {
		return context.Background()
	}
	return c.call.ctx
}

// Downloader can download releases from repositories
//
// It is not trusted: the document behind the Spec is verified, and the file that
// FetchBinary wrote is hashed, before anything is installed.
type Downloader interface {
	// Configure is called before anything else, with the whole configuration.
	Configure(*Config) error
	// FetchSpec returns the Spec of Config.Version, with its document: see Spec.
	FetchSpec() (*Spec, error)
	// FetchBinary creates target, which does not exist, with the uncompressed
	// binary in it. The directory of target is private to the update.
	FetchBinary(spec *Spec, target string) error
}

// DownloadMethod sets where documents and binaries come from. The downloader's
// Configure is called once per [New], after all options were applied. Default:
// an [HTTPDownloader].
func DownloadMethod(m Downloader) Option {
	return func(c *Config) error {
		if m == nil {
			return errors.New("DownloadMethod() was given nil")
		}
		c.Downloader = m
		if c.collecting {
			return nil // New calls Configure
		}
		return m.Configure(c)
	}
}

// connect makes the built-in source, or configures the downloader that was given,
// once and with the whole configuration, whatever the order of the options was.
func (s *settings) connect(c *Config) (err error) {
	if c.Downloader != nil {
		// A copy: a downloader does not decide whom to trust. Options are
		// functions of *Config, so it could apply InsecureAllowUnsigned to ours.
		shown := *c
		shown.PublicKey = slices.Clone(c.PublicKey)
		if err := guard("Configure", func() error { return c.Downloader.Configure(&shown) }); err != nil {
			return fmt.Errorf("configuring the downloader: %w", err)
		}
		if _, builtIn := c.Downloader.(*HTTPDownloader); !builtIn {
			if s.set.authority != nil {
				return errors.New("VouchedBy() needs the built-in downloader, leave DownloadMethod() out")
			}
			s.foreign = &foreign{c.Downloader, &shown}
			return nil
		}
	}
	if s.set.authority != nil {
		if err := guard("the authority", s.set.authority.Validate); err != nil {
			return err
		}
	}
	s.source, err = s.newSource()
	return err
}

// foreign is a downloader that is not the built-in one.
type foreign struct {
	downloader Downloader
	config     *Config // the copy that it has
}

// foreignCall is what a foreign downloader is called for at present.
type foreignCall struct {
	ctx  context.Context
	work release.Workspace
}

func (f *foreign) during(ctx context.Context, work release.Workspace, where string, call func() error) error {
	f.config.call = &foreignCall{ctx, work}
	defer func() { f.config.call = nil }()
	return guard(where, call)
}

func (f *foreign) fetchSpec(ctx context.Context) (*Spec, error) {
	var got *Spec
	err := f.during(ctx, release.Workspace{}, "FetchSpec", func() (err error) {
		got, err = f.downloader.FetchSpec()
		return err
	})
	if err == nil && got == nil {
		err = errors.New("the downloader returned no Spec")
	}
	if err != nil {
		return nil, err
	}
	own := *got // the downloader keeps its pointer (T13)
	return &own, nil
}

func (f *foreign) fetchBinary(ctx context.Context, spec *Spec, target string, work release.Workspace) error {
	return f.during(ctx, work, "FetchBinary", func() error { return f.downloader.FetchBinary(spec, target) })
}

// verifySpec verifies the document of a Spec from a downloader, and makes the Spec
// anew from it.
func (w *walk) verifySpec(spec *Spec) error {
	document := []byte(spec.document)
	if spec.document == "" {
		if w.policy != nil {
			return fmt.Errorf("refusing release %s: %w: the downloader returned a Spec without its document (use ParseSpec)", w.version, trust.ErrUnsigned)
		}
		document = jcs.Format(jcs.Object{"binary": spec.BinaryPath, "hash": spec.Sha256Hash})
	}
	if err := w.verify(document, nil, w.policyID()); err != nil {
		return err
	}
	// What goes on is what was verified, and the downloader's own address for it.
	verified := Spec{}
	if spec.document != "" {
		if err := verified.UnmarshalJSON(document); err != nil {
			return err
		}
	}
	verified.BinaryPath, verified.Sha256Hash = w.verified.Release.Binary, w.verified.Release.Hash
	verified.BinaryURI = spec.BinaryURI
	*spec = verified
	return nil
}

// FetchSpec retrieves the update specification matching opts, and verifies it
//
// Its BinaryURI is computed from SourceRepo, whatever the downloader said, and
// nil when that is no http, https or file URL.
func FetchSpec(opts ...Option) (*Spec, error) {
	u, err := New(opts...)
	if err != nil {
		return nil, err
	}
	w, err := u.settings.walk(context.Background(), nil)
	if err != nil {
		return nil, oneLine(err)
	}
	spec, err := w.asSpec()
	if err != nil {
		return nil, err
	}
	spec.BinaryURI = nil
	if base, err := layout.ParseURL(w.repo); err == nil {
		at := layout.Release{Version: w.version, OS: w.os, Arch: w.arch}
		spec.BinaryURI = layout.URL(base, at.File(w.verified.Release.Binary))
	}
	return spec, nil
}

// asSpec returns the verified document as a Spec.
func (w *walk) asSpec() (*Spec, error) {
	if w.spec != nil {
		return w.spec, nil
	}
	return ParseSpec(w.raw)
}

// Spec describes an available package update
//
// A Spec returned by [FetchSpec] has been verified. One that a [Downloader]
// returns has not: it must carry the release document it was read from, by
// being made with [ParseSpec] or by json.Unmarshal, because the signature
// covers the document and not these fields.
type Spec struct {
	BinaryPath string   `json:"binary"`
	BinaryURI  *url.URL `json:"uri,omitempty"` // computed, never read from a document
	Sha256Hash string   `json:"hash"`
	Signature  string   `json:"signature,omitempty"`

	document string
}

// ParseSpec keeps a release document for verification. It fails on what is not
// JSON; whether the document is to be believed is decided later, by the core.
func ParseSpec(document []byte) (*Spec, error) {
	if len(document) > trust.MaxDocument {
		return nil, fmt.Errorf("parsing release document: %w: larger than %d bytes", trust.ErrMalformed, trust.MaxDocument)
	}
	spec := &Spec{}
	if err := spec.UnmarshalJSON(document); err != nil {
		return nil, err
	}
	return spec, nil
}

// UnmarshalJSON reads the fields of v0.1.0 and keeps the whole document, so
// that downloaders written for v0.1.0, which unmarshal what they fetched, hand
// on what the signature covers.
func (s *Spec) UnmarshalJSON(document []byte) error {
	doc, err := jcs.Parse(document)
	if err != nil {
		return fmt.Errorf("parsing release document: %w: %w", trust.ErrMalformed, err)
	}
	next := Spec{document: string(document)}
	for name, field := range map[string]*string{"binary": &next.BinaryPath, "hash": &next.Sha256Hash, "signature": &next.Signature} {
		value, ok := doc[name].(string)
		if !ok && doc[name] != nil {
			return fmt.Errorf("parsing release document: %w: %q is not a string", trust.ErrMalformed, name)
		}
		*field = value
	}
	*s = next
	return nil
}

// MarshalJSON writes the document that s was read from, so that a Spec that was
// stored or sent on can be verified where it is read again, and fails when s was
// changed since: a signature does not cover that. BinaryURI is left out; it is
// computed anew. A Spec without a document is written as in v0.1.0.
func (s Spec) MarshalJSON() ([]byte, error) {
	if s.document == "" {
		type fields Spec
		return json.Marshal(fields(s))
	}
	read := Spec{}
	if err := read.UnmarshalJSON([]byte(s.document)); err != nil {
		return nil, err
	}
	if read.BinaryURI = s.BinaryURI; read != s {
		return nil, errors.New("the Spec is not what its document says")
	}
	return []byte(s.document), nil
}

// HTTPDownloader downloads releases from a normal HTTP(S) server, or from a
// directory given as file:// URL
//
// The update directory structure is:
//
//	root/<Version>/<OperatingSystem>/<Architecture>/release.json
//
// A *HTTPDownloader is the built-in downloader, and an [Updater] uses none of its
// methods but Configure. They are for downloaders that embed it. It never follows
// a redirect from https to http, sends the option Header to the repository's own
// origin only, gives up on a server that sends too little to wait for, and stops
// reading at the signed length. It is not safe for concurrent use.
type HTTPDownloader struct {
	cfg    *Config
	source *release.Source
}

// Configure implements Downloader
func (h *HTTPDownloader) Configure(c *Config) error {
	h.cfg, h.source = c, nil
	if c.SourceRepo == "" {
		return nil // a caller that configures first and fills in later
	}
	return h.connect()
}

// connect makes the source, which keeps connections from one call to the next.
func (h *HTTPDownloader) connect() (err error) {
	if h.cfg == nil {
		return errors.New("the HTTPDownloader was not configured")
	}
	if h.source == nil {
		h.source, err = h.cfg.settings().newSource()
	}
	return err
}

// walk returns a walk for one call by way of the downloader.
func (h *HTTPDownloader) walk(ctx context.Context) (*walk, error) {
	w := &walk{settings: h.cfg.settings()}
	var err error
	if w.policy, err = h.cfg.policy(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return w, w.recall(ctx, nil)
}

// FetchSpec implements Downloader. The Spec is not verified yet: call the
// package function [FetchSpec] for one that is. With [Mirrors] it is verified
// here, so that a bad first mirror does not keep us from trying the next.
func (h *HTTPDownloader) FetchSpec() (*Spec, error) {
	if err := h.connect(); err != nil {
		return nil, err
	}
	ctx := h.cfg.Context()
	var spec *Spec
	_, err := h.source.Document(ctx, release.Cache{}, func(document []byte) (err error) {
		if spec, err = ParseSpec(document); err != nil || len(h.source.Repos) == 1 {
			return err
		}
		w, err := h.walk(ctx)
		if err != nil {
			return err
		}
		own := *spec
		return w.verifySpec(&own)
	})
	if err != nil {
		return nil, err
	}
	// A path outside the grammar gets no URL; verification says why.
	if trust.CheckPath(spec.BinaryPath) == nil {
		spec.BinaryURI = layout.URL(h.source.Repos[0], h.source.Release.File(spec.BinaryPath))
	}
	return spec, nil
}

// FetchBinary implements Downloader: it verifies the document of spec, then
// the artifact as it came, and only then decodes it into target, which must
// not exist. On an error target does not exist.
//
// While an Updater calls it, a download that breaks off is kept in its work
// directory, and the next one continues it.
func (h *HTTPDownloader) FetchBinary(spec *Spec, target string) error {
	if err := h.connect(); err != nil {
		return err
	}
	ctx := h.cfg.Context()
	w, err := h.walk(ctx)
	if err != nil {
		return err
	}
	own := *spec // a Spec cannot claim to be verified
	if err := w.verifySpec(&own); err != nil {
		return err
	}
	var work release.Workspace
	if h.cfg.call != nil {
		work = h.cfg.call.work
	}
	return h.source.Binary(ctx, w.verified, target, work)
}

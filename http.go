// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/choria-io/go-updater/internal/fetch"
	"github.com/choria-io/go-updater/trust"
)

// HTTPDownloader downloads releases from a normal HTTP(S) server, or from a
// directory given as file:// URL
//
// The update directory structure is:
//
//	root/<Version>/<OperatingSystem>/<Architecture>/release.json
//
// It never follows a redirect from https to http, sends the option Header to
// the repository's own origin only, gives up on a server that sends too little
// to wait for, and stops reading at the signed length. Its methods must not be
// called concurrently on one value; the core does not. One value serves one
// [Updater]: [New] refuses what another has. Calls of [FetchSpec] and [Apply]
// may share one, in turn.
type HTTPDownloader struct {
	cfg    *Config
	client *fetch.Client
	fresh  *answer // what FetchSpec got, nil if it is kept already
}

// Configure implements Downloader
func (h *HTTPDownloader) Configure(c *Config) error {
	// Else the first Updater would ask where the second does, with its headers.
	if c.inUse != nil && h.cfg != nil && h.cfg.inUse != nil && *h.cfg.inUse && h.cfg.inUse != c.inUse {
		return errors.New("this HTTPDownloader is another Updater's, give each its own")
	}
	h.cfg, h.client = c, nil
	if c.SourceRepo == "" {
		return nil // a caller that configures first and fills in later
	}
	return h.connect()
}

// connect makes the client, which keeps connections from one call to the next.
func (h *HTTPDownloader) connect() error {
	if h.cfg == nil {
		return errors.New("the HTTPDownloader was not configured")
	}
	if h.client != nil {
		return nil
	}
	repo, err := repoURL(h.cfg.SourceRepo)
	if err != nil {
		return err
	}
	h.client, err = fetch.New(fetch.Options{HTTP: h.cfg.client, Header: h.cfg.header, Origin: repo, Idle: h.cfg.idle, Wait: h.cfg.pause})
	return err
}

// FetchSpec implements Downloader. The Spec is not verified yet: call the
// package function [FetchSpec] for one that is. Only where there are [Mirrors] it
// is, because else the first one would decide what the others may answer.
func (h *HTTPDownloader) FetchSpec() (*Spec, error) {
	if err := h.connect(); err != nil {
		return nil, err
	}
	urls, err := h.cfg.urls("release.json")
	if err != nil {
		return nil, err
	}
	var failed error
	for _, u := range urls {
		spec, err := h.fetchSpec(u)
		if err == nil && len(urls) > 1 {
			if _, err = h.cfg.verify(spec); err != nil {
				err = fmt.Errorf("%s: %w", fetch.Shown(u), err)
			}
		}
		if err == nil {
			return spec, nil
		}
		if len(urls) == 1 || h.cfg.Context().Err() != nil {
			return nil, err
		}
		h.cfg.note(warning, "this repository is of no use, trying a mirror", "error", err)
		if failed != nil {
			err = fmt.Errorf("%w; %w", failed, err)
		}
		failed = err
	}
	return nil, failed
}

// fetchSpec asks whether the document is still the one of the last check, if
// there is one. A copy that does not verify any more, or not under these options,
// may be damaged: then the document itself is asked for.
func (h *HTTPDownloader) fetchSpec(u *url.URL) (*Spec, error) {
	h.fresh = nil
	kept := h.cfg.kept(u)
	document, etag, unchanged, err := h.client.Conditional(h.cfg.Context(), u, trust.MaxDocument, kept.etag)
	if err != nil {
		return nil, err
	}
	if unchanged {
		if spec, err := h.parse(u, kept.document); err == nil {
			if _, err = h.cfg.verify(spec); err == nil {
				return spec, nil
			}
		}
		if document, etag, _, err = h.client.Conditional(h.cfg.Context(), u, trust.MaxDocument, ""); err != nil {
			return nil, err
		}
	}
	if etag != "" {
		h.fresh = &answer{from: hashURL(u), etag: etag, document: document}
	}
	return h.parse(u, document)
}

func (h *HTTPDownloader) parse(u *url.URL, document []byte) (*Spec, error) {
	spec, err := ParseSpec(document)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", fetch.Shown(u), err)
	}
	// A path outside the grammar gets no URL; verification says why.
	if trust.CheckPath(spec.BinaryPath) == nil {
		spec.BinaryURI, err = h.cfg.url(spec.BinaryPath)
	}
	return spec, err
}

// keepAnswer is called once what FetchSpec returned was verified. A copy that
// cannot be stored costs a request at the next check, and nothing else.
func (h *HTTPDownloader) keepAnswer() {
	if h.fresh == nil {
		return
	}
	if err := h.cfg.keep(h.fresh); err != nil {
		h.cfg.note(info, "the release document is not kept for the next check", "error", err)
	}
	h.fresh = nil
}

// ReadFile reads a small file of a repository into memory, for a Downloader that
// needs more than release documents: repo is one of [Config.Repositories], name
// the file's path below it, in the grammar of trust.CheckPath, and limit its
// greatest length in bytes. What it returns is the repository's word and nobody
// else's. Errors are [ErrNotFound], [ErrForbidden], [ErrTooLarge], [ErrStalled],
// [ErrRedirect] and trust.ErrMalformed for a name outside the grammar.
func (h *HTTPDownloader) ReadFile(repo, name string, limit int64) ([]byte, error) {
	if err := h.connect(); err != nil {
		return nil, err
	}
	if err := trust.CheckPath(name); err != nil {
		return nil, err
	}
	u, err := below(repo, name)
	if err != nil {
		return nil, err
	}
	return h.client.Document(h.cfg.Context(), u, limit)
}

// urls are the addresses of a file of the release, at SourceRepo and its mirrors.
func (c *Config) urls(path string) (all []*url.URL, err error) {
	for _, repo := range c.Repositories() {
		u, err := c.at(repo, path)
		if err != nil {
			return nil, err
		}
		all = append(all, u)
	}
	return all, nil
}

// url is the address of a file of the release at SourceRepo.
func (c *Config) url(path string) (*url.URL, error) { return c.at(c.SourceRepo, path) }

// at is the address of a file of the release. path has the grammar of
// trust.CheckPath, and so have the configuration's parts.
func (c *Config) at(repo, path string) (*url.URL, error) {
	return below(repo, strings.Join([]string{c.Version, c.OperatingSystem, c.Architecture, path}, "/"))
}

// below is the address of a file of a repository.
func below(repo, full string) (*url.URL, error) {
	u, err := repoURL(repo)
	if err != nil {
		return nil, err
	}
	// Object stores read a plus sign in a path as a space unless it is escaped.
	escaped := strings.TrimSuffix(u.EscapedPath(), "/") + "/" + strings.ReplaceAll(full, "+", "%2B")
	// Of the escaped form, because a path may end in an escaped slash.
	if u.Path, err = url.PathUnescape(escaped); err != nil {
		return nil, err
	}
	u.RawPath = escaped
	return u, nil
}

func repoURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil {
		// url.Error quotes its input, which may hold a password.
		return nil, errors.New("SourceRepo() is not a URL")
	}
	switch {
	case u.Scheme == "file":
	case (u.Scheme == "http" || u.Scheme == "https") && u.Host != "":
	default:
		return nil, errors.New("SourceRepo() is not an http, https or file URL")
	}
	return u, nil
}

// redacted is a repository's address as it may be logged: without user,
// password and query.
func redacted(repo string) string {
	u, err := url.Parse(repo)
	if err != nil {
		return "(not a URL)"
	}
	return fetch.Shown(u)
}

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/choria-io/go-updater/internal/fetch"
	"github.com/choria-io/go-updater/internal/layout"
	"github.com/choria-io/go-updater/internal/release"
	"github.com/choria-io/go-updater/internal/store"
	"github.com/choria-io/go-updater/trust"
)

// settings are what the options say. They do not change once New has returned.
type settings struct {
	set                                      choices
	target, repo, version, current, os, arch string
	policy                                   *trust.Policy // nil: an authority alone, or unsigned releases
	log                                      logger

	source   *release.Source // nil with a foreign downloader
	foreign  *foreign        // nil with the built-in one
	volatile *store.Volatile // of an authority without a target
	history  *history        // of the events
}

// settings returns what needs no validation.
func (c *Config) settings() *settings {
	return &settings{
		set: c.set, target: c.TargetFile, repo: c.SourceRepo, version: c.Version, current: c.CurrentVersion,
		os: c.OperatingSystem, arch: c.Architecture, log: logger{c.Log, c.set.slog}, volatile: &store.Volatile{},
		history: &history{},
	}
}

// fix validates the configuration, and parses its keys.
func (c *Config) fix() (*settings, error) {
	s := c.settings()
	switch {
	case c.TargetFile == "":
		return nil, errors.New("no target file given (use TargetFile())")
	case c.SourceRepo == "":
		return nil, errors.New("no repository given (use SourceRepo())")
	case c.Version == "":
		return nil, errors.New("no version given (use Version())")
	case c.Log == nil:
		return nil, errors.New("no logger given (use Logger())")
	}
	if err := trust.CheckVersion(c.Version); err != nil {
		return nil, err
	}
	if err := trust.CheckPlatform(c.OperatingSystem, c.Architecture); err != nil {
		return nil, err
	}
	var err error
	s.policy, err = c.policy()
	return s, err
}

// policy parses whose signatures are trusted. It returns nil without an error only
// if unsigned releases were allowed explicitly, or if an authority decides alone.
func (c *Config) policy() (*trust.Policy, error) {
	given := len(c.PublicKey) > 0 || len(c.set.keys) > 0
	vouched := c.set.authority != nil
	switch {
	case vouched && c.set.allowUnsigned:
		return nil, errors.New("InsecureAllowUnsigned() contradicts VouchedBy() (use one of them)")
	case given && c.set.allowUnsigned:
		return nil, errors.New("InsecureAllowUnsigned() contradicts the public key (use one of them)")
	case c.set.allowUnsigned, vouched && !given:
		return nil, nil
	case !given:
		return nil, ErrNoPublicKey
	case len(c.PublicKey) > 0 && len(c.set.keys) > 0:
		return nil, errors.New("PublicKey() and PublicKeys() are both given (use one of them)")
	case len(c.PublicKey) > 0:
		keys, err := trust.ParseKeys(c.PublicKey)
		if err != nil {
			return nil, err
		}
		return trust.NewPolicy(1, keys...)
	}
	var keys []trust.Key
	for i, k := range c.set.keys {
		parsed, err := trust.ParseKeys(k)
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		}
		keys = append(keys, parsed...)
	}
	return trust.NewPolicy(c.set.threshold, keys...)
}

// newSource returns the release in the repository and its mirrors.
func (s *settings) newSource() (*release.Source, error) {
	repos := make([]*url.URL, 0, 1+len(s.set.mirrors))
	for _, address := range append([]string{s.repo}, s.set.mirrors...) {
		u, err := layout.ParseURL(address)
		if err != nil {
			return nil, fmt.Errorf("SourceRepo() is %w", err)
		}
		repos = append(repos, u)
	}
	client, err := fetch.New(fetch.Options{
		HTTP: s.set.client, Header: s.set.header, Origin: repos[0], Idle: s.set.idle, Wait: s.set.pause,
		UserAgent: s.userAgent(), Note: s.log.Warn,
	})
	if err != nil {
		return nil, err
	}
	source := &release.Source{
		Release: layout.Release{Version: s.version, OS: s.os, Arch: s.arch},
		Repos:   repos, Client: client, Log: s.log, MaxSize: s.maxSize(),
	}
	if report := s.set.progress; report != nil {
		source.Progress = func(p release.Progress) {
			report(ProgressReport{Phase: Phase(p.Phase), Done: p.Done, Total: p.Total, Rate: p.Rate})
		}
	}
	return source, nil
}

// userAgent tells an operator which programs ask, and which versions are still in use
// (RFC 9110 §10.1.5).
func (s *settings) userAgent() string {
	platform := " (" + token(s.os) + "; " + token(s.arch) + ")"
	switch {
	case s.set.product == "":
		return "go-updater" + platform
	case s.current == "":
		return token(s.set.product) + platform + " go-updater"
	default:
		return token(s.set.product) + "/" + token(s.current) + platform + " go-updater"
	}
}

// token replaces what a token of HTTP cannot contain (RFC 9110 §5.6.2).
func token(text string) string {
	return strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r) {
			return r
		}
		return '-'
	}, text)
}

func (s *settings) maxSize() int64 {
	if s.set.maxSize == 0 {
		return DefaultMaxSize
	}
	return s.set.maxSize
}

func (s *settings) now() time.Time {
	if s.set.clock == nil {
		return time.Now()
	}
	return s.set.clock()
}

// logger writes to the loggers of the configuration; either may be nil.
type logger struct {
	std  StdLogger
	slog SlogLogger
}

// Info logs one line; args are keys and values.
func (l logger) Info(ctx context.Context, message string, args ...any) {
	if l.slog != nil {
		l.slog.InfoContext(ctx, message, args...)
	}
	l.print("", message, args)
}

// Warn is Info for what needs attention.
func (l logger) Warn(ctx context.Context, message string, args ...any) {
	if l.slog != nil {
		l.slog.WarnContext(ctx, message, args...)
	}
	l.print("warning: ", message, args)
}

func (l logger) print(prefix, message string, args []any) {
	if l.std == nil {
		return
	}
	line := prefix + message
	for i := 0; i+1 < len(args); i += 2 {
		line += fmt.Sprintf(" %v=%q", args[i], fmt.Sprint(args[i+1]))
	}
	l.std.Print(line)
}

// redacted is a repository's address as it may be logged: without user, password
// and query.
func redacted(repo string) string {
	u, err := url.Parse(repo)
	if err != nil {
		return "(not a URL)"
	}
	return fetch.Shown(u)
}

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/choria-io/go-updater/internal/install"
	"github.com/choria-io/go-updater/internal/store"
	"github.com/choria-io/go-updater/trust"
)

// DefaultMaxSize is the size in bytes above which a release is refused, signed
// or not, unless [MaxSize] says otherwise.
const DefaultMaxSize = 1 << 30

// Config configures the updater. Programs set it through [Option] values; a
// custom [Downloader] reads it.
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

	ctx            context.Context
	mirrors        []string
	threshold      int
	keys           [][]byte
	product        string
	stateDir       string
	client         *http.Client
	header         http.Header
	progress       func(ProgressReport)
	allowDowngrade bool
	allowUnsigned  bool
	slog           SlogLogger
	maxSize        int64            // 0: DefaultMaxSize
	clock          func() time.Time // nil: time.Now
	smokeTest      *Trial
	healthCheck    *Trial
	probation      int
	retry          string // a failed version that may be installed again
	wait           bool   // for the lock
	refuseManaged  bool
	idle           time.Duration                              // of internal/fetch, zero for its default
	pause          func(context.Context, time.Duration) error // the same
	collecting     bool                                       // options are still being applied
	shown          *Config                                    // the copy that the downloader has
	inUse          *bool                                      // of that copy: an Updater is not done with it
	work           *install.Session                           // of that copy: while it is asked for a binary
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
	c := &Config{
		Architecture:    runtime.GOARCH,
		OperatingSystem: runtime.GOOS,
		collecting:      true,
	}
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
	case c.slog != nil:
		c.Log = log.New(io.Discard, "", 0)
	default:
		c.Log = log.New(os.Stderr, "updater: ", 0)
	}
	return c, nil
}

// complete validates the configuration and hands it to its downloader, once
// and whole, whatever the order of the options was.
func (c *Config) complete() error {
	if c.Downloader == nil {
		c.Downloader = &HTTPDownloader{}
	}
	if err := c.Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	// A copy: a downloader is not trusted with whom to trust. Options are
	// functions of *Config, so it could apply InsecureAllowUnsigned to ours.
	shown := *c
	shown.PublicKey = slices.Clone(c.PublicKey)
	shown.inUse = new(true)
	c.shown = &shown
	if err := guard("Configure", func() error { return c.Downloader.Configure(&shown) }); err != nil {
		c.release()
		return fmt.Errorf("%w: configuring the downloader: %w", ErrConfig, err)
	}
	return nil
}

// release lets go of the downloader, for the next Updater.
func (c *Config) release() { *c.shown.inUse = false }

// Validate confirms that the configuration meets the minimum requirements,
// which include sound keys: [ErrNoPublicKey], trust.ErrBadKey and
// trust.ErrBadPolicy tell what is wrong with them.
func (c *Config) Validate() error {
	switch {
	case c.TargetFile == "":
		return errors.New("no target file specified, please use TargetFile()")
	case c.SourceRepo == "":
		return errors.New("no source repo given, please use SourceRepo()")
	case c.Version == "":
		return errors.New("no version given, please use Version()")
	case c.Log == nil:
		return errors.New("no logger given, please use Logger()")
	}
	if err := trust.CheckVersion(c.Version); err != nil {
		return err
	}
	if err := trust.CheckPlatform(c.OperatingSystem, c.Architecture); err != nil {
		return err
	}
	_, err := c.policy()
	return err
}

// policy returns whose signatures this configuration trusts; nil, without an
// error, only when unsigned releases were allowed explicitly, or when the
// downloader is a Verifier, whose word alone counts then.
func (c *Config) policy() (*trust.Policy, error) {
	given := len(c.PublicKey) > 0 || len(c.keys) > 0
	_, verifier := c.Downloader.(Verifier)
	switch {
	case verifier && c.allowUnsigned:
		return nil, errors.New("InsecureAllowUnsigned() contradicts a downloader that verifies, use one of them")
	case given && c.allowUnsigned:
		return nil, errors.New("InsecureAllowUnsigned() contradicts the public key, use one of them")
	case c.allowUnsigned, verifier && !given:
		return nil, nil
	case !given:
		return nil, ErrNoPublicKey
	case len(c.PublicKey) > 0 && len(c.keys) > 0:
		return nil, errors.New("PublicKey() and PublicKeys() are both given, use one of them")
	case len(c.PublicKey) > 0:
		keys, err := trust.ParseKeys(c.PublicKey)
		if err != nil {
			return nil, err
		}
		return trust.NewPolicy(1, keys...)
	}
	var keys []trust.Key
	for i, k := range c.keys {
		parsed, err := trust.ParseKeys(k)
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		}
		keys = append(keys, parsed...)
	}
	return trust.NewPolicy(c.threshold, keys...)
}

// Context is the context of the call that a [Downloader] works for. It is
// never nil.
func (c *Config) Context() context.Context {
	if c.ctx == nil {
		return context.Background()
	}
	return c.ctx
}

// Repositories are the URLs that a [Downloader] may ask, in order: SourceRepo and
// then [Mirrors].
func (c *Config) Repositories() []string { return append([]string{c.SourceRepo}, c.mirrors...) }

// KeepDir is a directory for what a [Downloader] remembers from one call to the
// next, under a name of its own: beside the target, or where [StateDir] says. It is
// made when it is not there, with access for its owner only. Only Apply holds the
// lock of the target; files are therefore written elsewhere and renamed, and what
// is read may be another process's. An error that is fs.ErrNotExist means that
// there is no target yet, [ErrUnsafeDirectory] that others may write there, and
// trust.ErrMalformed that the name is outside the grammar of trust.CheckName.
func (c *Config) KeepDir(name string) (string, error) {
	if err := trust.CheckName(name); err != nil {
		return "", err
	}
	path, err := c.statePath()
	if err != nil {
		return "", err
	}
	if c.stateDir == "" {
		path = filepath.Join(filepath.Dir(path), name)
	} else {
		path = strings.TrimSuffix(path, ".json") + "." + name
	}
	if err := c.makeStateDir(filepath.Dir(path)); err != nil {
		return "", err
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	return path, store.CheckOwned(path)
}

// Now is the time by the clock of the configuration. It has a default here, like
// sizeLimit, and not in newConfig, because a program may hand a downloader a Config
// of its own making, as v0.1.0 allowed.
func (c *Config) Now() time.Time {
	if c.clock == nil {
		return time.Now()
	}
	return c.clock()
}

func (c *Config) sizeLimit() int64 {
	if c.maxSize == 0 {
		return DefaultMaxSize
	}
	return c.maxSize
}

type level bool

const (
	info    level = false
	warning level = true
)

// Warn logs what a [Downloader] went on in spite of, to wherever the configuration
// logs: args are keys and values, as log/slog has them.
func (c *Config) Warn(message string, args ...any) { c.note(warning, message, args...) }

// note logs one line to wherever the configuration logs.
func (c *Config) note(l level, message string, args ...any) {
	switch {
	case c.slog == nil:
	case l == warning:
		c.slog.WarnContext(c.Context(), message, args...)
	default:
		c.slog.InfoContext(c.Context(), message, args...)
	}
	if c.Log == nil {
		return
	}
	line := message
	for i := 0; i+1 < len(args); i += 2 {
		line += fmt.Sprintf(" %v=%q", args[i], fmt.Sprint(args[i+1]))
	}
	if l == warning {
		line = "warning: " + line
	}
	c.Log.Print(line)
}

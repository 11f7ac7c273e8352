// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"time"

	"github.com/choria-io/go-updater/internal/layout"
	"github.com/choria-io/go-updater/internal/store"
	"github.com/choria-io/go-updater/internal/trial"
	"github.com/choria-io/go-updater/trust"
)

// DefaultMaxSize is the size in bytes above which a release is refused, signed
// or not, unless [MaxSize] says otherwise.
const DefaultMaxSize = 1 << 30

// Option is a function that configures the auto updater
type Option func(*Config) error

// Arch overrides the architecture to update to, a GOARCH value. Default: the
// running program's.
func Arch(a string) Option {
	return func(c *Config) error {
		c.Architecture = a
		return nil
	}
}

// OS overrides the operating system to update to, a GOOS value. Default: the
// running program's.
func OS(os string) Option {
	return func(c *Config) error {
		c.OperatingSystem = os
		return nil
	}
}

// CurrentVersion sets the version that runs. When it equals Version there is
// nothing to do and Apply returns early; when Version is older, Apply refuses
// with trust.ErrRollback unless [AllowDowngrade] is given. Versions are
// compared as semantic versions, a leading v being optional; two that are not
// both semantic have no order, and then only equality counts. Without
// CurrentVersion every Apply installs.
func CurrentVersion(v string) Option {
	return func(c *Config) error {
		c.CurrentVersion = v
		return nil
	}
}

// Version sets the version to install.
func Version(v string) Option {
	return func(c *Config) error {
		c.Version = v
		return nil
	}
}

// SourceRepo sets the URL of the repository: http, https or file for the
// [HTTPDownloader].
func SourceRepo(r string) Option {
	return func(c *Config) error {
		c.SourceRepo = r
		return nil
	}
}

// Mirrors sets URLs of copies of the repository. The [HTTPDownloader] asks them in
// order, after SourceRepo: for a document until one has it and it is verified, and
// for an artifact until one has it whole. One that asks to wait for more than a second
// is asked again after the others. Nothing that a mirror sends counts more,
// or less, than what SourceRepo sends. What [Header] adds is not sent to them.
func Mirrors(urls ...string) Option {
	return func(c *Config) error {
		for i, u := range urls {
			if _, err := layout.ParseURL(u); err != nil {
				return fmt.Errorf("Mirrors(): URL %d: %w", i+1, err)
			}
		}
		c.set.mirrors = append(c.set.mirrors, urls...)
		return nil
	}
}

// TargetFile sets the file to update; a symbolic link is followed. Given
// os.Args[0] it means the running program, wherever that was found. Default:
// the running program.
func TargetFile(f string) Option {
	return func(c *Config) (err error) {
		if f == "" {
			return errors.New("TargetFile() was given an empty path")
		}
		if len(os.Args) > 0 && f == os.Args[0] {
			c.TargetFile, err = os.Executable()
		} else {
			c.TargetFile, err = filepath.Abs(f)
		}
		return err
	}
}

// Logger sets the logger to use during updates. Default: standard error.
func Logger(l StdLogger) Option {
	return func(c *Config) error {
		c.Log = l
		return nil
	}
}

// SlogLogger is what is used of a *slog.Logger. Package log/slog itself, and
// encoding/json with it, is linked only into programs that use it.
type SlogLogger interface {
	InfoContext(ctx context.Context, msg string, args ...any)
	WarnContext(ctx context.Context, msg string, args ...any)
}

// Slog sets a structured logger, a *slog.Logger, besides that of [Logger] or
// alone.
func Slog(l SlogLogger) Option {
	return func(c *Config) error {
		if v := reflect.ValueOf(l); v.Kind() == reflect.Pointer && v.IsNil() {
			return errors.New("Slog() was given nil")
		}
		c.set.slog = l
		return nil
	}
}

// PublicKey sets the key that signs releases: the 32 bytes of an Ed25519 public
// key, base64 of them, or PEM (PKIX). Several PEM blocks mean that any one of
// the keys suffices. Keys that prove nothing are refused with trust.ErrBadKey, and
// no key at all, as an empty file that is embedded, with [ErrNoPublicKey].
func PublicKey(k []byte) Option {
	return func(c *Config) error {
		if len(k) == 0 {
			return fmt.Errorf("PublicKey() was given none: %w", ErrNoPublicKey)
		}
		c.PublicKey = slices.Clone(k)
		return nil
	}
}

// PublicKeys asks for signatures by threshold distinct keys out of those given,
// each in a form of [PublicKey]. It takes the place of PublicKey.
func PublicKeys(threshold int, keys ...[]byte) Option {
	return func(c *Config) error {
		if len(keys) == 0 {
			return fmt.Errorf("PublicKeys(): %w", ErrNoPublicKey)
		}
		c.set.threshold, c.set.keys = threshold, nil
		for _, k := range keys {
			c.set.keys = append(c.set.keys, slices.Clone(k))
		}
		return nil
	}
}

// Product sets the product name that releases must carry. Unset, the name of the first
// release installed under these keys is remembered, and another one is
// trust.ErrMismatch from then on.
func Product(name string) Option {
	return func(c *Config) error {
		c.set.product = name
		return trust.CheckName(name)
	}
}

// HTTPClient sets the client that the [HTTPDownloader] uses, for its transport,
// proxies and certificates. It is copied; its redirect policy can only narrow
// ours. Its Timeout, if any, bounds a whole download.
func HTTPClient(client *http.Client) Option {
	return func(c *Config) error {
		if client == nil {
			return errors.New("HTTPClient() was given nil")
		}
		c.set.client = client
		return nil
	}
}

// Header adds a header to requests of the [HTTPDownloader], such as an
// Authorization. It is sent to the repository's own scheme, host and port
// only, and not any more once a redirect has led elsewhere, be it back. It may be
// given more than once.
func Header(key, value string) Option {
	return func(c *Config) error {
		if c.set.header == nil {
			c.set.header = make(http.Header)
		}
		c.set.header.Add(key, value)
		return nil
	}
}

// ProgressReport is how far a phase of an update is, in bytes. Total is 0 when it
// is unknown, as for unsigned releases of v0.1.0.
type ProgressReport struct {
	Phase       Phase
	Done, Total int64
	Rate        float64 // bytes a second since the phase began, 0 while that is not known
}

// Phase is a part of an update that takes time.
type Phase string

// The phases of an update.
const (
	PhaseDownload Phase = "download" // the artifact, as transferred
	PhaseUnpack   Phase = "unpack"   // decompressing the verified artifact, or applying the patch
)

// Progress sets a function that receives reports about the progress of an update.
// It is called from the goroutine of the update, often, and should return at once.
func Progress(report func(ProgressReport)) Option {
	return func(c *Config) error {
		c.set.progress = report
		return nil
	}
}

// StateDir sets the directory for what is remembered between updates, made with
// mode 0700 if it is absent. Default: .<base>.update beside the target.
func StateDir(dir string) Option {
	return func(c *Config) (err error) {
		if dir == "" {
			return errors.New("StateDir() was given an empty path")
		}
		c.set.stateDir, err = filepath.Abs(dir)
		return err
	}
}

// AllowDowngrade permits versions below the floor, which is the highest version that
// runs, or worked here and was not left since by [Updater.Rollback] or a failed
// [Probation]. Set it only when a person asked for that very version.
func AllowDowngrade() Option {
	return func(c *Config) error {
		c.set.allowDowngrade = true
		return nil
	}
}

// InsecureAllowUnsigned permits releases without a checked signature: an attacker who
// controls the repository, or the network to it, can run code here. It contradicts
// a public key, and giving both is an error.
func InsecureAllowUnsigned() Option {
	return func(c *Config) error {
		c.set.allowUnsigned = true
		return nil
	}
}

// MaxSize sets the size in bytes above which a release is refused with
// [ErrTooLarge]. Default: [DefaultMaxSize].
func MaxSize(bytes int64) Option {
	return func(c *Config) error {
		if bytes < 1 {
			return fmt.Errorf("MaxSize() is %d, it must be positive", bytes)
		}
		c.set.maxSize = bytes
		return nil
	}
}

// Clock sets where the time comes from that expiry is judged by. It is read
// once per check. Default: time.Now.
func Clock(now func() time.Time) Option {
	return func(c *Config) error {
		if now == nil {
			return errors.New("Clock() was given nil")
		}
		c.set.clock = now
		return nil
	}
}

// Trial is how a binary shows that it works: it is run with Args, has to end
// without an error within Timeout, and to print Contains. Or Func is called with
// its path instead. What the binary has started is killed when it ends. If root updates
// the program of another user, it runs as that user; Func is called as root even then.
type Trial struct {
	Args     []string
	Timeout  time.Duration // 0 means 30 seconds
	Contains string        // in standard output and standard error together

	// Func is called with the path of the binary instead of running it. Its
	// context ends with the time limit.
	Func func(ctx context.Context, path string) error
}

func (t Trial) run(ctx context.Context, path string, owner int) error {
	inner := trial.Trial(t)
	return inner.Run(ctx, path, owner)
}

func (t Trial) validate() error {
	inner := trial.Trial(t)
	return inner.Validate()
}

// SmokeTest tries the new binary out after it was verified and before it is
// installed. A failure is [ErrSmokeTest], with what the binary printed,
// and changes nothing.
func SmokeTest(t Trial) Option {
	return func(c *Config) error {
		c.set.smokeTest = &t
		return t.validate()
	}
}

// HealthCheck tries the new binary out in its place, before Apply reports
// success. A failure is [ErrHealth], and the old binary is back. So it is if the
// machine stops before the check has passed.
func HealthCheck(t Trial) Option {
	return func(c *Config) error {
		c.set.healthCheck = &t
		return t.validate()
	}
}

// Probation grants a new version that many starts without [Updater.Confirm];
// with the next one [Updater.Recover], or [Judge], puts the old version back. The
// program has to call both methods. Starts of processes that run at the same time count as one. Choose
// more than a machine needs that is switched off and on again at a bad time.
func Probation(starts int) Option {
	return func(c *Config) error {
		if starts < 1 {
			return fmt.Errorf("Probation() is %d, it must be positive", starts)
		}
		c.set.probation = starts
		return nil
	}
}

// ProbationTime limits how long a new version may stay on [Probation], besides the
// number of starts or instead: counted from its first start, while the machine is up.
// The version is given up at its next start after that.
func ProbationTime(limit time.Duration) Option {
	return func(c *Config) error {
		if limit < time.Second {
			return fmt.Errorf("ProbationTime() is %v, it must be a second or more", limit)
		}
		c.set.probationTime = limit
		return nil
	}
}

// RetryFailed permits Version to be installed although it failed here, or was rolled
// back: otherwise the very same binary is refused with [ErrFailedBefore].
func RetryFailed(version string) Option {
	return func(c *Config) error {
		c.set.retry = version
		return trust.CheckVersion(version)
	}
}

// WaitForLock makes Apply and Rollback wait while another update of the target
// runs, as long as their context permits, instead of returning [ErrLocked].
func WaitForLock() Option {
	return func(c *Config) error {
		c.set.wait = true
		return nil
	}
}

// RefuseManaged makes Apply refuse what [Updater.Preflight] otherwise only
// notes: a target that a package manager owns, or that is part of a container's
// image or of an application bundle.
func RefuseManaged() Option {
	return func(c *Config) error {
		c.set.refuseManaged = true
		return nil
	}
}

// InsecureSharedDirectory accepts a target in a directory that every user may write to,
// as on a file system without owners and modes (FAT, a volume mounted with 0777). Each
// user there can replace the program, and what is remembered of it.
func InsecureSharedDirectory() Option {
	return func(c *Config) error {
		c.set.shared = true
		return nil
	}
}

// choices are what options set, besides the fields of [Config].
type choices struct {
	mirrors        []string
	threshold      int
	keys           [][]byte
	product        string
	stateDir       string
	client         *http.Client
	header         http.Header
	progress       func(ProgressReport)
	onEvent        func(Event)
	off            func() bool
	allowDowngrade bool
	allowUnsigned  bool
	slog           SlogLogger
	maxSize        int64            // 0: DefaultMaxSize
	clock          func() time.Time // nil: time.Now
	authority      Authority
	smokeTest      *Trial
	healthCheck    *Trial
	probation      int
	probationTime  time.Duration
	judge          bool                    // this program acts as one when it is asked
	boot           func() time.Duration    // of install.Options, nil for its default
	hold           func(*store.Lock) error // the same
	retry          string                  // a failed version that may be installed again
	wait           bool                    // for the lock
	refuseManaged  bool
	shared         bool                                       // directories that every user may write to are accepted
	idle           time.Duration                              // of internal/fetch, zero for its default
	pause          func(context.Context, time.Duration) error // the same
}

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	mathrand "math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/testing/faults"
	"github.com/choria-io/go-updater/internal/testing/race"
	"github.com/choria-io/go-updater/keys"
	"github.com/choria-io/go-updater/repository"
	"github.com/choria-io/go-updater/trust"
)

var everyCall = flag.Bool("every-call", false, "kill the commands at every file-system call, and not at every fifth")

// repeated is a command line that is killed and repeated, and those before it. Words are
// separated by blanks.
type repeated struct {
	name    string
	before  []string
	command string
}

const (
	addOld   = "add linux/amd64=old1 linux/arm64=old2 --name choria --version 1.2.2 --repo repo --key release.key"
	addNew   = "add linux/amd64=new1 linux/arm64=new2 --name choria --version 1.2.3 --repo repo --key release.key --patches 1"
	addPlain = "add linux/amd64=old1 linux/arm64=old2 --name choria --version 1.2.2 --repo repo --insecure-unsigned --encodings bzip2,zstd,gzip"
	initTUF  = "tuf init --repo repo --root alice.pub --root bob.pub --threshold 2 --targets targets.pub --release release.pub --online online.pub --bins 2"
	aliceOn  = "tuf sign --repo repo --key alice.key"
	bobOn    = "tuf sign --repo repo --key bob.key"
	firstTUF = "tuf refresh --repo repo --key targets.key --key release.key --key online.key"
	online   = " --tuf-key online.key"
	rotate   = "tuf rotate online --repo repo --remove online.pub --add online2.pub"
)

// repeatable is every command that writes to a repository. Each of the lists before ends
// with a repository that verifies.
func repeatable() []repeated {
	tuf := []string{addOld, initTUF, aliceOn, bobOn, firstTUF}
	withNew := append(tuf[:len(tuf):len(tuf)], addNew+online)
	return []repeated{
		{"add", []string{addOld}, addNew},
		{"add to nothing", nil, addOld},
		{"add and replace", []string{addOld, addNew}, strings.ReplaceAll(addNew, "new", "newer") + " --force --encodings bzip2"},
		{"add with TUF", tuf, addNew + online},
		{"add without the online key", tuf, addNew},
		{"add and replace with TUF", withNew, strings.ReplaceAll(addNew, "new", "newer") + online + " --force --encodings bzip2"},
		{"sign", []string{addPlain}, "sign --repo repo --key release.key"},
		{"renew", []string{addOld, addNew}, "sign --repo repo --key release.key --expires 400d"},
		{"renew with TUF", withNew, "sign --repo repo --key release.key --expires 400d" + online},
		{"cosign", []string{addOld}, "cosign --repo repo --key second.key --public-key release.pub"},
		{"cosign with TUF", withNew, "cosign --repo repo --key second.key --public-key release.pub --tuf-key release.key" + online},
		{"tuf init", []string{addOld}, initTUF},
		{"tuf sign, of two", []string{addOld, initTUF}, aliceOn},
		{"tuf sign", []string{addOld, initTUF, aliceOn}, bobOn},
		{"tuf sign of a file", []string{addOld, initTUF, "copy repo/metadata/root.draft.json root.json"}, "tuf sign --file root.json --key bob.key"},
		{"tuf refresh, first", []string{addOld, initTUF, aliceOn, bobOn}, firstTUF},
		{"tuf refresh", append(tuf[:len(tuf):len(tuf)], addNew), "tuf refresh --repo repo --key online.key"},
		{"tuf rotate", withNew, rotate},
		{"tuf rotate root", withNew, "tuf rotate root --repo repo --remove bob.pub --add second.pub"},
		{"tuf sign, another online key", append(withNew[:len(withNew):len(withNew)], rotate, aliceOn), bobOn + " --tuf-key online2.key"},
		{"tuf rotate release", withNew, "tuf rotate release --repo repo --remove release.pub --add second.pub --key targets.key --key second.key --key online.key"},
		{"tuf rotate release, drafted", withNew, "tuf rotate release --repo repo --add second.pub"},
	}
}

// A command is killed at a file-system call and repeated. It ends as if it had not been
// killed. Only calls that change something are counted: a kill before a call that reads
// leaves the same as one before the next that writes.
func TestKilledCommandsAreRepeated(t *testing.T) {
	race.Skip(t, "the command is another process")
	w := newRepeatWorld(t)
	points := 0
	for _, tc := range repeatable() {
		t.Run(tc.name, func(t *testing.T) {
			start := t.TempDir()
			w.copyTo(t, w.dir, start)
			for _, line := range tc.before {
				w.mustRun(t, start, line)
			}
			whole := t.TempDir()
			w.copyTo(t, start, whole)
			w.mustRun(t, whole, tc.command)
			want := w.state(t, whole)
			require.Empty(t, w.leftovers(t, whole))

			step := 5
			if *everyCall {
				step = 1
			}
			for n := 1; ; n += step {
				require.Less(t, n, 2000, "the sweep does not end")
				dir := t.TempDir()
				w.copyTo(t, start, dir)
				res := w.kill(t, dir, tc.command, n)
				if len(res.Calls) < n {
					require.Greater(t, n, 3, "calls were counted")
					t.Logf("%d calls", len(res.Calls))
					break
				}
				points++
				at := fmt.Sprintf("killed before %s", res.Calls[len(res.Calls)-1])
				out, err := w.run(t, dir, tc.command)
				require.NoError(t, err, "%s: %s", at, out)
				require.Equal(t, want, w.state(t, dir), at)
				require.Empty(t, w.leftovers(t, dir), at)
				require.NoError(t, os.RemoveAll(dir))
			}
		})
	}
	t.Logf("%d points", points)
}

// repeatWorld is a directory with keys and programs, and the command.
type repeatWorld struct {
	dir, command string
	policy       *trust.Policy
	epoch        string
}

func newRepeatWorld(t *testing.T) *repeatWorld {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	w := &repeatWorld{dir: t.TempDir(), command: filepath.Join(t.TempDir(), "update-repo"), epoch: fmt.Sprint(time.Now().Unix())}
	// testscript.Main runs the command if it is started by its name.
	require.NoError(t, os.Symlink(self, w.command))
	var accepted []trust.Key
	for _, name := range []string{"release", "second", "alice", "bob", "targets", "online", "online2"} {
		k, err := keys.Generate(rand.Reader)
		require.NoError(t, err)
		private, err := keys.FormatUnprotected(k, keys.PKCS8)
		require.NoError(t, err)
		public, err := keys.FormatPublic(k.Public(), keys.PublicPEM)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(w.dir, name+".key"), private, 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(w.dir, name+".pub"), public, 0o644))
		if name == "release" || name == "second" {
			accepted = append(accepted, k.Public().Key)
		}
	}
	w.policy, err = trust.NewPolicy(1, accepted...)
	require.NoError(t, err)
	body := make([]byte, 20_000)
	_, _ = mathrand.New(mathrand.NewSource(1)).Read(body)
	for _, name := range []string{"old1", "old2", "new1", "new2", "newer1", "newer2"} {
		require.NoError(t, os.WriteFile(filepath.Join(w.dir, name), append(body, name...), 0o755))
	}

	return w
}

func (w *repeatWorld) copyTo(t *testing.T, from, to string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "cp", "-a", from+"/.", to).CombinedOutput()
	require.NoError(t, err, "%s", out)
}

func (w *repeatWorld) cmd(ctx context.Context, dir, line string) *exec.Cmd {
	words := strings.Fields(line)
	cmd := exec.CommandContext(ctx, w.command, words...)
	if words[0] == "copy" {
		cmd = exec.CommandContext(ctx, "cp", words[1:]...)
	}
	cmd.Dir = dir
	// On one core, the calls come in nearly the same order each time. The time of day
	// would make other documents.
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1", "SOURCE_DATE_EPOCH="+w.epoch)

	return cmd
}

func (w *repeatWorld) run(t *testing.T, dir, line string) (string, error) {
	t.Helper()
	out, err := w.cmd(t.Context(), dir, line).CombinedOutput()

	return string(out), err
}

func (w *repeatWorld) mustRun(t *testing.T, dir, line string) {
	t.Helper()
	out, err := w.run(t, dir, line)
	require.NoError(t, err, "%s: %s", line, out)
}

// kill runs a command and kills it before a call.
func (w *repeatWorld) kill(t *testing.T, dir, line string, n int) *faults.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	res, err := faults.Run(ctx, w.cmd(context.WithoutCancel(ctx), dir, line), faults.Watch{Dirs: []string{dir}, Fold: true}, faults.At(n, faults.Kill))
	if errors.Is(err, faults.ErrUnsupported) {
		t.Skip("NOT PROVEN: ", err)
	}
	require.NoError(t, err)

	return res
}

// dated is what two runs at different times of day write differently into metadata.
var dated = regexp.MustCompile(`"(expires|sig|sha256)":"[^"]*"|"length":\d+`)

// state returns all files without dates, and what verify and status say.
// ownVersion is the version of a timestamp: after a kill, the first one has the time.
var ownVersion = regexp.MustCompile(`"version":\d+}}\s*$`)

func (w *repeatWorld) state(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(name)
		short, _ := filepath.Rel(dir, name)
		if strings.Contains(short, "metadata") || short == "root.json" {
			raw = dated.ReplaceAll(raw, []byte("dated"))
		}
		if filepath.Base(short) == "timestamp.json" {
			raw = ownVersion.ReplaceAll(raw, nil)
		}
		out[short] = fmt.Sprintf("%x", sha256.Sum256(raw))
		return err
	}))
	r, err := repository.Open(filepath.Join(dir, "repo"))
	require.NoError(t, err)
	defer r.Close()
	report, err := r.Verify(t.Context(), repository.VerifyRequest{Policy: w.policy, Now: time.Now()})
	require.NoError(t, err)
	out["verify"] = fmt.Sprint(report.OK(), len(report.Releases), report.Warnings)
	if status, err := r.StatusTUF(t.Context(), time.Now(), nil); err == nil {
		out["status"] = fmt.Sprint(len(status.Drafts), status.Targets, status.Faults, status.Warnings)
	}

	return out
}

func (w *repeatWorld) leftovers(t *testing.T, dir string) []string {
	t.Helper()
	var found []string
	for _, pattern := range []string{".update-repo-*", "repo/.update-repo-*"} {
		some, err := filepath.Glob(filepath.Join(dir, pattern))
		require.NoError(t, err)
		found = append(found, some...)
	}

	return found
}

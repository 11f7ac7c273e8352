// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package term

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/pflag"

	"github.com/choria-io/go-updater/internal/keytext"
)

// maxPassphraseFile is the largest file that a passphrase is read from, in bytes.
const maxPassphraseFile = 64 << 10

// ErrNoTerminal means that a passphrase is needed, no flag names its source, and
// there is no terminal for a prompt.
var ErrNoTerminal = errors.New("a passphrase is needed, and there is no terminal to ask for it")

var (
	errNoPassphrase = errors.New("the passphrase is empty")
	errRepeat       = errors.New("the passphrases differ")
	errUTF16        = errors.New("it is UTF-16 text, as Windows PowerShell writes (save it as ASCII or UTF-8)")
)

// PassphraseSource reads a passphrase from where the flags say, or asks for it.
type PassphraseSource struct {
	file, env string
	flag      string
}

// AddFlags adds --NAME-file and --NAME-env and returns their names. The caller
// marks them mutually exclusive.
func (s *PassphraseSource) AddFlags(flags *pflag.FlagSet, name, purpose string) []string {
	s.flag = name
	flags.StringVar(&s.file, name+"-file", "", "read the passphrase "+purpose+" from the first line of `FILE`")
	flags.StringVar(&s.env, name+"-env", "", "read the passphrase "+purpose+" from the environment variable `NAME`")
	return []string{name + "-file", name + "-env"}
}

// File returns the value of --NAME-file, or "".
func (s *PassphraseSource) File() string { return s.file }

// Known returns the passphrase that decrypts what. It may be empty, typed or from a
// flag, because other tools encrypt keys with an empty one.
func (s *PassphraseSource) Known(ctx context.Context, c *Console, what string) ([]byte, error) {
	if p, done, err := s.flagged(ctx, c); done {
		return p, err
	}
	answers, err := s.ask(ctx, c, "Passphrase for "+what+": ")
	if err != nil {
		return nil, err
	}
	return answers[0], nil
}

// New returns a new passphrase for what. The user types it twice.
func (s *PassphraseSource) New(ctx context.Context, c *Console, what string) ([]byte, error) {
	if p, done, err := s.flagged(ctx, c); done {
		if err == nil && len(p) == 0 {
			err = errNoPassphrase
		}
		return p, err
	}
	answers, err := s.ask(ctx, c, "New passphrase for "+what+": ", "Repeat the passphrase: ")
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(answers[0], answers[1]) {
		return nil, errRepeat
	}
	if len(answers[0]) == 0 {
		return nil, errNoPassphrase
	}
	return answers[0], nil
}

// flagged reads the file or variable that a flag names. done is false if no flag
// was given.
func (s *PassphraseSource) flagged(ctx context.Context, c *Console) (p []byte, done bool, err error) {
	switch {
	case s.file != "":
		p, err = s.passphraseFile(ctx, c)
	case s.env != "":
		value, set := os.LookupEnv(s.env)
		if !set {
			return nil, true, fmt.Errorf("%s is not set", s.variable())
		}
		if p, err = passphraseText([]byte(value)); err != nil {
			err = fmt.Errorf("reading the passphrase: %s: %w", s.variable(), err)
		}
	default:
		return nil, false, nil
	}
	return p, true, err
}

// passphraseText returns a passphrase without what an editor or a shell added: a
// byte order mark, and one line break at the end. The result is not nil, which would
// mean unknown.
func passphraseText(data []byte) ([]byte, error) {
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		return nil, errUTF16
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	data = bytes.TrimSuffix(bytes.TrimSuffix(data, []byte("\n")), []byte("\r"))
	return append([]byte{}, data...), nil
}

// variable quotes the name of the variable only if it looks like one. Otherwise it
// may be the passphrase itself.
func (s *PassphraseSource) variable() string {
	if strings.Trim(s.env, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == "" && !keytext.MaybeSecret(s.env) {
		return fmt.Sprintf("environment variable %q", s.env)
	}
	return fmt.Sprintf("the environment variable that --%s-env names", s.flag)
}

func (s *PassphraseSource) passphraseFile(ctx context.Context, c *Console) ([]byte, error) {
	type result struct {
		line []byte
		err  error
	}
	// The file may be a slow pipe from a password manager, and an interrupt must
	// end the wait. The read itself ends with the process.
	read := make(chan result, 1)
	go func() {
		line, err := s.firstLine(c)
		read <- result{line, err}
	}()
	select {
	case r := <-read:
		return r.line, r.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// firstLine does not quote a relative path that cannot be opened, because it may
// be the passphrase itself, and no path that looks like a key.
func (s *PassphraseSource) firstLine(c *Console) ([]byte, error) {
	path := s.file
	f, err := os.Open(path)
	if failed, ok := errors.AsType[*fs.PathError](err); ok &&
		(keytext.MaybeSecretPath(path) || !filepath.IsAbs(path) && !errors.Is(err, fs.ErrPermission)) {
		return nil, fmt.Errorf("reading the passphrase: the file that --%s-file names: %w", s.flag, failed.Err)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the passphrase: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the passphrase: %w", err)
	case info.IsDir():
		return nil, fmt.Errorf("reading the passphrase: %q is a directory", path)
	case IsTerminal(f):
		return nil, Usagef("%q is a terminal, which would echo the passphrase (omit --%s-file for a prompt)", path, s.flag)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxPassphraseFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading the passphrase: %w", err)
	}
	if len(data) > maxPassphraseFile {
		return nil, fmt.Errorf("reading the passphrase: %q is larger than %d bytes", path, maxPassphraseFile)
	}
	if perm := info.Mode().Perm(); info.Mode().IsRegular() && perm&0o077 != 0 && runtime.GOOS != "windows" {
		c.Warning(fmt.Sprintf("passphrase file %q is accessible to other users (mode %04o): run chmod 600", path, perm))
	}
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		data = data[:i+1]
	}
	line, err := passphraseText(data)
	if err != nil {
		return nil, fmt.Errorf("reading the passphrase: %q: %w", path, err)
	}
	return line, nil
}

// ask prompts on the terminal and returns the answers.
func (s *PassphraseSource) ask(ctx context.Context, c *Console, prompts ...string) ([][]byte, error) {
	in, out, closeTTY, err := openTTY()
	if err != nil {
		f, ok := c.In.(*os.File)
		if !ok || !IsTerminal(f) {
			return nil, WithHint(Usage(ErrNoTerminal), fmt.Sprintf("use --%[1]s-file or --%[1]s-env", s.flag))
		}
		in, out, closeTTY = f, c.Err, func() {}
	}

	answers, err := readHidden(ctx, in, out, prompts...)
	if ctx.Err() != nil {
		// The terminal stays open: the read that goes on would otherwise read from
		// the next file with the same descriptor.
		return nil, context.Cause(ctx)
	}
	closeTTY()
	return answers, err
}

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
	"reflect"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/term"
)

// maxPassphraseFile is the largest file that a passphrase is read from, in bytes.
const maxPassphraseFile = 64 << 10

// ErrNoTerminal means that a passphrase is needed, no flag names its source, and
// there is no terminal for a prompt.
var ErrNoTerminal = errors.New("a passphrase is needed, and there is no terminal to ask for it")

var (
	errNoPassphrase = errors.New("the passphrase is empty")
	errRepeat       = errors.New("the passphrases differ")
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

// Known returns the passphrase that decrypts what. The user may type an empty
// one, because other tools encrypt keys with it. An empty file or variable is an
// error.
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
		p = []byte(value)
	default:
		return nil, false, nil
	}
	if err == nil && len(p) == 0 {
		err = errNoPassphrase
	}
	return p, true, err
}

// variable quotes the name of the variable only if it looks like one. Otherwise it
// may be the passphrase itself.
func (s *PassphraseSource) variable() string {
	if strings.Trim(s.env, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == "" {
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
// be the passphrase itself.
func (s *PassphraseSource) firstLine(c *Console) ([]byte, error) {
	path := s.file
	f, err := os.Open(path)
	if failed, ok := errors.AsType[*fs.PathError](err); ok && !filepath.IsAbs(path) && !errors.Is(err, fs.ErrPermission) {
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
	line, _, _ := bytes.Cut(data, []byte("\n"))
	return bytes.TrimSuffix(line, []byte("\r")), nil
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

	answers := make([][]byte, 0, len(prompts))
	for _, prompt := range prompts {
		a, err := readHidden(ctx, in, out, prompt)
		if ctx.Err() != nil {
			// The terminal stays open: the read that goes on would otherwise
			// read from the next file with the same descriptor.
			return nil, context.Cause(ctx)
		}
		if err != nil {
			closeTTY()
			return nil, err
		}
		answers = append(answers, a)
	}
	closeTTY()
	return answers, nil
}

// readHidden prompts for a line and reads it without echo. Echo is off before the
// prompt appears. If ctx ends (Ctrl-C is a signal), it restores the terminal and
// leaves the reading goroutine in its system call, because a read of a terminal
// cannot be cancelled.
func readHidden(ctx context.Context, in *os.File, out io.Writer, prompt string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	fd := int(in.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return nil, fmt.Errorf("reading the passphrase: %w", err)
	}
	type result struct {
		line []byte
		err  error
	}
	read := make(chan result, 1)
	go func() {
		line, err := term.ReadPassword(fd)
		read <- result{line, err}
	}()
	// ReadPassword switches echo off, unless it was off before.
	for range 100 {
		if changed(fd, before) {
			break
		}
		time.Sleep(2 * time.Millisecond)
	}
	if _, err := io.WriteString(out, Sanitize(prompt)); err != nil {
		return nil, errors.Join(fmt.Errorf("asking for the passphrase: %w", err), term.Restore(fd, before))
	}
	// The typed line break is not echoed.
	defer func() { _, _ = io.WriteString(out, "\n") }()
	select {
	case r := <-read:
		if r.err != nil {
			return nil, fmt.Errorf("reading the passphrase: %w", r.err)
		}
		return append([]byte{}, r.line...), nil // not nil, which means unknown
	case <-ctx.Done():
		if err := term.Restore(fd, before); err != nil {
			return nil, errors.Join(context.Cause(ctx), err)
		}
		return nil, ctx.Err()
	}
}

func changed(fd int, before *term.State) bool {
	now, err := term.GetState(fd)
	return err != nil || !reflect.DeepEqual(now, before)
}

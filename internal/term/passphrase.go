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

// maxPassphraseFile bounds the file that a passphrase is read from.
const maxPassphraseFile = 64 << 10

// Errors of reading a passphrase.
var (
	// ErrNoTerminal: a passphrase is needed, no flag says where it is, and
	// there is nobody to ask.
	ErrNoTerminal = errors.New("a passphrase is needed and there is no terminal to ask on")

	// ErrNoPassphrase: what the passphrase should be read from is empty.
	ErrNoPassphrase = errors.New("the passphrase is empty")

	// ErrRepeat: a new passphrase was not the same when typed again.
	ErrRepeat = errors.New("the two passphrases differ")
)

// PassphraseSource is where the flags say a passphrase comes from.
type PassphraseSource struct {
	file, env string
	flag      string
}

// AddFlags adds --NAME-file and --NAME-env, which exclude each other.
func (s *PassphraseSource) AddFlags(flags *pflag.FlagSet, name, purpose string) []string {
	s.flag = name
	flags.StringVar(&s.file, name+"-file", "", "read the passphrase "+purpose+" from the first line of `FILE`")
	flags.StringVar(&s.env, name+"-env", "", "read the passphrase "+purpose+" from the environment variable `NAME`")
	return []string{name + "-file", name + "-env"}
}

// Name is what AddFlags was given.
func (s *PassphraseSource) Name() string { return s.flag }

// File is what --NAME-file names, if anything.
func (s *PassphraseSource) File() string { return s.file }

// Known asks for a passphrase that opens what. An empty one can be typed, for
// keys of other tools that were encrypted with it, but a file or variable that
// is empty is a mistake.
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

// New asks for a passphrase to protect what, twice when it is typed.
func (s *PassphraseSource) New(ctx context.Context, c *Console, what string) ([]byte, error) {
	if p, done, err := s.flagged(ctx, c); done {
		return p, err
	}
	answers, err := s.ask(ctx, c, "New passphrase for "+what+": ", "The same again: ")
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(answers[0], answers[1]) {
		return nil, ErrRepeat
	}
	if len(answers[0]) == 0 {
		return nil, ErrNoPassphrase
	}
	return answers[0], nil
}

// flagged reads the file or variable that a flag names, if one does.
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
		err = ErrNoPassphrase
	}
	return p, true, err
}

// variable quotes what is called as variables are: anything else may be the
// passphrase itself, given in place of its name.
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
	// A pipe is welcome here (a password manager may fill it) and can be slow
	// to speak; an interrupt must end the wait. The read itself ends with us.
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

// firstLine does not quote the name of a file that is not there, unless it begins at
// the root: it may be the passphrase itself.
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
		return nil, Usagef("%q is a terminal, where a passphrase would show: leave the flag out to be asked", path)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxPassphraseFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading the passphrase: %w", err)
	}
	if len(data) > maxPassphraseFile {
		return nil, fmt.Errorf("reading the passphrase: %q is larger than %d bytes", path, maxPassphraseFile)
	}
	if perm := info.Mode().Perm(); info.Mode().IsRegular() && perm&0o077 != 0 && runtime.GOOS != "windows" {
		c.Warning(fmt.Sprintf("passphrase file %q is open to other users (mode %04o): chmod 600 it", path, perm))
	}
	line, _, _ := bytes.Cut(data, []byte("\n"))
	return bytes.TrimSuffix(line, []byte("\r")), nil
}

// ask puts questions on the terminal and returns what was typed to each.
func (s *PassphraseSource) ask(ctx context.Context, c *Console, questions ...string) ([][]byte, error) {
	in, out, closeTTY, err := openTTY()
	if err != nil {
		f, ok := c.In.(*os.File)
		if !ok || !IsTerminal(f) {
			return nil, WithHint(Usage(ErrNoTerminal), fmt.Sprintf("say where it is with --%s-file or --%s-env", s.flag, s.flag))
		}
		in, out, closeTTY = f, c.Err, func() {}
	}

	answers := make([][]byte, 0, len(questions))
	for _, q := range questions {
		a, err := readHidden(ctx, in, out, q)
		if ctx.Err() != nil {
			// Not closed: the abandoned read would end up on whatever file
			// gets the number of this one.
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

// readHidden reads a line without echo, until ctx ends. Ctrl-C on the terminal
// is a signal, which ends the ctx of the command, and the reading goroutine is
// left behind in its system call: a read of a terminal can't be called off.
func readHidden(ctx context.Context, in *os.File, out io.Writer, question string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	fd := int(in.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return nil, fmt.Errorf("reading the passphrase: %w", err)
	}
	if _, err := io.WriteString(out, Sanitize(question)); err != nil {
		return nil, fmt.Errorf("asking for the passphrase: %w", err)
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
	// The typed line break was not echoed; a terminal that is gone is found by
	// the next question.
	defer func() { _, _ = io.WriteString(out, "\n") }()
	select {
	case r := <-read:
		if r.err != nil {
			return nil, fmt.Errorf("reading the passphrase: %w", r.err)
		}
		return append([]byte{}, r.line...), nil // never nil: nothing typed is an answer
	case <-ctx.Done():
		waitForChange(fd, before)
		if err := term.Restore(fd, before); err != nil {
			return nil, errors.Join(context.Cause(ctx), err)
		}
		return nil, ctx.Err()
	}
}

// waitForChange waits until the goroutine that reads has switched the echo off:
// restored any earlier, the terminal would be left without. It gives up on one
// that had none to begin with.
func waitForChange(fd int, before *term.State) {
	for range 100 {
		if now, err := term.GetState(fd); err != nil || !reflect.DeepEqual(now, before) {
			return
		}
		time.Sleep(2 * time.Millisecond)
	}
}

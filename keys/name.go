// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"github.com/choria-io/go-updater/internal/keytext"
)

var errIsPublic = errors.New("expected the name of a file, got a public key itself")

// checkName returns an error if the name of a file or variable is a key instead.
// Keys have more than one line, and names almost never do.
func checkName(name string) error {
	many := strings.ContainsAny(name, "\r\n") || strings.Contains(name, "-----BEGIN ")
	switch {
	case keytext.IsPrivate(name):
		return ErrIsKey
	case many && isPublic(name):
		return errIsPublic
	case many:
		return ErrIsKey
	}
	return nil
}

func isPublic(text string) bool {
	_, err := ParsePublic([]byte(text))
	return err == nil
}

// hideName removes the name of the file from err if it may be a key. Almost every
// second number of 32 bytes is a valid public key, so a name that could be one may
// be a seed as well.
func hideName(err error, name string) error {
	failed, ok := errors.AsType[*fs.PathError](err)
	if !ok || !keytext.MaybeSecretPath(name) && !isPublic(name) {
		return err
	}
	return fmt.Errorf("%w (the name is not shown, because it looks like a key and not like the name of a file)", failed.Err)
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// notSet quotes the name of a variable only if it looks like one.
func notSet(name string) error {
	if !variableName.MatchString(name) || keytext.MaybeSecret(name) {
		return errors.New("the environment variable after env: is not set (its name is not shown, because it may be the key itself)")
	}
	return fmt.Errorf("environment variable %q is not set", name)
}

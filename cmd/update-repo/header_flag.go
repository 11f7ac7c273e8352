// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/choria-io/go-updater/internal/term"
)

// maxHeaders is the most that is read from a file of headers.
const maxHeaders = 64 << 10

// headerFlag names the headers of requests, which may contain credentials. So no
// error quotes them.
type headerFlag struct{ lines []string }

func (h *headerFlag) add(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&h.lines, "header", nil,
		"send the HTTP `HEADER` to the server: 'Name: value', or env:NAME or file:FILE for a secret; may be given several times")
}

// headers reads the headers.
func (h *headerFlag) headers(c *term.Console) (http.Header, error) {
	out := http.Header{}
	for _, line := range h.lines {
		text, from, err := headerText(line)
		if err != nil {
			return nil, err
		}
		found := false
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(strings.TrimPrefix(line, "\ufeff")); line == "" {
				continue
			}
			name, value, ok := strings.Cut(line, ":")
			// What is no name may be a secret: it is not quoted.
			if name = strings.TrimSpace(name); !ok || !isToken(name) {
				return nil, term.Usagef("%s does not contain a header (use 'Name: value', with the colon)", from)
			}
			if found = true; from == "--header" && isSecret(name) {
				c.Warning(fmt.Sprintf("other users of this machine can read the value of --header %q (use env:NAME or file:FILE)", name))
			}
			out.Add(name, strings.TrimSpace(value))
		}
		if !found {
			return nil, term.Usagef("%s is empty (use 'Name: value')", from)
		}
	}

	return out, nil
}

// headerText returns the text that a flag names, and where it is from. A name of a
// header is followed by a space or by the value, so "env: x" is a header, too.
func headerText(line string) (text, from string, err error) {
	if name, ok := strings.CutPrefix(line, "env:"); ok && !strings.HasPrefix(name, " ") {
		text, set := os.LookupEnv(name)
		if !set {
			return "", "", term.Usagef("the environment variable of --header env:NAME is not set")
		}
		return text, "the environment variable of --header", nil
	}
	name, ok := strings.CutPrefix(line, "file:")
	if !ok || strings.HasPrefix(name, " ") {
		return line, "--header", nil
	}
	f, err := os.Open(name)
	if err != nil {
		return "", "", fmt.Errorf("reading the headers: %w", err)
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxHeaders+1))
	if err == nil && len(raw) > maxHeaders {
		err = fmt.Errorf("%q has more than %d bytes", name, maxHeaders)
	}
	if err != nil {
		return "", "", fmt.Errorf("reading the headers: %w", err)
	}

	return string(raw), "the file of --header", nil
}

// isToken reports whether a name is one of RFC 9110 §5.6.2, and no value beside it.
func isToken(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
}

// isSecret reports whether a header of this name has credentials.
func isSecret(name string) bool {
	name = strings.ToLower(name)
	for _, part := range []string{"auth", "token", "cookie", "key", "secret", "password"} {
		if strings.Contains(name, part) {
			return true
		}
	}

	return false
}

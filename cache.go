// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/choria-io/go-updater/internal/store"
	"github.com/choria-io/go-updater/trust"
)

// answer is a release document as a repository sent it, and the entity tag that
// it had. Checks after it ask whether that is still so, which costs a server and
// a link next to nothing. It is trusted no more than what comes over the network:
// it is verified anew each time it is used.
type answer struct {
	from     string // hash of the URL, which may hold a password
	etag     string
	document []byte
}

const (
	answerFormat = "go-updater document 1"
	maxAnswer    = trust.MaxDocument + 1<<10
)

// answerPath is beside what is remembered, see statePath.
func (c *Config) answerPath() (string, error) {
	path, err := c.statePath()
	if err != nil {
		return "", err
	}
	if c.stateDir == "" {
		return filepath.Join(filepath.Dir(path), "document"), nil
	}
	return strings.TrimSuffix(path, ".json") + ".document", nil
}

// kept is the answer of a check before this one, from u. One that cannot be read,
// was damaged or is another URL's is none: then the document is fetched.
func (c *Config) kept(u *url.URL) *answer {
	path, err := c.answerPath()
	if err != nil {
		return &answer{}
	}
	raw, err := store.ReadFile(path, maxAnswer)
	if a := parseAnswer(raw); err == nil && a != nil && a.from == hashURL(u) {
		return a
	}
	return &answer{}
}

// keep stores an answer that was verified, for the next check.
func (c *Config) keep(a *answer) error {
	path, err := c.answerPath()
	if err != nil {
		return err
	}
	if err := c.makeStateDir(filepath.Dir(path)); err != nil {
		return err
	}
	return store.WriteFile(path, a.format())
}

// format writes the lines format, checksum, hash of the URL and tag, and then the
// document.
func (a *answer) format() []byte {
	body := a.from + "\n" + a.etag + "\n" + string(a.document)
	return []byte(answerFormat + "\n" + hashString(body) + "\n" + body)
}

func hashURL(u *url.URL) string { return hashString(u.String()) }

func hashString(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// parseAnswer returns nil for what format did not write.
func parseAnswer(raw []byte) *answer {
	lines := bytes.SplitN(raw, []byte("\n"), 5)
	if len(lines) != 5 {
		return nil
	}
	a := &answer{from: string(lines[2]), etag: string(lines[3]), document: lines[4]}
	if !bytes.Equal(a.format(), raw) {
		return nil
	}
	return a
}

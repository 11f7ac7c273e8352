// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"

	"github.com/choria-io/go-updater/internal/keytext"
)

// Windows editors put a byte order mark before a text.
var bom = []byte("\xef\xbb\xbf")

// clean returns a key as its file had it, before an editor or a build service
// changed it: without a byte order mark, and with the line breaks that PEM and
// minisign need. It returns [ErrMalformed] if only the user can undo the change.
func clean(data []byte) ([]byte, error) {
	if len(data) == ed25519.PublicKeySize {
		return data, nil // a raw key is not text
	}
	if isUTF16(data) {
		return nil, fmt.Errorf("%w: it is UTF-16 text, as Windows PowerShell writes (save it as ASCII or UTF-8)", ErrMalformed)
	}
	data = bytes.TrimPrefix(data, bom)
	text := string(bytes.TrimSpace(data))
	if len(text) > 1 && strings.ContainsRune(`"'`, rune(text[0])) && text[0] == text[len(text)-1] {
		return nil, fmt.Errorf("%w: it is in quotation marks (remove them)", ErrMalformed)
	}
	// A text with line breaks has the right ones.
	if strings.Contains(text, "\n") {
		return data, nil
	}
	switch {
	case strings.HasPrefix(text, "-----BEGIN "):
		return []byte(breakPEM(breaks.Replace(text))), nil
	case strings.HasPrefix(text, minisignComment) && oneMinisign(text):
		text = breaks.Replace(text)
		if i := strings.LastIndexByte(text, ' '); i > 0 && !strings.Contains(text, "\n") {
			text = text[:i] + "\n" + text[i+1:]
		}
		return []byte(text), nil
	}
	return data, nil
}

// oneMinisign reports whether a text without line breaks has one minisign key. Of several
// files in one line the last key would count, and the others would be lost.
func oneMinisign(text string) bool {
	keys := 0
	for _, word := range strings.Fields(breaks.Replace(text)) {
		if strings.HasPrefix(word, "RW") && len(word) >= minisignPublicLen {
			keys++
		}
	}
	return keys <= 1 && strings.Count(text, minisignComment) == 1
}

// minisignPublicLen is the length of the shortest key of minisign, in base64.
const minisignPublicLen = 56

// breaks turns what is written for a line break in JSON, YAML and .env files into
// one. No PEM block and no base64 contains a backslash.
var breaks = strings.NewReplacer(`\r\n`, "\n", `\n`, "\n", "\r", "\n")

var pemLine = regexp.MustCompile(`\s*(-----BEGIN [A-Z0-9 ]+-----)([A-Za-z0-9+/= \t]+)(-----END [A-Z0-9 ]+-----)`)

// breakPEM replaces the spaces that a shell makes of the line breaks of an unquoted
// variable.
func breakPEM(text string) string {
	return pemLine.ReplaceAllStringFunc(text, func(block string) string {
		part := pemLine.FindStringSubmatch(block)
		return part[1] + "\n" + strings.Join(strings.Fields(part[2]), "\n") + "\n" + part[3] + "\n"
	})
}

func isUTF16(data []byte) bool {
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		return true
	}
	return len(data) >= 4 && (data[0] != 0 && data[1] == 0 && data[2] != 0 && data[3] == 0 ||
		data[0] == 0 && data[1] != 0 && data[2] == 0 && data[3] != 0)
}

const base64File = "it is base64 of a key file (decode it first)"

// notAKey describes text that is no private key in a way that helps to fix it, and
// quotes none of it.
func notAKey(text []byte) string {
	word := strings.Join(strings.Fields(string(text)), "")
	raw, err := base64.StdEncoding.DecodeString(word)
	switch {
	case err == nil && (bytes.HasPrefix(raw, []byte("-----BEGIN ")) || bytes.HasPrefix(raw, []byte(minisignComment))):
		return base64File
	case err != nil || !keytext.IsPrivate(word):
		return "neither PEM nor minisign"
	case strings.HasPrefix(word, "RW"):
		return "the first line of a minisign key is missing, which starts with " + minisignComment
	}
	return "the lines with BEGIN and END are missing"
}

// damagedPEM describes PEM that cannot be read.
func damagedPEM(text []byte) string {
	if bytes.Contains(text, []byte(`\`)) {
		return `damaged PEM: it contains backslashes, as of line breaks written as \n`
	}
	return "damaged PEM"
}

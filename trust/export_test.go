// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package trust

import "github.com/choria-io/go-updater/internal/jcs"

// Canonical returns the RFC 8785 form of a document, signatures and all.
func Canonical(document []byte) ([]byte, error) {
	doc, err := parse(document)
	if err != nil {
		return nil, err
	}
	return jcs.Format(doc), nil
}

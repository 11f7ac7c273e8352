// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
)

// measure counts and hashes what is written to it.
type measure struct {
	hash.Hash
	size int64
}

func newMeasure() *measure { return &measure{Hash: sha256.New()} }

func (m *measure) Write(p []byte) (int, error) {
	m.size += int64(len(p))

	return m.Hash.Write(p)
}

func (m *measure) sum() string { return hex.EncodeToString(m.Sum(nil)) }

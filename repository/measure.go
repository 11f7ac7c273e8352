// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
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

// cancellable is a reader that fails when its context ends.
type cancellable struct {
	ctx context.Context
	r   io.Reader
}

func (c cancellable) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}

	return c.r.Read(p)
}

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"io"

	"github.com/choria-io/go-updater/internal/codec/bunzip"
)

// bzip2Reader is a reader with its own worker.
type bzip2Reader struct {
	*bunzip.Reader
	worker *bunzip.Worker
}

func newBzip2(src io.Reader) *bzip2Reader {
	worker := bunzip.Start()

	return &bzip2Reader{bunzip.NewReader(src, worker), worker}
}

func (z *bzip2Reader) stop() { z.worker.Stop() }

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package term

import (
	"io"
	"os"
)

// openTTY opens the console of the process.
func openTTY() (in *os.File, out io.Writer, closeTTY func(), err error) {
	r, err := os.OpenFile("CONIN$", os.O_RDWR, 0)
	if err != nil {
		return nil, nil, nil, err
	}
	w, err := os.OpenFile("CONOUT$", os.O_RDWR, 0)
	if err != nil {
		r.Close()
		return nil, nil, nil, err
	}
	return r, w, func() { r.Close(); w.Close() }, nil
}

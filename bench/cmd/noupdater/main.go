// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Command noupdater is a lower limit for the time of an update over HTTP that leaves a
// complete binary after a power cut: it downloads the uncompressed binary, hashes it while
// it writes, syncs and renames. It verifies no signature and keeps no backup.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/choria-io/go-updater/bench/internal/candidate"
)

const chunk = 256 << 10

func main() { candidate.Main(update) }

func update(j candidate.Job) error {
	body, err := candidate.Get(j.URL)
	if err != nil {
		return err
	}
	defer body.Close()
	fresh := j.Target + ".new"
	f, err := os.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	sum := sha256.New()
	err = errors.Join(copyInChunks(io.MultiWriter(sum, f), body), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != j.SHA256 {
		return fmt.Errorf("hash is %s, not %s", got, j.SHA256)
	}
	if err := os.Rename(fresh, j.Target); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(j.Target))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// copyInChunks writes full chunks, which io.Copy does not.
func copyInChunks(to io.Writer, from io.Reader) error {
	buf := make([]byte, chunk)
	for {
		n, err := io.ReadFull(from, buf)
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return err
			}
		}
		switch {
		case err == io.EOF, err == io.ErrUnexpectedEOF:
			return nil
		case err != nil:
			return err
		}
	}
}

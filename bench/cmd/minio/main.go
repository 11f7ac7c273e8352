// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Command minio updates with minio/selfupdate as in its documentation: a gzip file over
// HTTP, with a checksum that is known beforehand.
package main

import (
	"compress/gzip"
	"crypto"
	"encoding/hex"

	"github.com/minio/selfupdate"

	"github.com/choria-io/go-updater/bench/internal/candidate"
)

func main() { candidate.Main(update) }

func update(j candidate.Job) error {
	checksum, err := hex.DecodeString(j.SHA256)
	if err != nil {
		return err
	}
	body, err := candidate.Get(j.URL)
	if err != nil {
		return err
	}
	defer body.Close()
	decompressed, err := gzip.NewReader(body)
	if err != nil {
		return err
	}
	return selfupdate.Apply(decompressed, selfupdate.Options{TargetPath: j.Target, Checksum: checksum, Hash: crypto.SHA256})
}

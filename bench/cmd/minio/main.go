// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Command minio updates by minio/selfupdate, as its documentation shows: a gzip
// file over HTTP, with a checksum that the program is told beforehand.
package main

import (
	"compress/gzip"
	"crypto"
	"encoding/hex"

	"github.com/minio/selfupdate"

	"github.com/choria-io/go-updater/bench/internal/contestant"
)

func main() { contestant.Main(update) }

func update(j contestant.Job) error {
	checksum, err := hex.DecodeString(j.SHA256)
	if err != nil {
		return err
	}
	body, err := contestant.Get(j.URL)
	if err != nil {
		return err
	}
	defer body.Close()
	unpacked, err := gzip.NewReader(body)
	if err != nil {
		return err
	}
	return selfupdate.Apply(unpacked, selfupdate.Options{TargetPath: j.Target, Checksum: checksum, Hash: crypto.SHA256})
}

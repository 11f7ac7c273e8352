// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Command v010 updates like go-updater v0.1.0, reimplemented from its description: it
// reads the document, decompresses the bz2 with compress/bzip2 into a file beside the
// target, hashes that file, moves the old binary away and the new one in. Like v0.1.0 it
// verifies no signature and does not sync. The description does not say whether the last
// step copies or renames; this renames, which is faster.
package main

import (
	"compress/bzip2"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/choria-io/go-updater/bench/internal/candidate"
)

func main() { candidate.Main(update) }

func update(j candidate.Job) error {
	dir := fmt.Sprintf("%s/%s/%s/%s/", j.URL, j.Version, runtime.GOOS, runtime.GOARCH)
	document, err := candidate.Get(dir + "release.json")
	if err != nil {
		return err
	}
	defer document.Close()
	var spec struct{ Binary, Hash string }
	if err := json.NewDecoder(document).Decode(&spec); err != nil {
		return err
	}

	fresh := j.Target + ".new"
	if err := download(dir+spec.Binary, fresh); err != nil {
		return err
	}
	if err := check(fresh, spec.Hash); err != nil {
		return err
	}
	if err := os.Chmod(fresh, 0o755); err != nil {
		return err
	}
	if err := os.Rename(j.Target, j.Target+".backup"); err != nil {
		return err
	}
	return os.Rename(fresh, j.Target)
}

func download(url, name string) error {
	body, err := candidate.Get(url)
	if err != nil {
		return err
	}
	defer body.Close()
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, bzip2.NewReader(body))
	return errors.Join(err, f.Close())
}

func check(name, want string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != want {
		return fmt.Errorf("hash is %s, not %s", got, want)
	}
	return nil
}

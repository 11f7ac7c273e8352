// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"bytes"
	"crypto/rand"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// hunt is how long processes that left the group are looked for. Twice that and
// grace together are less than patience.
const hunt = 250 * time.Millisecond

// newMark is a variable that no other environment has. What the binary starts
// inherits it, whatever session or parent it has by then. Its name is random, not
// its value: a binary that tries another one keeps its own mark on that.
func newMark() string { return "GO_UPDATER_TRIAL_" + rand.Text() + "=1" }

// killMarked kills what has the mark in the environment that it was started with.
// A subreaper would find more, but it would change whose children all orphans of
// this program are, which is not ours to do.
//
// It looks until two looks in a row have found nothing: a process can be forking,
// or be without an environment for a moment because it executes another program.
func killMarked(mark string) {
	entry := append([]byte{0}, mark+"\x00"...)
	for clean, end := 0, time.Now().Add(hunt); clean < 2 && time.Now().Before(end); time.Sleep(time.Millisecond) {
		clean++
		environments, _ := filepath.Glob("/proc/[1-9]*/environ")
		for _, path := range environments {
			if killIfMarked(path, entry) {
				clean = 0
			}
		}
	}
}

func killIfMarked(path string, entry []byte) bool {
	pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
	if err != nil {
		return false
	}
	// Held before it is looked at, so that the number cannot be another's by the
	// time it is killed.
	p, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	defer func() { _ = p.Release() }()
	environment, err := os.ReadFile(path)
	return err == nil && bytes.Contains(append([]byte{0}, environment...), entry) && p.Kill() == nil
}

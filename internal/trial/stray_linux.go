// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
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
		for _, pid := range processes() {
			if killIfMarked(pid, entry) {
				clean = 0
			}
		}
	}
}

// processes are the ids of all that run, as far as they can be seen.
func processes() []int {
	proc, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer proc.Close()
	names, _ := proc.Readdirnames(-1)
	pids := make([]int, 0, len(names))
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

func killIfMarked(pid int, entry []byte) bool {
	// Held before it is looked at, so that the number cannot be another's by the
	// time it is killed.
	p, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	defer func() { _ = p.Release() }()
	environment, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	return err == nil && bytes.Contains(append([]byte{0}, environment...), entry) && p.Kill() == nil
}

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package trial

import (
	"errors"
	"os"
	"runtime"
	"sync"
	"syscall"
)

// group is a process in a process group of its own, whose number is the
// process's. The number may be another's once the process was waited for.
type group struct {
	process *os.Process
	mu      sync.Mutex
	over    bool // the number is not to be used any more
}

func startGroup(path string, argv []string, attr *os.ProcAttr) (*group, error) {
	attr.Sys = groupAttr()
	p, err := os.StartProcess(path, argv, attr)
	if err != nil {
		return nil, err
	}
	return &group{process: p}, nil
}

func (g *group) kill() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.signal()
}

func (g *group) signal() {
	if !g.over {
		_ = syscall.Kill(-g.process.Pid, syscall.SIGKILL)
	}
}

// wait waits for the process, and kills what it leaves in the group.
func (g *group) wait() (*os.ProcessState, error) {
	if awaitExit(g.process.Pid) {
		g.end()
		return g.process.Wait()
	}
	state, err := g.process.Wait()
	g.end()
	return state, err
}

func (g *group) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.signal()
	g.over = true
}

func busy(err error) bool { return errors.Is(err, syscall.ETXTBSY) }

func wrongFormat(err error) bool {
	const badArch = syscall.Errno(86) // EBADARCH, which only darwin has
	return errors.Is(err, syscall.ENOEXEC) || runtime.GOOS == "darwin" && errors.Is(err, badArch)
}

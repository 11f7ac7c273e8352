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

// group is a process in a process group of its own, with the same id. The id may
// be reused once the process was waited for.
type group struct {
	process *os.Process
	mu      sync.Mutex
	ended   bool // the id must not be used any more
}

func startGroup(path string, argv []string, attr *os.ProcAttr) (*group, error) {
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

// signal kills the group, and the process itself, which may have left the group.
func (g *group) signal() {
	if !g.ended {
		_ = syscall.Kill(-g.process.Pid, syscall.SIGKILL)
		_ = g.process.Kill()
	}
}

// wait waits for the process, and kills those that it left in the group.
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
	g.ended = true
}

func busy(err error) bool { return errors.Is(err, syscall.ETXTBSY) }

func wrongFormat(err error) bool {
	const badArch = syscall.Errno(86) // EBADARCH, which only darwin has
	return errors.Is(err, syscall.ENOEXEC) || runtime.GOOS == "darwin" && errors.Is(err, badArch)
}

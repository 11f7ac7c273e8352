// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package trial

import (
	"errors"
	"os"
	"runtime"
	"slices"
	"sync"
	"syscall"
)

// group is a process in a process group of its own, whose number is the
// process's. The number may be another's once the process was waited for.
type group struct {
	process *os.Process
	mark    string // of what left the group, where that can be found
	mu      sync.Mutex
	over    bool // the number is not to be used any more
}

func startGroup(path string, argv []string, attr *os.ProcAttr) (*group, error) {
	attr.Sys = groupAttr()
	marked, mark := *attr, newMark()
	if mark != "" {
		marked.Env = append(slices.Clone(attr.Env), mark)
	}
	p, err := os.StartProcess(path, argv, &marked)
	if err != nil {
		return nil, err
	}
	return &group{process: p, mark: mark}, nil
}

func (g *group) kill() {
	g.mu.Lock()
	g.signal()
	g.mu.Unlock()
	killMarked(g.mark)
}

func (g *group) signal() {
	if !g.over {
		_ = syscall.Kill(-g.process.Pid, syscall.SIGKILL)
	}
}

// wait waits for the process, and kills what it leaves.
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
	g.signal()
	g.over = true
	g.mu.Unlock()
	killMarked(g.mark)
}

func busy(err error) bool { return errors.Is(err, syscall.ETXTBSY) }

func wrongFormat(err error) bool {
	const badArch = syscall.Errno(86) // EBADARCH, which only darwin has
	return errors.Is(err, syscall.ENOEXEC) || runtime.GOOS == "darwin" && errors.Is(err, badArch)
}

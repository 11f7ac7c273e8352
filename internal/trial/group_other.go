// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build !unix && !windows

package trial

import "os"

// group is a single process: its children cannot be killed here.
type group struct{ process *os.Process }

func startGroup(path string, argv []string, attr *os.ProcAttr) (*group, error) {
	p, err := os.StartProcess(path, argv, attr)
	return &group{p}, err
}

func (g *group) kill() { _ = g.process.Kill() }

func (g *group) wait() (*os.ProcessState, error) { return g.process.Wait() }

func busy(error) bool { return false }

func wrongFormat(error) bool { return false }

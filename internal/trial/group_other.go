// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build !unix && !windows

package trial

import "os/exec"

// startGroup starts cmd; its children are not known here.
func startGroup(cmd *exec.Cmd) (release func(), err error) {
	cmd.Cancel = func() error { return cmd.Process.Kill() }
	return func() {}, cmd.Start()
}

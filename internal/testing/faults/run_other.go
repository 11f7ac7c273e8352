// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build !linux || (!amd64 && !arm64)

package faults

import (
	"context"
	"os/exec"
)

// Run returns ErrUnsupported.
func Run(context.Context, *exec.Cmd, Watch, Hook) (*Result, error) { return nil, ErrUnsupported }

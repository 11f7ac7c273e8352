// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package main

import "errors"

func becomeRoot() error { return errors.ErrUnsupported }

func leaveGroup() error { return errors.ErrUnsupported }

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Command plain starts and exits.
package main

import (
	"fmt"

	"github.com/choria-io/go-updater/bench/internal/peak"
)

func main() { fmt.Println(peak.Line()) }

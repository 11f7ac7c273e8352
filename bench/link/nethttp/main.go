// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Command nethttp links net/http and exits.
package main

import (
	"fmt"
	"net/http"
	"os"

	"github.com/choria-io/go-updater/bench/internal/peak"
)

func main() {
	if len(os.Args) > 1 {
		fmt.Println(http.Get(os.Args[1])) //nolint:bodyclose // linked but never run
	}
	fmt.Println(peak.Line())
}

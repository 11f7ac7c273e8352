// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Command nethttp starts and ends, and could make a request.
package main

import (
	"fmt"
	"net/http"
	"os"

	"github.com/choria-io/go-updater/bench/internal/peak"
)

func main() {
	if len(os.Args) > 1 {
		fmt.Println(http.Get(os.Args[1])) //nolint:bodyclose // never run: this is about what is linked
	}
	fmt.Println(peak.Line())
}

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Command trust is nethttp that also links package trust.
package main

import (
	"fmt"
	"net/http"
	"os"

	"github.com/choria-io/go-updater/bench/internal/peak"
	"github.com/choria-io/go-updater/trust"
)

func main() {
	if len(os.Args) > 1 {
		fmt.Println(http.Get(os.Args[1])) //nolint:bodyclose // linked but never run
		fmt.Println(verify())
	}
	fmt.Println(peak.Line())
}

func verify() (*trust.Verified, error) {
	keys, err := trust.ParseKeys([]byte(os.Args[2]))
	if err != nil {
		return nil, err
	}
	policy, err := trust.NewPolicy(1, keys...)
	if err != nil {
		return nil, err
	}
	return trust.Verify([]byte(os.Args[3]), policy, trust.Want{Version: "1.0.0"})
}

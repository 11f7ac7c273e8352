// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Command minio is nethttp that also links minio/selfupdate.
package main

import (
	"fmt"
	"net/http"
	"os"

	"github.com/minio/selfupdate"

	"github.com/choria-io/go-updater/bench/internal/peak"
)

func main() {
	if len(os.Args) > 1 {
		resp, err := http.Get(os.Args[1])
		if err == nil {
			err = selfupdate.Apply(resp.Body, selfupdate.Options{})
		}
		fmt.Println(err)
	}
	fmt.Println(peak.Line())
}

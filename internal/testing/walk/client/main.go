// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Command client makes one Apply and ends. The tests of package walk build it
// with coverage counters, and count what one update does.
package main

import (
	"flag"
	"log"
	"os"
	"strings"

	updater "github.com/choria-io/go-updater"
	"github.com/choria-io/go-updater/trust/tuf"
)

func main() {
	target := flag.String("target", "", "file to update")
	repos := flag.String("repos", "", "URLs of the repository and its mirrors")
	keys := flag.String("keys", "", "public keys, all of which must have signed")
	root := flag.String("root", "", "TUF root metadata, a file")
	flag.Parse()
	log.SetFlags(0)

	urls := strings.Split(*repos, ",")
	options := []updater.Option{
		updater.TargetFile(*target), updater.SourceRepo(urls[0]), updater.Mirrors(urls[1:]...),
		updater.CurrentVersion("1.0.0"), updater.Version("2.0.0"), updater.Product("prog"),
	}
	if *keys != "" {
		var all [][]byte
		for key := range strings.SplitSeq(*keys, ",") {
			all = append(all, []byte(key))
		}
		options = append(options, updater.PublicKeys(len(all), all...))
	}
	if *root != "" {
		raw, err := os.ReadFile(*root)
		if err != nil {
			log.Fatal(err)
		}
		options = append(options, updater.VouchedBy(tuf.New(raw)))
	}
	if err := updater.Apply(options...); err != nil {
		log.Fatal(err)
	}
}

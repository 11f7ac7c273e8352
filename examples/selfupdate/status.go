// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	updater "github.com/choria-io/go-updater"
)

// status prints what is known of updates, as JSON.
func status(target updater.Option) error {
	u, err := newUpdater(version, target)
	if err != nil {
		return err
	}
	known, err := u.Status()
	if err != nil {
		return err
	}
	text, err := known.MarshalJSON()
	fmt.Printf("%s\n", text)
	return err
}

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"fmt"
	"strings"
	"time"

	"github.com/choria-io/go-updater/internal/layout"
	"github.com/choria-io/go-updater/trust"
)

// Location is the place of one release in a repository.
type Location struct {
	Version string `json:"version"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
}

func (l Location) String() string { return l.Version + " " + l.OS + "/" + l.Arch }

func (l Location) dir() string                 { return layout.Release(l).Dir() }
func (l Location) document() string            { return layout.Release(l).Document() }
func (l Location) file(artifact string) string { return layout.Release(l).File(artifact) }

// want is what a client asks for that looks here.
func (l Location) want(now time.Time) trust.Want {
	return trust.Want{Version: l.Version, OS: l.OS, Arch: l.Arch, Now: now}
}

// Filter selects releases. An empty field matches any value.
type Filter struct {
	Version, OS, Arch string
}

func (f Filter) match(l Location) bool {
	return (f.Version == "" || f.Version == l.Version) && (f.OS == "" || f.OS == l.OS) && (f.Arch == "" || f.Arch == l.Arch)
}

// notFound is the error of a filter that matches nothing.
func (f Filter) notFound() error {
	var fields []string
	for _, field := range [][2]string{{"version", f.Version}, {"os", f.OS}, {"arch", f.Arch}} {
		if field[1] != "" {
			fields = append(fields, fmt.Sprintf("%s %q", field[0], field[1]))
		}
	}
	if fields == nil {
		return fmt.Errorf("%w: the repository is empty", ErrNoRelease)
	}

	return fmt.Errorf("%w: %s", ErrNoRelease, strings.Join(fields, ", "))
}

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"debug/buildinfo"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/choria-io/go-updater/internal/term"
	"github.com/choria-io/go-updater/keys"
	"github.com/choria-io/go-updater/repository"
	"github.com/choria-io/go-updater/trust"
)

// anyPlatform matches OS/ARCH=FILE, also with names that no platform of Go has.
var anyPlatform = regexp.MustCompile(`^([^/=\\]+)/([^/=\\]+)=(.+)$`)

// platformAndPath parses OS/ARCH=FILE. It returns an empty platform if arg has none,
// and an error if Go does not support the platform. A file may have such a name, too.
func platformAndPath(arg string) (repository.File, error) {
	m := anyPlatform.FindStringSubmatch(arg)
	if m == nil {
		return repository.File{Path: arg}, nil
	}
	if err := checkPlatform(m[1], m[2]); err != nil {
		if _, statErr := os.Stat(arg); statErr == nil {
			return repository.File{Path: arg}, nil
		}
		return repository.File{}, err
	}

	return repository.File{OS: m[1], Arch: m[2], Path: m[3]}, nil
}

// files parses the arguments of add, and finds the platform of each.
func (o *addOptions) files(c *term.Console, args []string) ([]repository.File, error) {
	if o.os != "" && len(args) > 1 {
		return nil, term.Usagef("--os and --arch apply to one FILE, but %d are given (use OS/ARCH=FILE for each)", len(args))
	}
	if o.os != "" {
		if err := checkPlatform(o.os, o.arch); err != nil {
			return nil, err
		}
	}
	files := make([]repository.File, 0, len(args))
	for _, arg := range args {
		f, err := platformAndPath(arg)
		switch {
		case err != nil:
			return nil, err
		case f.OS != "" && o.os != "":
			return nil, term.Usagef("%q contains a platform (leave out --os and --arch)", arg)
		case f.OS == "":
			f.OS, f.Arch = o.os, o.arch
		}
		if err := refusePrivateKey(f.Path); err != nil {
			return nil, err
		}
		if err := setPlatform(c, &f); err != nil {
			return nil, err
		}
		files = append(files, f)
	}

	return files, nil
}

// compressed parses --artifact, and finds the platform of each.
func (o *addOptions) compressed(files []repository.File) ([]repository.File, error) {
	var out []repository.File
	for _, arg := range o.artifacts {
		f, err := platformAndPath(arg)
		switch {
		case err != nil:
			return nil, err
		case f.OS == "" && len(files) > 1:
			return nil, term.Usagef("artifact %q could be for any of %d platforms (use --artifact OS/ARCH=FILE)", arg, len(files))
		case f.OS == "":
			f.OS, f.Arch = files[0].OS, files[0].Arch
		}
		if err := refusePrivateKey(f.Path); err != nil {
			return nil, err
		}
		out = append(out, f)
	}

	return out, nil
}

// refusePrivateKey catches the mistake that publishes the private key (T16).
func refusePrivateKey(name string) error {
	info, err := os.Stat(name)
	if err != nil {
		return fmt.Errorf("reading the file to publish: %w", err)
	}
	// Reading a pipe might block. The repository refuses what is not a file.
	if !info.Mode().IsRegular() || info.Size() > keys.MaxFile {
		return nil
	}
	file, err := keys.ReadFile(name)
	if err != nil {
		return fmt.Errorf("reading the file to publish: %w", err)
	}
	if _, err := keys.Inspect(file.Data); err == nil {
		return term.Usagef("%q is a private key and is not published", name)
	}

	return nil
}

// setPlatform sets a missing platform to that of the build information, and warns
// if the two differ.
func setPlatform(c *term.Console, f *repository.File) error {
	goos, goarch := builtFor(f.Path)
	switch {
	case f.OS == "" && goos == "":
		return term.Usagef("the platform of %q is unknown (use --os and --arch, or OS/ARCH=FILE)", f.Path)
	case f.OS == "":
		f.OS, f.Arch = goos, goarch
	case goos != "" && (goos != f.OS || goarch != f.Arch):
		c.Warning(fmt.Sprintf("%q was built for %s/%s, but is published for %s/%s", f.Path, goos, goarch, f.OS, f.Arch))
	}

	return nil
}

// builtFor returns the platform in the build information of a Go binary.
func builtFor(name string) (goos, goarch string) {
	if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() {
		return "", ""
	}
	info, err := buildinfo.ReadFile(name)
	if err != nil {
		return "", ""
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "GOOS":
			goos = s.Value
		case "GOARCH":
			goarch = s.Value
		}
	}
	if goos == "" || goarch == "" {
		return "", ""
	}

	return goos, goarch
}

// product is --name, or the name of the files.
func (o *addOptions) product(files []repository.File) (string, error) {
	name := o.name
	for _, f := range files {
		base := filepath.Base(f.Path)
		if f.OS == "windows" {
			base = strings.TrimSuffix(base, ".exe")
		}
		switch {
		case o.name != "":
		case name == "":
			name = base
		case name != base:
			return "", term.Usagef("%q and %q have different names (use --name to name the product)", files[0].Path, f.Path)
		}
	}
	if err := trust.CheckName(name); err != nil {
		return "", term.WithHint(term.Usage(err), "use --name to name the product")
	}

	return name, nil
}

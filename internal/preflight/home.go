// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"context"
	"os"
	"path/filepath"
	"strings"
)

// home is where a package manager keeps the files of its packages: a directory
// for each, with the package's name as the first part of its own.
type home struct {
	manager, remedy string
	in              string
	anywhere        bool   // in may be below any directory
	proof           string // what a package's, or a version's, directory holds
	mark            string // what is in the root directory
}

func homes(goos string) []home {
	if goos == "windows" {
		return []home{ // in lower case, as names differ in case only
			{manager: "the Microsoft Store", remedy: "the Store", in: "/program files/windowsapps/", anywhere: true},
			{manager: "Scoop", remedy: "scoop update", in: "/scoop/apps/", anywhere: true},
			{manager: "Chocolatey", remedy: "choco upgrade", in: "/chocolatey/lib/", anywhere: true},
			{manager: "WinGet", remedy: "winget upgrade", in: "/microsoft/winget/packages/", anywhere: true},
		}
	}
	return []home{
		{manager: "brew", remedy: "brew upgrade", in: "/Cellar/", anywhere: true, proof: "INSTALL_RECEIPT.json"},
		{manager: "brew", remedy: "brew upgrade --cask", in: "/Caskroom/", anywhere: true, proof: ".metadata"},
		{manager: "snap", remedy: "snap refresh", in: "/snap/"},
		{manager: "snap", remedy: "snap refresh", in: "/var/lib/snapd/snap/"},
		{manager: "flatpak", remedy: "flatpak update", in: "/app/", mark: ".flatpak-info"},
		{manager: "nix", remedy: "nix", in: "/nix/store/"},
		{manager: "guix", remedy: "guix", in: "/gnu/store/"},
	}
}

func (s system) byPlace(_ context.Context, names []string) (*owned, error) {
	name := names[0]
	if s.goos == "windows" {
		name = strings.ToLower(strings.ReplaceAll(name, `\`, "/"))
	}
	for _, h := range homes(s.goos) {
		at := strings.Index(name, h.in)
		if at < 0 || (at > 0 && !h.anywhere) {
			continue
		}
		at += len(h.in)
		pkg, rest, inside := strings.Cut(name[at:], "/")
		version, _, _ := strings.Cut(rest, "/")
		dir := filepath.Join(s.root, name[:at], pkg)
		if h.proof != "" && !exists(dir, h.proof) && !exists(dir, version, h.proof) {
			continue
		}
		if h.mark != "" && !exists(s.root, h.mark) {
			continue
		}
		if !inside || h.mark != "" {
			pkg = "" // /app is one application, without its name
		}
		return &owned{h.manager, pkg, h.remedy}, nil
	}
	return nil, nil
}

func exists(path ...string) bool {
	_, err := os.Lstat(filepath.Join(path...))
	return err == nil
}

// bundle finds the application that a program of macOS is part of.
func (s system) bundle(target string) *Error {
	at := strings.Index(target, ".app/Contents/")
	if s.goos != "darwin" || at < 0 {
		return nil
	}
	return &Error{
		Reason: ReasonBundle, Path: target[:at] + ".app", Detail: "the bundle's signature covers the file",
		Advice: "replace the whole application",
	}
}

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

// location is a directory in which a package manager has a directory for each
// package, named after it.
type location struct {
	manager, remedy string
	dir             string
	anywhere        bool   // dir may be below any directory
	receipt         string // a file in the directory of a package, or of its version
	rootFile        string // a file in the root directory
}

func locations(goos string) []location {
	if goos == "windows" {
		return []location{ // in lower case: Windows ignores case
			{manager: "the Microsoft Store", remedy: "the Store", dir: "/program files/windowsapps/", anywhere: true},
			{manager: "Scoop", remedy: "scoop update", dir: "/scoop/apps/", anywhere: true},
			{manager: "Chocolatey", remedy: "choco upgrade", dir: "/chocolatey/lib/", anywhere: true},
			{manager: "WinGet", remedy: "winget upgrade", dir: "/microsoft/winget/packages/", anywhere: true},
		}
	}
	return []location{
		{manager: "brew", remedy: "brew upgrade", dir: "/Cellar/", anywhere: true, receipt: "INSTALL_RECEIPT.json"},
		{manager: "brew", remedy: "brew upgrade --cask", dir: "/Caskroom/", anywhere: true, receipt: ".metadata"},
		{manager: "snap", remedy: "snap refresh", dir: "/snap/"},
		{manager: "snap", remedy: "snap refresh", dir: "/var/lib/snapd/snap/"},
		{manager: "flatpak", remedy: "flatpak update", dir: "/app/", rootFile: ".flatpak-info"},
		{manager: "nix", remedy: "nix", dir: "/nix/store/"},
		{manager: "guix", remedy: "guix", dir: "/gnu/store/"},
	}
}

// byLocation finds package managers that are known by where they put files.
func (s system) byLocation(_ context.Context, names []string) (*owned, error) {
	name := names[0]
	if s.goos == "windows" {
		name = strings.ToLower(strings.ReplaceAll(name, `\`, "/"))
	}
	for _, l := range locations(s.goos) {
		at := strings.Index(name, l.dir)
		if at < 0 || (at > 0 && !l.anywhere) {
			continue
		}
		at += len(l.dir)
		pkg, rest, inside := strings.Cut(name[at:], "/")
		version, _, _ := strings.Cut(rest, "/")
		dir := filepath.Join(s.root, name[:at], pkg)
		if l.receipt != "" && !exists(dir, l.receipt) && !exists(dir, version, l.receipt) {
			continue
		}
		if l.rootFile != "" && !exists(s.root, l.rootFile) {
			continue
		}
		if !inside || l.rootFile != "" {
			pkg = "" // /app is a single application, without its name
		}
		return &owned{l.manager, pkg, l.remedy}, nil
	}
	return nil, nil
}

func exists(path ...string) bool {
	_, err := os.Lstat(filepath.Join(path...))
	return err == nil
}

// bundle finds the macOS application that contains target.
func (s system) bundle(target string) *Error {
	at := strings.Index(target, ".app/Contents/")
	if s.goos != "darwin" || at < 0 {
		return nil
	}
	return &Error{
		Reason: ReasonBundle, Path: target[:at] + ".app", Detail: "the signature of the application covers the file",
		Advice: "replace the whole application",
	}
}

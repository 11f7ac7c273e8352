// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"

	"github.com/choria-io/go-updater/internal/term"
	"github.com/choria-io/go-updater/repository"
)

// Names that other tools give to platforms: uname, Debian, Rust, Node.
var (
	otherOS = map[string]string{
		"macos": "darwin", "mac": "darwin", "osx": "darwin", "macosx": "darwin",
		"win": "windows", "win32": "windows", "win64": "windows", "mingw64": "windows", "gnu": "linux", "sunos": "solaris",
	}
	otherArch = map[string]string{
		"x86_64": "amd64", "x86-64": "amd64", "x64": "amd64", "x86": "386", "i386": "386", "i486": "386", "i586": "386", "i686": "386", "ia32": "386",
		"aarch64": "arm64", "armv8": "arm64", "armhf": "arm", "armel": "arm", "armv5": "arm", "armv6": "arm", "armv6l": "arm", "armv7": "arm", "armv7l": "arm",
		"ppc64el": "ppc64le", "powerpc64le": "ppc64le", "powerpc64": "ppc64", "mipsel": "mipsle", "mips64el": "mips64le",
		"loongarch64": "loong64", "riscv": "riscv64", "wasm32": "wasm",
	}
)

// checkPlatform refuses a platform that no client asks for, and names the one that
// was meant.
func checkPlatform(os, arch string) error {
	err := repository.CheckPlatform(os, arch)
	if err == nil {
		return nil
	}
	if meant := nearestPlatform(os, arch); meant != "" {
		return term.WithHint(term.Usage(err), "did you mean "+meant+"?")
	}

	return term.Usage(err)
}

// nearestPlatform returns the platform that a user most likely meant, or "".
func nearestPlatform(os, arch string) string {
	var systems, archs []string
	archsOf := map[string][]string{}
	for _, p := range repository.Platforms() {
		system, of, _ := strings.Cut(p, "/")
		if archsOf[system] == nil {
			systems = append(systems, system)
		}
		archsOf[system] = append(archsOf[system], of)
	}
	os = meantName(os, otherOS, systems)
	archs = archsOf[os]
	if arch = meantName(arch, otherArch, archs); os == "" || arch == "" {
		return ""
	}

	return os + "/" + arch
}

func meantName(word string, others map[string]string, known []string) string {
	word = strings.ToLower(word)
	for _, name := range known {
		if name == word || name == others[word] {
			return name
		}
	}

	return term.Nearest(word, known)
}

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/testing/race"
)

// maxAdded is how many bytes updates may add to a stripped program that uses
// net/http already. It is what they add today, 1,429,504, and a margin of 1%, so that
// a dependency that brings more is noticed when it comes. Lower it with every cut.
const maxAdded = 1_444_000

const (
	plainProgram = `package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
)

func main() {
	if r, err := http.Get(os.Args[1]); err == nil {
		fmt.Println(io.ReadAll(r.Body))
	}
}
`
	updatingProgram = `package main

import (
	"fmt"
	"io"
	"net/http"
	"os"

	updater "github.com/choria-io/go-updater"
)

func main() {
	fmt.Println(updater.Apply(updater.SourceRepo(os.Args[1]), updater.Version(os.Args[2]), updater.PublicKey([]byte(os.Args[3]))))
	if r, err := http.Get(os.Args[1]); err == nil {
		fmt.Println(io.ReadAll(r.Body))
	}
}
`
)

func TestEmbeddersGrowLittle(t *testing.T) {
	race.Skip(t, "the programs are built without it")
	if testing.Short() || runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("NOT PROVEN: builds two programs, the bound is one for linux/amd64")
	}
	dir := t.TempDir()
	size := func(name, source string) int64 {
		file := filepath.Join(dir, name+".go")
		require.NoError(t, os.WriteFile(file, []byte(source), 0o600))
		cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(dir, name), file)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		return info.Size()
	}
	plain, updating := size("plain", plainProgram), size("updating", updatingProgram)
	require.LessOrEqual(t, updating-plain, int64(maxAdded), "of %d bytes with updates", updating)
	t.Logf("%d bytes, %d without updates", updating, plain)
}

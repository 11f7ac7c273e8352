// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPlatformsOfGo(t *testing.T) {
	if !strings.HasPrefix(runtime.Version(), "go1.26") {
		t.Skipf("NOT PROVEN: the table is of go1.26, this is %s", runtime.Version())
	}
	out, err := exec.Command("go", "tool", "dist", "list").Output()
	require.NoError(t, err)
	want := append(strings.Fields(string(out)), "windows/arm")
	var got []string
	for _, l := range allPlatforms() {
		got = append(got, l.OS+"/"+l.Arch)
	}
	require.ElementsMatch(t, want, got)
}

func TestCheckPlatform(t *testing.T) {
	require.NoError(t, checkPlatform("linux", "amd64"))
	for _, p := range [][2]string{{"linux", "x86_64"}, {"Linux", "amd64"}, {"", ""}, {"darwin", "386"}, {"linux", "386 amd64"}, {"linux", ""}} {
		require.ErrorIs(t, checkPlatform(p[0], p[1]), ErrRequest, p)
	}
}

func TestComparableVersion(t *testing.T) {
	for v, want := range map[string]bool{"1.2.3": true, "v1.2.3": true, "1.2": true, "1.2.3-rc.1+b": true, "nightly": false, "2026.11.23": true, "1.2.3.4": false, "vv1": false} {
		require.Equal(t, want, comparableVersion(v), v)
	}
}

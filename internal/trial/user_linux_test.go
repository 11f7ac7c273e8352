// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Root runs the program of another user as that user, without what root has.
func TestA13_ProgramOfAnotherUserRunsAsThatUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("NOT PROVEN: other users need root")
	}
	t.Setenv("SECRET", "of root")
	t.Setenv("LC_TIME", "C")
	dir, err := os.MkdirTemp("", "trial-test-") // others can enter it
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755))
	script := filepath.Join(dir, "script")
	const text = "#!/bin/sh\necho \"$(id -u) $(id -g) $(id -G) $HOME $SECRET $LC_TIME\"\n" +
		"(: </dev/tty) 2>/dev/null && echo terminal\nps -o sid= -p $$ | tr -d ' ' | sed s/^$$\\$/leader/\nexit 1\n"
	require.NoError(t, os.WriteFile(script, []byte(text), 0o755))
	for owner, want := range map[int]string{
		0:     "0 0 0",
		1:     "1 1 1 /usr/sbin  C",       // daemon, in every Debian
		54321: "54321 65534 65534 /  C\n", // not in the database
	} {
		err := (&Trial{}).Run(t.Context(), script, owner)
		var failed *Error
		require.ErrorAs(t, err, &failed)
		require.Contains(t, failed.Output, want)
		if owner != 0 {
			require.NotContains(t, failed.Output, "of root")
			require.Contains(t, failed.Output, "leader", "of a session of its own, without our terminal")
		}
		require.NotContains(t, failed.Output, "terminal")
	}
}

func TestA13_OwnerWhoCannotGetThere(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("NOT PROVEN: other users need root")
	}
	err := (&Trial{}).Run(t.Context(), program(t, []byte("#!/bin/sh\n"), 0o755), 54321) // below t.TempDir
	require.ErrorIs(t, err, os.ErrPermission)
	require.ErrorContains(t, err, "as its owner, user 54321")
}

// What a program of another user leaves behind is killed too.
func TestA13_ChildrenOfAnotherUserAreKilled(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("NOT PROVEN: other users need root")
	}
	dir, err := os.MkdirTemp("", "trial-test-")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755))
	script := filepath.Join(dir, "script")
	require.NoError(t, os.WriteFile(script, []byte("#!/bin/sh\nsleep 60 >/dev/null 2>&1 &\necho pid $!\nexit 1\n"), 0o755))
	var failed *Error
	require.ErrorAs(t, (&Trial{}).Run(t.Context(), script, 54321), &failed)
	pid := 0
	_, err = fmt.Sscanf(failed.Output, "pid %d", &pid)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err != nil || len(stat) > 0 && zombie(string(stat))
	}, enough, 10*1e6)
}

func zombie(stat string) bool {
	var pid int
	var name, state string
	_, err := fmt.Sscanf(stat, "%d %s %s", &pid, &name, &state)
	return err == nil && state == "Z"
}

// The groups are those in which the database has the name. The first entry of a user counts.
func TestA13_GroupsOfTheOwner(t *testing.T) {
	dir := t.TempDir()
	passwd, group := filepath.Join(dir, "passwd"), filepath.Join(dir, "group")
	require.NoError(t, os.WriteFile(passwd, []byte("# comment\nalice:x:7:8::/home/alice:/bin/sh\nagain:x:7:0::/:/bin/sh\nodd:x:9:-1::/:\n"), 0o600))
	require.NoError(t, os.WriteFile(group, []byte("a:x:1:bob,alice\nshort\nb:x:2:bob\nc:x:3:alice\nodd:x:-1:alice\n"), 0o600))
	for uid, want := range map[int]user{
		7: {"alice", "/home/alice", 8, []uint32{1, 3}},
		8: {"8", "/", nogroup, nil},
		9: {"9", "/", nogroup, nil},
	} {
		got, err := lookUp(passwd, group, uid)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	got, err := lookUp(passwd+"absent", group, 7)
	require.NoError(t, err, "a container may have none")
	require.Equal(t, user{"7", "/", nogroup, nil}, got)
	_, err = lookUp(dir, group, 7)
	require.Error(t, err, "unreadable: it is not run with other groups than its owner's")
}

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

const (
	nobody = 65534
	second = 4444 // a second group of user nobody in these tests
	dirEnv = "PREFLIGHT_TEST_DIR"
)

// asNobody runs the calling test again as user and group nobody with these
// capabilities, and returns false. In that run it returns true, and dir is the
// directory that prepare was called for.
func asNobody(t *testing.T, prepare func(dir string), caps ...uintptr) (dir string, child bool) {
	t.Helper()
	if dir := os.Getenv(dirEnv); dir != "" {
		return dir, true
	}
	needRoot(t)
	// Not t.TempDir, which other users cannot enter.
	top, err := os.MkdirTemp("", "preflight-test-")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(top) })
	require.NoError(t, os.Chmod(top, 0o755))
	dir = filepath.Join(top, "bin")
	require.NoError(t, os.Mkdir(dir, 0o755))
	prepare(dir)

	self, err := os.ReadFile("/proc/self/exe")
	require.NoError(t, err)
	copied := filepath.Join(top, "preflight.test")
	require.NoError(t, os.WriteFile(copied, self, 0o755))
	require.NoError(t, os.Chmod(copied, 0o755))
	cmd := exec.Command(copied, "-test.run", "^"+t.Name()+"$", "-test.v")
	cmd.Dir = top
	cmd.Env = append(os.Environ(), dirEnv+"="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Credential:  &syscall.Credential{Uid: nobody, Gid: nobody, Groups: []uint32{second}},
		AmbientCaps: caps,
	}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "--- PASS: "+t.Name())
	return "", false
}

func give(t *testing.T, path string, uid, gid int) {
	t.Helper()
	require.NoError(t, os.Lchown(path, uid, gid))
}

func TestNotWritable(t *testing.T) {
	dir, child := asNobody(t, func(dir string) {
		for name, mode := range map[string]fs.FileMode{"rwx": 0o700, "r-x": 0o500, "-wx": 0o300, "---": 0} {
			sub := filepath.Join(dir, name)
			require.NoError(t, os.Mkdir(sub, 0o700))
			give(t, sub, nobody, nobody)
			give(t, program(t, sub, "tool"), nobody, nobody)
			require.NoError(t, os.Chmod(sub, mode))
		}
	})
	if !child {
		return
	}
	check := func(name string) (*Report, string) {
		r, err := quiet(t).check(t.Context(), Question{Target: filepath.Join(dir, name, "tool")})
		require.NoError(t, err)
		return r, filepath.Join(dir, name)
	}
	r, _ := check("rwx")
	require.Empty(t, r.Problems)
	for _, name := range []string{"r-x", "-wx"} {
		r, path := check(name)
		requireOne(t, r, ReasonNotWritable, path, fs.ErrPermission)
	}
	r, path := check("---")
	requireOne(t, r, ReasonNotWritable, filepath.Join(path, "tool"), fs.ErrPermission)
}

// The rights of a setuid program are those of its effective user.
func TestNotWritableByEffectiveUser(t *testing.T) {
	needRoot(t)
	dir := filepath.Dir(newTarget(t))
	require.NoError(t, os.Chmod(dir, 0o700))
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked, so that the thread ends with the goroutine
		_, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, nobody, 0, 0)
		result <- errors.Join(errnoError(errno), mayChange(dir))
	}()
	require.NoError(t, <-result)
	go func() {
		runtime.LockOSThread()
		_, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, 0, nobody, 0)
		result <- errors.Join(errnoError(errno), mayChange(dir))
	}()
	require.ErrorIs(t, <-result, syscall.EACCES)
}

func errnoError(errno syscall.Errno) error {
	if errno == 0 {
		return nil
	}
	return errno
}

func TestForeignOwner(t *testing.T) {
	dir, child := asNobody(t, func(dir string) {
		for _, sub := range []string{dir, filepath.Join(dir, "setgid")} {
			require.NoError(t, os.MkdirAll(sub, 0o755))
			give(t, sub, nobody, 1234)
			give(t, program(t, sub, "ours"), nobody, nobody)
			give(t, program(t, sub, "user"), 0, nobody)
			give(t, program(t, sub, "group"), nobody, 1234)
			give(t, program(t, sub, "member"), nobody, second)
		}
		require.NoError(t, os.Chmod(filepath.Join(dir, "setgid"), 0o755|fs.ModeSetgid))
	})
	if !child {
		return
	}
	for name, foreign := range map[string]bool{
		"ours": false, "member": false, "user": true, "group": true,
		"setgid/ours": false, "setgid/user": true, "setgid/group": false,
	} {
		path := filepath.Join(dir, name)
		r := look(t, quiet(t), Question{Target: path})
		if foreign {
			requireOne(t, r, ReasonForeignOwner, path, fs.ErrPermission)
		} else {
			require.Empty(t, r.Problems, name)
		}
	}
}

// CAP_CHOWN is enough to set a group, but not to set the owner and then the mode.
func TestForeignOwnerNeedsTwoCapabilities(t *testing.T) {
	dir, child := asNobody(t, func(dir string) {
		give(t, dir, nobody, nobody)
		give(t, program(t, dir, "user"), 1234, nobody)
		give(t, program(t, dir, "group"), nobody, 1234)
	}, unix.CAP_CHOWN)
	if !child {
		return
	}
	require.Empty(t, look(t, quiet(t), Question{Target: filepath.Join(dir, "group")}).Problems)
	path := filepath.Join(dir, "user")
	requireOne(t, look(t, quiet(t), Question{Target: path}), ReasonForeignOwner, path, fs.ErrPermission)
}

func TestForeignOwnerPrivileged(t *testing.T) {
	dir, child := asNobody(t, func(dir string) {
		require.NoError(t, os.Chmod(dir, 0o777|fs.ModeSticky))
		give(t, program(t, dir, "tool"), 1234, 1234)
	}, unix.CAP_CHOWN, unix.CAP_FOWNER)
	if child {
		path := filepath.Join(dir, "tool")
		requireOne(t, look(t, quiet(t), Question{Target: path}), ReasonForeignOwner, path, fs.ErrPermission)
	}
}

func TestA9_AdviceFits(t *testing.T) {
	dir, child := asNobody(t, func(dir string) {
		give(t, dir, nobody, nobody)
		give(t, program(t, dir, "user"), 1234, nobody)
		give(t, program(t, dir, "group"), nobody, 1234)
		sticky := filepath.Join(dir, "sticky")
		require.NoError(t, os.Mkdir(sticky, 0o755))
		require.NoError(t, os.Chmod(sticky, 0o777|fs.ModeSticky))
		give(t, program(t, sticky, "ours"), nobody, nobody)
		give(t, program(t, sticky, "theirs"), 1234, nobody)
	})
	if !child {
		return
	}
	advice := func(q Question) (all []string) {
		for _, problem := range look(t, quiet(t), q).Problems {
			all = append(all, problem.Advice)
		}
		return all
	}
	const asOwner = "update as its owner, or as root"
	group := advice(Question{Target: filepath.Join(dir, "group")})
	require.Len(t, group, 1)
	require.NotContains(t, group[0], "as its owner", "the owner reads this")
	require.Contains(t, group[0], "chgrp")
	require.Equal(t, []string{asOwner}, advice(Question{Target: filepath.Join(dir, "user")}))

	ours, theirs := filepath.Join(dir, "sticky", "ours"), filepath.Join(dir, "sticky", "theirs")
	require.Equal(t, []string{"have user 1234 or root remove it"}, advice(Question{Target: ours, Beside: []string{theirs}}))
	require.Equal(t, []string{asOwner, asOwner}, advice(Question{Target: theirs}))
}

func TestA8_FoundBeforeTheDownload(t *testing.T) {
	prepare := func(dir string) {
		give(t, dir, nobody, nobody)
		for _, name := range []string{"plain", "capable", "unreadable"} {
			give(t, program(t, dir, name), nobody, nobody)
		}
		if out, err := exec.Command("setcap", "cap_net_bind_service=ep", filepath.Join(dir, "capable")).CombinedOutput(); err != nil {
			t.Skipf("NOT PROVEN: cannot set capabilities: %v: %s", err, out)
		}
		require.NoError(t, os.Chmod(filepath.Join(dir, "unreadable"), 0o111))
		for _, name := range []string{"capable", "unreadable"} { // root may
			require.Empty(t, look(t, quiet(t), Question{Target: filepath.Join(dir, name)}).Problems)
		}
	}
	for name, caps := range map[string][]uintptr{"without": nil, "with": {unix.CAP_SETFCAP, unix.CAP_DAC_READ_SEARCH}} {
		t.Run(name, func(t *testing.T) {
			dir, child := asNobody(t, prepare, caps...)
			if !child {
				return
			}
			require.Empty(t, look(t, quiet(t), Question{Target: filepath.Join(dir, "plain")}).Problems)
			for name, reason := range map[string]Reason{"capable": ReasonCapabilities, "unreadable": ReasonNotReadable} {
				path := filepath.Join(dir, name)
				r := look(t, quiet(t), Question{Target: path})
				if caps == nil {
					requireOne(t, r, reason, path, fs.ErrPermission)
				} else {
					require.Empty(t, r.Problems)
				}
			}
		})
	}
}

func TestA5_OpenDirectoryThatIsAccepted(t *testing.T) {
	target := newTarget(t)
	require.NoError(t, os.Chmod(filepath.Dir(target), 0o777))
	r := look(t, quiet(t), Question{Target: target})
	require.Equal(t, []Reason{ReasonUnsafeDirectory}, reasons(r.Problems))
	require.Contains(t, r.Problems[0].Advice, "InsecureSharedDirectory()")
	require.Empty(t, look(t, quiet(t), Question{Target: target, Shared: true}).Problems)
}

func TestSticky(t *testing.T) {
	dir, child := asNobody(t, func(dir string) {
		require.NoError(t, os.Chmod(dir, 0o777|fs.ModeSticky))
		give(t, program(t, dir, "tool"), nobody, nobody)
		give(t, program(t, dir, "tool.backup"), 1234, nobody)
		own := filepath.Join(dir, "own")
		require.NoError(t, os.Mkdir(own, 0o755))
		give(t, own, nobody, nobody)
		require.NoError(t, os.Chmod(own, 0o777|fs.ModeSticky))
		give(t, program(t, own, "tool"), nobody, nobody)
		give(t, program(t, own, "tool.backup"), 1234, nobody)
		group := filepath.Join(dir, "group")
		require.NoError(t, os.Mkdir(group, 0o755))
		give(t, group, 0, nobody)
		require.NoError(t, os.Chmod(group, 0o775))
		give(t, program(t, group, "tool"), nobody, nobody)
		give(t, program(t, group, "tool.backup"), 1234, nobody)
	})
	if !child {
		return
	}
	tool, backup := filepath.Join(dir, "tool"), filepath.Join(dir, "tool.backup")
	require.Empty(t, look(t, quiet(t), Question{Target: tool}).Problems)
	requireOne(t, look(t, quiet(t), Question{Target: tool, Beside: []string{backup}}), ReasonSticky, backup, fs.ErrPermission)
	r := look(t, quiet(t), Question{Target: backup})
	require.Equal(t, []Reason{ReasonForeignOwner, ReasonSticky}, reasons(r.Problems))

	for _, sub := range []string{"own", "group"} {
		path := filepath.Join(dir, sub, "tool")
		require.Empty(t, look(t, quiet(t), Question{Target: path, Beside: []string{path + ".backup"}}).Problems, sub)
	}
}

// Where every user may write, as on a file system without owners, all files may belong to
// one user.
func TestA5_OwnerOnSharedFileSystem(t *testing.T) {
	dir, child := asNobody(t, func(dir string) {
		require.NoError(t, os.Chmod(dir, 0o777))
		give(t, program(t, dir, "tool"), 1234, 1234)
		ours := filepath.Join(dir, "ours")
		require.NoError(t, os.Mkdir(ours, 0o755))
		give(t, ours, nobody, nobody)
		give(t, program(t, ours, "tool"), 1234, 1234)
	})
	if !child {
		return
	}
	q := Question{Target: filepath.Join(dir, "tool")}
	require.Equal(t, []Reason{ReasonUnsafeDirectory, ReasonForeignOwner}, reasons(look(t, quiet(t), q).Problems))
	q.Shared = true
	require.Empty(t, look(t, quiet(t), q).Problems)
	q.Target = filepath.Join(dir, "ours", "tool")
	require.Equal(t, []Reason{ReasonForeignOwner}, reasons(look(t, quiet(t), q).Problems))
}

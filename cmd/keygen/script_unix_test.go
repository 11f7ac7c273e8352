// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/choria-io/go-updater/internal/testing/race"
)

func TestMain(m *testing.M) {
	race.SkipPackage("one goroutine derives keys")
	testscript.Main(m, map[string]func(){
		"keygen": func() {
			// Without ttyin a script has no terminal, also when the person who
			// runs the tests does. With it, we lead a session and this fails.
			_, _ = syscall.Setsid()
			main()
		},
	})
}

func TestScript(t *testing.T) {
	keys, err := filepath.Abs(filepath.Join("..", "..", "keys", "testdata"))
	if err != nil {
		t.Fatal(err)
	}
	mount := canMount(t)
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Condition: func(cond string) (bool, error) {
			if cond != "mount" {
				return false, fmt.Errorf("unknown condition %q", cond)
			}
			return mount, nil
		},
		Setup: func(env *testscript.Env) error {
			env.Setenv("COSIGN_PASSWORD", "another-tool") // must never be ours
			env.Setenv("CI", "1")
			env.Setenv("KEYS", keys)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "mode": mode, "only": only, "tmpfs": tmpfs,
		},
	})
}

// exits CODE command...: run it and compare the exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE command...")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit %d, want %s", code, args[0])
	}
}

// mode PERMISSIONS FILE: compare the mode.
func mode(ts *testscript.TestScript, neg bool, args []string) {
	info, err := os.Lstat(ts.MkAbs(args[1]))
	ts.Check(err)
	if got := fmt.Sprintf("%04o", info.Mode().Perm()); neg || got != args[0] {
		ts.Fatalf("mode of %s is %s", args[1], got)
	}
}

// only DIR [FILE...]: compare what is in the directory.
func only(ts *testscript.TestScript, neg bool, args []string) {
	entries, err := os.ReadDir(ts.MkAbs(args[0]))
	ts.Check(err)
	got := []string{}
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if neg || fmt.Sprint(got) != fmt.Sprint(args[1:]) {
		ts.Fatalf("%s holds %v, want %v", args[0], got, args[1:])
	}
}

// tmpfs DIR: mount a file system of one page, which the first small file fills.
func tmpfs(ts *testscript.TestScript, neg bool, args []string) {
	dir := ts.MkAbs(args[0])
	if err := mountPage(dir); neg || err != nil {
		ts.Fatalf("%v", err)
	}
	ts.Defer(func() { ts.Check(exec.Command("umount", dir).Run()) })
}

func mountPage(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return exec.Command("mount", "-t", "tmpfs", "-o", "size=4k,mode=700", "none", dir).Run()
}

// canMount tries, because root in a container often can't.
func canMount(t *testing.T) bool {
	dir := t.TempDir()
	if err := mountPage(dir); err != nil {
		t.Logf("NOT PROVEN: a full disk can't be made: %v", err)
		return false
	}
	if err := exec.Command("umount", dir).Run(); err != nil {
		t.Fatal(err)
	}
	return true
}

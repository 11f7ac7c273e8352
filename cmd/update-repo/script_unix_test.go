// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/choria-io/go-updater/internal/testing/race"
	"github.com/choria-io/go-updater/keys"
)

func TestMain(m *testing.M) {
	race.SkipPackage("the scripts start hundreds of processes; package repository is watched by its own tests")
	testscript.Main(m, map[string]func(){
		"update-repo": func() {
			// A script has no terminal, even if the test has one.
			_, _ = syscall.Setsid()
			main()
		},
	})
}

func TestScript(t *testing.T) {
	native := build(t)
	keygen := t.TempDir()
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", keygen, "../keygen").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("CI", "1")
			env.Setenv("SECRET", "MC4CAQAwBQYDK2VwBCIEIJ0aZ8xY1pKq3mB7cW5nD2rT4sE6hG9jL0vU8iO1kN3")
			env.Setenv("SECRET2", "MC4CAQAwBQYDK2VwBCIEIJ0aZ8xY1pKq3m/7cW5nD2rT4sE6hG9jL0vU8iO1kN3")
			env.Setenv("ESCAPE", "1.0\x1b[2J")
			env.Setenv("NATIVE", native)
			env.Setenv("GOOS", runtime.GOOS)
			env.Setenv("GOARCH", runtime.GOARCH)
			env.Setenv("PATH", keygen+string(filepath.ListSeparator)+env.Getenv("PATH"))
			return nil
		},
		Condition: condition,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "newkey": newKey, "only": only, "secretfree": secretFree,
			"serve": serve, "serveprivate": servePrivate, "proxy": proxy, "tmpfs": tmpfs, "flip": flip, "append": appendTo,
		},
	})
}

// build builds a small program, which contains its platform.
func build(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	source := filepath.Join(dir, "main.go")
	if err := os.WriteFile(source, []byte("package main\n\nfunc main() { println(\"hello\") }\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "hello")
	if out, err := exec.Command("go", "build", "-ldflags=-s -w", "-o", binary, source).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}

	return binary
}

// exits CODE command...: run it, compare the exit code, and expect exactly one
// error line if it is not 0.
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
	errorLines := 0
	for line := range strings.Lines(ts.ReadFile("stderr")) {
		switch {
		case strings.HasPrefix(line, "update-repo: error: "):
			errorLines++
		case strings.HasPrefix(line, "update-repo: hint: "), strings.HasPrefix(line, "update-repo: warning: "), strings.HasPrefix(line, "compressing: "):
		default:
			ts.Fatalf("unexpected line: %q", line)
		}
	}
	if want := min(code, 1); errorLines != want {
		ts.Fatalf("%d error lines, want %d", errorLines, want)
	}
}

// newkey NAME [PASSPHRASE]: make NAME.key and NAME.pub.
func newKey(ts *testscript.TestScript, _ bool, args []string) {
	k, err := keys.Generate(rand.Reader)
	ts.Check(err)
	private, err := keys.FormatUnprotected(k, keys.PKCS8)
	if len(args) > 1 {
		private, err = keys.FormatEncrypted(k, keys.Sigstore, []byte(args[1]))
	}
	ts.Check(err)
	public, err := keys.FormatPublic(k.Public(), keys.PublicPEM)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".key"), private, 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".pub"), public, 0o644))
}

// only DIR [FILE...]: the directory contains these files and no empty directory.
func only(ts *testscript.TestScript, neg bool, args []string) {
	want := map[string]bool{}
	for _, f := range args[1:] {
		want[f] = true
	}
	root := ts.MkAbs(args[0])
	ts.Check(filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || p == root {
			return err
		}
		name, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		if d.IsDir() {
			entries, err := os.ReadDir(p)
			if err == nil && len(entries) == 0 {
				ts.Fatalf("%s is empty", name)
			}
			return err
		}
		if !want[name] {
			ts.Fatalf("unexpected file %s", name)
		}
		delete(want, name)
		return nil
	}))
	for name := range want {
		ts.Fatalf("%s is missing", name)
	}
}

// secretfree KEY DIR [TEXT...]: neither a file below the directory nor the last
// output contains the private key, in any encoding, or the texts.
func secretFree(ts *testscript.TestScript, _ bool, args []string) {
	raw, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	secrets := [][]byte{}
	for _, text := range args[2:] {
		secrets = append(secrets, []byte(text))
	}
	for line := range bytes.Lines(raw) {
		if line = bytes.TrimSpace(line); !bytes.HasPrefix(line, []byte("-----")) && len(line) > 0 {
			secrets = append(secrets, line)
		}
	}
	if k, err := keys.ParsePrivate(raw, nil); err == nil {
		pkcs8, err := keys.FormatUnprotected(k, keys.PKCS8)
		ts.Check(err)
		_, body, _ := bytes.Cut(pkcs8, []byte("\n"))
		der, err := base64.StdEncoding.DecodeString(string(bytes.Split(body, []byte("\n"))[0]))
		ts.Check(err)
		seed := der[len(der)-32:]
		secrets = append(secrets, seed, []byte(hex.EncodeToString(seed)), []byte(base64.StdEncoding.EncodeToString(seed)))
	}
	check := func(name string, content []byte) {
		for _, s := range secrets {
			if bytes.Contains(content, s) {
				ts.Fatalf("%s contains a secret", name)
			}
		}
	}
	check("stdout", []byte(ts.ReadFile("stdout")))
	check("stderr", []byte(ts.ReadFile("stderr")))
	files := 0
	ts.Check(filepath.WalkDir(ts.MkAbs(args[1]), func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		content, err := os.ReadFile(p)
		check(p, content)
		return err
	}))
	if files == 0 {
		ts.Fatalf("no file was checked")
	}
}

// serve NAME DIR: serve the directory and set the variable to its URL.
func serve(ts *testscript.TestScript, _ bool, args []string) {
	server := httptest.NewServer(http.FileServer(http.Dir(ts.MkAbs(args[1]))))
	ts.Defer(server.Close)
	ts.Setenv(args[0], server.URL)
}

// serveprivate NAME DIR HEADER: as serve, to clients that send the header.
func servePrivate(ts *testscript.TestScript, _ bool, args []string) {
	name, value, _ := strings.Cut(args[2], ": ")
	files := http.FileServer(http.Dir(ts.MkAbs(args[1])))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get(name) != value {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		files.ServeHTTP(w, r)
	}))
	ts.Defer(server.Close)
	ts.Setenv(args[0], server.URL)
}

// proxy: requests to other machines go to a proxy that wants credentials.
func proxy(ts *testscript.TestScript, _ bool, _ []string) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusProxyAuthRequired)
	}))
	ts.Defer(server.Close)
	ts.Setenv("HTTP_PROXY", server.URL)
}

// tmpfs DIR SIZE: mount a small disk. It needs the condition [root].
func tmpfs(ts *testscript.TestScript, _ bool, args []string) {
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o755))
	out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size="+args[1], "tmpfs", dir).CombinedOutput()
	if err != nil {
		ts.Fatalf("mounting a tmpfs: %s", out)
	}
	ts.Defer(func() { ts.Check(exec.Command("umount", dir).Run()) })
}

func condition(name string) (bool, error) {
	if name != "root" {
		return false, errors.New("unknown condition")
	}

	return runtime.GOOS == "linux" && os.Getuid() == 0, nil
}

// flip FILE: change one bit in its middle.
func flip(ts *testscript.TestScript, _ bool, args []string) {
	name := ts.MkAbs(args[0])
	raw, err := os.ReadFile(name)
	ts.Check(err)
	raw[len(raw)/2] ^= 1
	ts.Check(os.WriteFile(name, raw, 0o644))
}

// append FILE: change the file a little.
func appendTo(ts *testscript.TestScript, _ bool, args []string) {
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_APPEND|os.O_WRONLY, 0)
	ts.Check(err)
	_, err = f.WriteString("more")
	ts.Check(errors.Join(err, f.Close()))
}

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package preflight

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// tree creates files, and symlinks for contents that start with an arrow.
func tree(t *testing.T, files map[string]string) system {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		if to, ok := strings.CutPrefix(text, "-> "); ok {
			require.NoError(t, os.Symlink(to, path))
			continue
		}
		require.NoError(t, os.WriteFile(path, []byte(text), 0o755))
	}
	return system{root: root, goos: "linux", askTimeout: time.Minute, maxDatabase: 1 << 20}
}

// requireOwner requires the owner of the file with these names; "" means none.
func requireOwner(t *testing.T, s system, want string, names ...string) {
	t.Helper()
	e, err := s.managed(t.Context(), names...)
	require.NoError(t, err)
	if want == "" {
		require.Nil(t, e, "%s", names)
		return
	}
	require.NotNil(t, e, "%s", names)
	require.Equal(t, ReasonPackageManager, e.Reason)
	require.Equal(t, names[0], e.Path)
	require.Equal(t, want, e.Detail)
	require.NotEmpty(t, e.Advice)
	require.NoError(t, e.Err)
}

func TestDpkg(t *testing.T) {
	const info = "var/lib/dpkg/info/"
	s := tree(t, map[string]string{
		info + "tool:amd64.list": "/.\n/usr\n/usr/bin\n/usr/bin/tool\n/usr/bin/two words\n/opt/tool/bin/tool\n",
		info + "old.list":        "/bin/old\n/lib/old/helper\n/usr/sbin/admin",
		info + "old.md5sums":     "/usr/bin/sums\n",
		info + "divert.list":     "/usr/bin/perf\n/usr/bin/both\n",
		info + "wrapper.list":    "/usr/bin/perf\n",
		info + "local.list":      "/usr/bin/local\n",
		"var/lib/dpkg/diversions": "/usr/bin/perf\n/usr/bin/perf.real\nwrapper\n" +
			"/usr/bin/local\n/usr/bin/local.distrib\n:\n" +
			"/usr/bin/both\n/usr/bin/both.real\ntool\n",
		"bin": "-> usr/bin", "sbin": "-> /usr/sbin", "lib": "-> usr/lib",
	})
	for name, want := range map[string]string{
		"/usr/bin/tool":          "tool",
		"/usr/bin/two words":     "tool",
		"/usr/bin/too":           "",
		"/usr/bin/tool2":         "",
		"/usr/local/bin/tool":    "",
		"/usr/bin/sums":          "",
		"/usr/bin/old":           "old",
		"/usr/lib/old/helper":    "old",
		"/usr/sbin/admin":        "old", // the last line, without a newline
		"/usr/bin/perf":          "wrapper",
		"/usr/bin/perf.real":     "divert",
		"/usr/bin/local":         "", // the administrator's
		"/usr/bin/local.distrib": "local",
		"/usr/bin/both":          "",
		"/usr/bin/both.real":     "divert",
	} {
		if want != "" {
			want = `owned by package "` + want + `" of dpkg`
		}
		requireOwner(t, s, want, name)
	}
	// /opt is a symlink to another disk.
	requireOwner(t, s, "", "/data/opt/tool/bin/tool")
	requireOwner(t, s, `owned by package "tool" of dpkg`, "/data/opt/tool/bin/tool", "/opt/tool/bin/tool")
}

// Check also looks up the path that it was given if it leads through a symlinked
// directory, but not if it is a symlink itself.
func TestNamesThatAreLookedUp(t *testing.T) {
	target := newTarget(t)
	dir := filepath.Dir(target)
	require.NoError(t, os.Symlink(dir, filepath.Join(dir, "dir")))
	require.NoError(t, os.Symlink("tool", filepath.Join(dir, "file")))
	for asked, want := range map[string][]string{
		target:                            {target},
		filepath.Join(dir, "file"):        {target},
		filepath.Join(dir, "dir", "tool"): {target, filepath.Join(dir, "dir", "tool")},
		filepath.Join(dir, "dir", "file"): {target},
	} {
		p, problem := find(asked)
		require.Nil(t, problem)
		require.Equal(t, want, p.names)
	}
}

// The real database of this machine.
func TestRealDpkgDatabase(t *testing.T) {
	out, err := exec.Command("dpkg", "-S", "/usr/bin/openssl").Output()
	if err != nil {
		t.Skip("NOT PROVEN: needs Debian's openssl package")
	}
	require.Equal(t, "openssl: /usr/bin/openssl\n", string(out))
	for _, name := range []string{"/usr/bin/openssl", "/bin/openssl"} {
		r, err := Check(t.Context(), Question{Target: name})
		require.NoError(t, err)
		require.Contains(t, reasons(r.Notices), ReasonPackageManager)
		require.Contains(t, r.Notices[len(r.Notices)-1].Detail, `owned by package "openssl" of dpkg`)
		require.Equal(t, "/usr/bin/openssl", r.Target)
	}
	r, err := Check(t.Context(), Question{Target: newTarget(t)})
	require.NoError(t, err)
	require.NotContains(t, reasons(r.Notices), ReasonPackageManager)
}

func TestPacman(t *testing.T) {
	s := tree(t, map[string]string{
		"var/lib/pacman/local/tool-1.2-3/files": "%FILES%\nusr/\nusr/bin/\nusr/bin/tool\n\n",
	})
	requireOwner(t, s, `owned by package "tool-1.2-3" of pacman`, "/usr/bin/tool")
	requireOwner(t, s, "", "/usr/bin/too")
}

func TestApk(t *testing.T) {
	const db = "C:Q1\nP:first\nV:1\nF:usr\nF:usr/bin\nR:first\na:0:0:755\n\n" +
		"C:Q1\nP:tool\nV:1\nF:bin\nR:tool\nF:usr/bin\nR:second\nF:\nR:rooted\n"
	for _, path := range []string{"lib/apk/db/installed", "usr/lib/apk/db/installed"} {
		s := tree(t, map[string]string{path: db})
		for name, pkg := range map[string]string{
			"/usr/bin/first": "first", "/bin/tool": "tool", "/usr/bin/second": "tool",
			"/bin/first": "", "/usr/bin/tool": "", "/usr/bin": "", "/rooted": "tool",
		} {
			if pkg != "" {
				pkg = `owned by package "` + pkg + `" of apk`
			}
			requireOwner(t, s, pkg, name)
		}
	}
}

const rpmScript = `#!/bin/sh
[ "$*" = "-qf --queryformat %{NAME}
 -- /usr/bin/tool" ] && [ "$HOME" = / ] && [ -z "$RPM_CONFIGDIR" ] && { echo tool; echo second; exit 0; }
echo "file is not owned by any package"; exit 1
`

func TestRpm(t *testing.T) {
	t.Setenv("RPM_CONFIGDIR", "/elsewhere")
	for _, db := range []string{"var/lib/rpm/rpmdb.sqlite", "usr/lib/sysimage/rpm/Packages.db", "var/lib/rpm/Packages"} {
		s := tree(t, map[string]string{db: "", "usr/bin/rpm": rpmScript})
		requireOwner(t, s, `owned by package "tool" of rpm`, "/usr/bin/tool")
		requireOwner(t, s, "", "/usr/bin/other")
	}
	requireOwner(t, tree(t, map[string]string{"usr/bin/rpm": rpmScript}), "", "/usr/bin/tool")
	requireOwner(t, tree(t, map[string]string{"var/lib/rpm/rpmdb.sqlite": ""}), "", "/usr/bin/tool")
}

func TestFreeBSD(t *testing.T) {
	s := tree(t, map[string]string{
		"var/db/pkg/local.sqlite": "",
		"usr/local/sbin/pkg":      "#!/bin/sh\n[ \"$*\" = 'which -q -- /usr/local/bin/tool' ] && echo tool-1.2\n",
	})
	requireOwner(t, s, `owned by package "tool-1.2" of pkg`, "/usr/local/bin/tool")
	requireOwner(t, s, "", "/usr/local/bin/other")

	// Without a database pkg is not run: it would offer to install itself.
	require.NoError(t, os.Remove(filepath.Join(s.root, "var/db/pkg/local.sqlite")))
	requireOwner(t, s, "", "/usr/local/bin/tool")
}

// A package manager that does not answer is reported: a policy may want to refuse.
func TestManagerThatDoesNotAnswer(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"fails":           {"var/lib/rpm/Packages": "", "usr/bin/rpm": "#!/bin/sh\nexit 3\n"},
		"unreadable":      {"lib/apk/db/installed/directory": ""},
		"no diversions":   {"var/lib/dpkg/diversions/directory": ""},
		"list is no file": {"var/lib/dpkg/info/tool.list/directory": ""},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := tree(t, files).managed(t.Context(), "/usr/bin/tool")
			require.NoError(t, err)
			require.NotNil(t, e)
			require.Equal(t, ReasonPackageManager, e.Reason)
			require.Error(t, e.Err)
		})
	}
}

func rpmThat(t *testing.T, script string) system {
	t.Helper()
	return tree(t, map[string]string{"var/lib/rpm/Packages": "", "usr/bin/rpm": "#!/bin/sh\n" + script + "\n"})
}

func TestAnswerOfManagerIsBounded(t *testing.T) {
	s := rpmThat(t, `head -c 10000000 /dev/zero | tr '\0' x`)
	o, err := s.rpm(t.Context(), []string{"/usr/bin/tool"})
	require.NoError(t, err)
	require.Len(t, o.pkg, 256)
}

func TestManagerThatHangs(t *testing.T) {
	for name, tc := range map[string]struct {
		script     string
		askTimeout time.Duration
		want       error
	}{
		"itself":    {"exec sleep 60", 100 * time.Millisecond, context.DeadlineExceeded},
		"its child": {"sleep 60 & echo tool", time.Minute, exec.ErrWaitDelay},
	} {
		t.Run(name, func(t *testing.T) {
			s := rpmThat(t, tc.script)
			s.askTimeout = tc.askTimeout
			t.Parallel() // a process that the other starts would keep the script open for writing
			start := time.Now()
			e, err := s.managed(t.Context(), "/usr/bin/tool")
			require.NoError(t, err)
			require.Less(t, time.Since(start), 20*time.Second)
			require.NotNil(t, e)
			require.Equal(t, ReasonPackageManager, e.Reason)
			require.ErrorIs(t, e, tc.want)
		})
	}
}

func TestWaitingForManagerEndsWithContext(t *testing.T) {
	s := rpmThat(t, "exec sleep 60")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := s.managed(ctx, "/usr/bin/tool")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Less(t, time.Since(start), 20*time.Second)
}

// A search ends with the context, not with the last of thousands of files.
func TestSearchEndsWithContext(t *testing.T) {
	s := tree(t, map[string]string{"var/lib/dpkg/info/a.list": "/bin/a\n", "var/lib/dpkg/info/b.list": "/bin/a\n"})
	ctx, cancel := context.WithCancel(t.Context())
	found := 0
	err := s.search(ctx, "var/lib/dpkg/info/*.list", []string{"/bin/a"}, func(string, string) bool {
		found++
		cancel()
		return true
	})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 1, found)
}

// Every database is read up to a limit. One that is as large as that is searched; in
// a larger one a name may be missed, so it is reported.
func TestDatabaseIsBounded(t *testing.T) {
	const line = "F:usr/share/doc\n"
	for name, path := range map[string]string{
		"dpkg":       "var/lib/dpkg/info/tool.list",
		"diversions": "var/lib/dpkg/diversions",
		"pacman":     "var/lib/pacman/local/tool-1.2-3/files",
		"apk":        "lib/apk/db/installed",
	} {
		t.Run(name, func(t *testing.T) {
			s := tree(t, map[string]string{path: strings.Repeat(line, 100)})
			s.maxDatabase = int64(100 * len(line))
			requireOwner(t, s, "", "/usr/bin/tool")

			s.maxDatabase--
			e, err := s.managed(t.Context(), "/usr/bin/tool")
			require.NoError(t, err)
			require.NotNil(t, e)
			require.Equal(t, ReasonPackageManager, e.Reason)
			require.ErrorContains(t, e, "larger than 1599 bytes")
		})
	}
}

// A database without line breaks does not fill the memory.
func TestLineOfDatabaseIsBounded(t *testing.T) {
	s := tree(t, map[string]string{"lib/apk/db/installed": strings.Repeat("x", 1<<17)})
	e, err := s.managed(t.Context(), "/usr/bin/tool")
	require.NoError(t, err)
	require.ErrorIs(t, e, bufio.ErrTooLong)
}

func TestLimitsOfPackageManagers(t *testing.T) {
	require.Equal(t, 5*time.Second, here().askTimeout)
	require.Equal(t, int64(256<<20), here().maxDatabase)
}

// A line is found wherever it is in the file, and no part of a line is.
func TestLinesAreFoundWhole(t *testing.T) {
	filler := strings.Repeat("/usr/share/doc\n", 10000)
	for name, tc := range map[string]struct{ text, want string }{
		"only line":         {"/bin/tool\n", "tool"},
		"without a newline": {"/bin/tool", "tool"},
		"far into the file": {filler + "/bin/tool\n" + filler, "tool"},
		"part of a line":    {"/x/bin/tool\n/bin/tool2\n /bin/tool\n", ""},
		"nothing":           {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.want != "" {
				tc.want = `owned by package "` + tc.want + `" of dpkg`
			}
			requireOwner(t, tree(t, map[string]string{"var/lib/dpkg/info/tool.list": tc.text}), tc.want, "/bin/tool")
		})
	}
}

func TestKnownLocations(t *testing.T) {
	linux := tree(t, map[string]string{
		"opt/homebrew/Cellar/tool/1.2/INSTALL_RECEIPT.json": "",
		"opt/homebrew/Caskroom/app/.metadata/x":             "",
		"srv/Cellar/mine/1.2/bin/tool":                      "",
	})
	flatpak := tree(t, map[string]string{".flatpak-info": ""})
	windows := system{root: linux.root, goos: "windows"}
	for _, tc := range []struct {
		s          system
		path, want string
	}{
		{linux, "/opt/homebrew/Cellar/tool/1.2/bin/tool", `owned by package "tool" of brew`},
		{linux, "/opt/homebrew/Caskroom/app/3/tool", `owned by package "app" of brew`},
		{linux, "/srv/Cellar/mine/1.2/bin/tool", ""},
		{linux, "/snap/tool/x1/bin/tool", `owned by package "tool" of snap`},
		{linux, "/var/lib/snapd/snap/tool/x1/tool", `owned by package "tool" of snap`},
		{linux, "/home/me/snap/tool/x1/tool", ""},
		{linux, "/nix/store/abc-tool-1.2/bin/tool", `owned by package "abc-tool-1.2" of nix`},
		{linux, "/nix/store/tool", "owned by nix"},
		{linux, "/gnu/store/abc-tool-1.2/bin/tool", `owned by package "abc-tool-1.2" of guix`},
		{linux, "/home/nix/store/abc/tool", ""},
		{linux, "/app/bin/tool", ""},
		{flatpak, "/app/bin/tool", "owned by flatpak"},
		{windows, `C:\Program Files\WindowsApps\Tool_1.2_x64\tool.exe`, `owned by package "tool_1.2_x64" of the Microsoft Store`},
		{windows, `C:\Users\me\scoop\apps\tool\1.2\tool.exe`, `owned by package "tool" of Scoop`},
		{windows, `C:\ProgramData\chocolatey\lib\tool\tools\tool.exe`, `owned by package "tool" of Chocolatey`},
		{windows, `C:\Users\me\AppData\Local\Microsoft\WinGet\Packages\Tool.Tool\tool.exe`, `owned by package "tool.tool" of WinGet`},
		{windows, `C:\Program Files\Tool\tool.exe`, ""},
	} {
		requireOwner(t, tc.s, tc.want, tc.path)
	}
}

func TestBundle(t *testing.T) {
	const path = "/Applications/Tool.app/Contents/MacOS/tool"
	e := system{goos: "darwin"}.bundle(path)
	require.Equal(t, ReasonBundle, e.Reason)
	require.Equal(t, "/Applications/Tool.app", e.Path)
	require.Nil(t, system{goos: "darwin"}.bundle("/usr/local/bin/tool"))
	require.Nil(t, system{goos: "linux"}.bundle(path))

	dir := filepath.Join(filepath.Dir(newTarget(t)), "Tool.app", "Contents", "MacOS")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	r := look(t, system{root: t.TempDir(), goos: "darwin"}, Question{Target: program(t, dir, "tool")})
	require.Empty(t, r.Problems)
	require.Equal(t, []Reason{ReasonBundle}, reasons(r.Notices))
}

// A whole check on this machine, with its database. A file that no package owns
// takes longest: every list is read to its end.
func BenchmarkCheck(b *testing.B) {
	own := filepath.Join(b.TempDir(), "tool")
	require.NoError(b, os.WriteFile(own, nil, 0o755))
	for name, target := range map[string]string{"owned": "/usr/bin/env", "own": own} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_, err := Check(b.Context(), Question{Target: target, Room: 1 << 20})
				require.NoError(b, err)
			}
		})
	}
}

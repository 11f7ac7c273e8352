// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Update and rollback keep the attributes of the target. The staged file gets them only
// after it was verified.
func TestAttributesAreKept(t *testing.T) {
	needRoot(t)
	if _, err := exec.LookPath("setcap"); err != nil {
		t.Skip("NOT PROVEN: no setcap")
	}
	for name, links := range map[string]bool{"linked": true, "copied": false} {
		t.Run(name, func(t *testing.T) {
			target := newTarget(t)
			if !links {
				require.NoError(t, os.Link(target, filepath.Join(t.TempDir(), "second")))
			}
			run := func(name string, args ...string) string {
				out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
				require.NoError(t, err, "%s", out)
				return string(out)
			}
			run("setfacl", "-m", "u:4242:r-x", target)
			run("setcap", "cap_net_bind_service=+ep", target)
			requireAttributes := func(path string) {
				require.Contains(t, run("getcap", path), "cap_net_bind_service=ep")
				require.Contains(t, run("getfacl", "-cnp", path), "user:4242:r-x")
			}
			s, err := Begin(t.Context(), target, Options{})
			require.NoError(t, err)
			st := stage(t, s, newBytes)
			require.Empty(t, run("getcap", filepath.Join(s.dir, st.name)))
			_, err = s.Commit(st, Plan{})
			require.NoError(t, err)
			require.NoError(t, s.Close())
			requireFile(t, target, newBytes)
			requireAttributes(target)
			requireAttributes(target + ".backup")
			require.NoError(t, Rollback(t.Context(), target))
			requireFile(t, target, oldBytes)
			requireAttributes(target)
		})
	}
}

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater

import (
	"context"
	"fmt"
	"os"
)

// Restart starts the target in place of this process, with its arguments, environment,
// working directory and standard streams. Call it after [Result.Updated] or
// [Recovery.Restored]. It waits for other calls of the Updater, and not for those of
// other Updaters: an update that it interrupts is ended by Recover.
//
// On Unix the process stays the same, with its id and its parent, and gets another
// program (execve). So Restart returns only if that fails. Goroutines end where they are,
// and deferred calls do not run: end your work, and flush what is buffered, before. Files
// that Go opened are closed, and connections with them; descriptors that the process was
// started with stay open. Signals that are ignored stay ignored.
//
// On Windows, a process cannot get another program: Restart starts a new one on the same
// console, and returns nil once it was started. End this process then at once. Its parent,
// such as a shell or the service manager, sees that it ends.
//
// A service need not call it. If it ends instead, with an exit code above 0, its
// supervisor (systemd with Restart=, the recovery actions of a Windows service, a
// container's restart policy) starts it anew, and sets up what it does for each start. A
// Windows service must do that.
//
// The error is errors.ErrUnsupported on systems where neither is possible, fs.ErrNotExist
// if there is no target, and otherwise what the system says. This process then goes on.
func (u *Updater) Restart(ctx context.Context) error {
	end, err := u.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	return u.settings.restart()
}

// Restart is [Updater.Restart] for a program without an Updater, as after [Recover]. Of
// the options only TargetFile matters.
func Restart(opts ...Option) error {
	s, err := local(opts)
	if err != nil {
		return err
	}
	return s.restart()
}

// restart uses the target as it was given: a link is followed now, as when the target was
// replaced.
func (s *settings) restart() error {
	args := os.Args
	if len(args) == 0 {
		args = []string{s.target}
	}
	if err := startInstead(s.target, args); err != nil {
		return oneLine(fmt.Errorf("restarting %s: %w", s.target, err))
	}
	return nil
}

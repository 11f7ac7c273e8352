// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/choria-io/go-updater/internal/install"
	"github.com/choria-io/go-updater/internal/store"
)

// JudgeArgument asks a program to be a judge: see [JudgeIfAsked].
const JudgeArgument = "updater-judge"

// Judge is [Recover] for a process that looks after a program before that is started,
// and that runs although a release crashes, hangs, or does not start at all. It counts a
// start of a version on [Probation], which the program's own Recover then does not count
// again, and puts the backup back when there were too many. It never runs the target.
//
// Of the options only TargetFile, [InsecureSharedDirectory] and the loggers matter. Run
// it as the owner of the target; a setuid process judges nothing. The command
// updater-judge is this function; [JudgeIfAsked] makes one of the program before the
// update.
//
// An error means that it could not judge. What is no reason not to start the program is
// logged: [ErrLocked], [ErrJournal], and [ErrNoBackup], of a version that stays because
// there is nothing to go back to.
func Judge(ctx context.Context, opts ...Option) (*Recovery, error) {
	s, err := local(opts)
	if err != nil {
		return nil, err
	}
	if install.Disabled || store.Elevated() {
		// Whoever started a process with more rights than theirs has chosen the target.
		return &Recovery{}, nil
	}
	r, err := install.Judge(ctx, s.target, s.installing())
	s.logRecovery(ctx, r)
	found, err := Recovery(r), public(err)
	switch {
	case err == nil:
		return &found, nil
	case errors.Is(err, ErrLocked), errors.Is(err, ErrJournal), errors.Is(err, ErrNoBackup):
		s.log.Warn(ctx, "judged with a problem", "target", s.target, "problem", err)
		return &found, nil
	}
	return &found, fmt.Errorf("judging %s: %w", s.target, err)
}

// JudgeIfAsked makes the program a judge if its arguments ask for that. It is the first
// call of main:
//
//	if asked, err := updater.JudgeIfAsked(os.Args); err != nil {
//		log.Fatal(err)
//	} else if asked {
//		return
//	}
//
// The arguments are the program, [JudgeArgument] and the path of the target, for which it
// calls [Judge]; otherwise it returns false. An error other than [Judge]'s is an
// [ErrConfig]. So agent.backup, the version that worked, judges agent. No environment
// variable can ask. Give [ActsAsJudge] where the program updates itself.
func JudgeIfAsked(args []string, opts ...Option) (asked bool, err error) {
	if len(args) < 2 || args[1] != JudgeArgument {
		return false, nil
	}
	// Not TargetFile, for which argv[0] has a meaning of its own.
	_, err = Judge(context.Background(), append(slices.Clip(opts), func(c *Config) (err error) {
		if len(args) != 3 || args[2] == "" {
			return fmt.Errorf("usage: %s <program>", JudgeArgument)
		}
		c.TargetFile, err = filepath.Abs(args[2])
		return err
	})...)
	return true, err
}

// ActsAsJudge says that this program calls [JudgeIfAsked]. The record of its next update
// then says that the backup can be asked. It is wrong for a program that updates another
// one.
func ActsAsJudge() Option {
	return func(c *Config) error {
		c.set.judge = true
		return nil
	}
}

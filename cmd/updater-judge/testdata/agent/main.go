// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Command agent is a service that updates itself.
//
//	agent                          serves, and says so once it works
//	agent update VERSION LIMIT     installs VERSION on probation, a number of starts or a time
//	agent updater-judge PROGRAM    is the judge of PROGRAM
package main

import (
	"errors"
	"log"
	"net"
	"os"
	"strconv"
	"time"

	updater "github.com/choria-io/go-updater"
)

// Set by the linker.
var version, repo, releaseKey string

func main() {
	if asked, err := updater.JudgeIfAsked(os.Args); err != nil {
		log.Fatal(err)
	} else if asked {
		return
	}
	if err := run(os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

func run(args []string) error {
	recovery, err := updater.Recover()
	if err != nil {
		log.Print(err)
	}
	if recovery != nil && recovery.Restored {
		return errors.New("the version before is back")
	}
	if len(args) == 3 && args[0] == "update" {
		return update(args[1], args[2])
	}
	if err := updater.Confirm(); err != nil {
		log.Print(err)
	}
	if err := ready(); err != nil {
		return err
	}
	time.Sleep(time.Hour)
	return nil
}

// ready tells systemd that the service works, see sd_notify(3).
func ready() error {
	socket, err := net.Dial("unixgram", os.Getenv("NOTIFY_SOCKET"))
	if err != nil {
		return err
	}
	_, err = socket.Write([]byte("READY=1\nSTATUS=" + version))
	return errors.Join(err, socket.Close())
}

func update(to, limit string) error {
	var probation updater.Option
	if starts, err := strconv.Atoi(limit); err == nil {
		probation = updater.Probation(starts)
	} else {
		length, err := time.ParseDuration(limit)
		if err != nil {
			return err
		}
		probation = updater.ProbationTime(length)
	}
	return updater.Apply(
		updater.SourceRepo(repo), updater.Product("agent"), updater.PublicKey([]byte(releaseKey)),
		updater.CurrentVersion(version), updater.Version(to), updater.ActsAsJudge(), probation,
	)
}

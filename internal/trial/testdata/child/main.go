// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Command child is a binary that works, or not.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	switch os.Args[1] {
	case "version":
		fmt.Println("child 1.2.3")
	case "fail":
		fmt.Println("\x1b[31mno database\x1b[0m")
		os.Exit(3)
	case "hang": // with a child that hangs too; neither cares for signals
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT)
		if len(os.Args) == 2 {
			_ = spawn("hang", "deeper")
		}
		time.Sleep(time.Minute)
	case "leave": // a child that holds on to the output
		_ = spawn("hang", "deeper")
	case "flood":
		for range 200 {
			fmt.Print(strings.Repeat("x", 64<<10))
		}
		fmt.Println("the end")
	case "crash":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		time.Sleep(time.Minute)
	}
}

func spawn(args ...string) error {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Stdout = os.Stdout
	if err := cmd.Start(); err != nil {
		return err
	}
	fmt.Println("pid", cmd.Process.Pid)
	return nil
}

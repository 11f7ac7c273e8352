// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Command child is a binary that works, or not.
package main

import (
	"fmt"
	"io"
	"os"
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
	case "hang": // with a child that hangs too; both ignore signals
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT)
		if len(os.Args) == 2 {
			spawn(os.Stdout)
		}
		time.Sleep(time.Minute)
	case "leave": // a child that keeps the output open
		spawn(os.Stdout)
	case "leave-quiet":
		spawn(nil)
	case "flood":
		for range 200 {
			fmt.Print(strings.Repeat("x", 64<<10))
		}
		fmt.Println("the end")
	case "endless":
		for {
			fmt.Print(strings.Repeat("x", 64<<10))
		}
	case "crash":
		self, _ := os.FindProcess(os.Getpid())
		_ = self.Kill()
		time.Sleep(time.Minute)
	case "world":
		dir, err := os.Getwd()
		fmt.Printf("dir %q %v\n", dir, err)
		input, err := io.ReadAll(os.Stdin)
		fmt.Printf("input %q %v\n", input, err)
		fmt.Printf("variable %q\n", os.Getenv("TRIAL_VARIABLE"))
	case "touch":
		_ = os.WriteFile(os.Args[2], []byte(fmt.Sprintln(os.Getpid())), 0o600)
		time.Sleep(time.Minute)
	case "elsewhere": // in the process group of its parent
		fmt.Println("left:", leaveGroup())
		fmt.Println("pid", os.Getpid())
		time.Sleep(time.Minute)
	case "root":
		fmt.Println("setuid:", becomeRoot())
		fmt.Println("pid", os.Getpid())
		time.Sleep(time.Minute)
	}
}

// spawn does not use os/exec, which needs names that end in .exe on Windows.
func spawn(stdout *os.File) {
	p, err := os.StartProcess(os.Args[0], []string{os.Args[0], "hang", "deeper"},
		&os.ProcAttr{Files: []*os.File{nil, stdout, nil}})
	if err == nil {
		fmt.Println("pid", p.Pid)
	}
}

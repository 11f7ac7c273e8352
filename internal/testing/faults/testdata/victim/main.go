// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Command victim makes file-system calls for the tests of package faults.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	if err := run(os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		var errno syscall.Errno
		errors.As(err, &errno)
		fmt.Printf("%d %v\n", int(errno), err)
		os.Exit(1)
	}
	fmt.Println("done")
}

func run(what, dir string, args []string) error {
	switch what {
	case "naive":
		return replace(dir, false)
	case "right":
		return replace(dir, true)
	case "steps":
		count, err := strconv.Atoi(args[0])
		return errors.Join(err, steps(dir, count))
	case "threads":
		return threads(dir, 4, 5)
	case "children":
		return children(dir)
	case "calls":
		return calls(dir)
	case "close":
		return closed(dir)
	case "copy":
		count, err := strconv.Atoi(args[0])
		return errors.Join(err, pieces(dir, count))
	case "signalled":
		return signalled()
	case "signals":
		return signals(dir)
	case "hang":
		time.Sleep(time.Hour)
		return nil
	}
	return fmt.Errorf("unknown command %q", what)
}

// replace replaces the content of dir/target, with or without fsync.
func replace(dir string, durably bool) error {
	f, err := os.OpenFile(filepath.Join(dir, "staged"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	defer f.Close()
	content := make([]byte, 64<<10)
	for i := range content {
		content[i] = 'n'
	}
	if _, err := f.Write(content); err != nil {
		return err
	}
	if durably {
		if err := f.Sync(); err != nil {
			return err
		}
	}
	if err := os.Rename(f.Name(), filepath.Join(dir, "target")); err != nil {
		return err
	}
	if !durably {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// steps makes the first count calls of a list. Each changes something.
func steps(dir string, count int) error {
	name := func(base string) string { return filepath.Join(dir, base) }
	var file int
	list := []func() error{
		func() error { return unix.Mkdir(name("d"), 0o755) },
		func() (err error) {
			file, err = unix.Open(name("d/f"), unix.O_CREAT|unix.O_RDWR, 0o644)
			return err
		},
		func() error { _, err := unix.Write(file, []byte("one")); return err },
		func() error { _, err := unix.Pwrite(file, []byte("two"), 1); return err },
		func() error { return unix.Fchmod(file, 0o755) },
		func() error { return unix.Ftruncate(file, 2) },
		func() error { return unix.Link(name("d/f"), name("g")) },
		func() error { return unix.Symlink("g", name("s")) },
		func() error { return unix.Rename(name("g"), name("h")) },
		func() error { return unix.Unlink(name("d/f")) },
		func() error { _, err := unix.Write(file, []byte("four")); return err },
		func() error { return unix.Rmdir(name("d")) },
		func() error { return unix.Chmod(name("h"), 0o600) },
		func() error {
			return unix.Utimes(name("h"), []unix.Timeval{{Sec: 1}, {Sec: 2}})
		},
	}
	for i, step := range list[:min(count, len(list))] {
		if err := step(); err != nil {
			return fmt.Errorf("step %d: %w", i+1, err)
		}
	}
	return nil
}

// threads makes 2×files calls in each of count threads.
func threads(dir string, count, files int) error {
	var all sync.WaitGroup
	errs := make([]error, count)
	for i := range count {
		all.Go(func() {
			runtime.LockOSThread() // so that it ends with the goroutine
			for j := range files {
				name := filepath.Join(dir, fmt.Sprint(i, "-", j))
				errs[i] = errors.Join(errs[i], unix.Mkdir(name, 0o755), unix.Rmdir(name))
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// children makes calls in a child of a child.
func children(dir string) error {
	out, err := exec.Command("sh", "-c", `"$0" steps "$1" 2; exit $?`, os.Args[0], dir).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// pieces copies from one file to another, piece by piece.
func pieces(dir string, count int) error {
	var files [2]int
	for i, name := range []string{"a", "b"} {
		var err error
		if files[i], err = unix.Openat(unix.AT_FDCWD, filepath.Join(dir, name), unix.O_CREAT|unix.O_RDWR, 0o600); err != nil {
			return err
		}
	}
	piece := []byte("piece")
	for range count {
		_, err1 := unix.Pwrite(files[0], piece, 0)
		_, err2 := unix.Pread(files[0], piece, 0)
		_, err3 := unix.Pwrite(files[1], piece, 0)
		if err := errors.Join(err1, err2, err3); err != nil {
			return err
		}
	}
	if err := unix.Fsync(files[1]); err != nil {
		return err
	}
	for range count {
		if _, err := unix.Pwrite(files[0], piece, 0); err != nil {
			return err
		}
	}
	return nil
}

// closed returns the error of closing a file, and requires that it is closed.
func closed(dir string) error {
	f, err := unix.Open(dir, unix.O_RDONLY, 0)
	if err != nil {
		return err
	}
	err = unix.Close(f)
	if _, still := unix.FcntlInt(uintptr(f), unix.F_GETFD, 0); still != unix.EBADF {
		return errors.New("still open")
	}
	return err
}

// signalled stops itself, continues, and receives a signal.
func signalled() error {
	arrived := make(chan os.Signal, 1)
	signal.Notify(arrived, unix.SIGUSR1)
	for _, sig := range []unix.Signal{unix.SIGSTOP, unix.SIGUSR1} {
		if err := unix.Kill(os.Getpid(), sig); err != nil {
			return err
		}
	}
	select {
	case <-arrived:
		return nil
	case <-time.After(10 * time.Second):
		return errors.New("no signal was received")
	}
}

// signals waits for a lock while signals of the runtime interrupt it.
func signals(dir string) error {
	var fds [2]int
	for i := range fds {
		var err error
		if fds[i], err = unix.Open(dir, unix.O_RDONLY, 0); err != nil {
			return err
		}
	}
	if err := unix.Flock(fds[0], unix.LOCK_EX); err != nil {
		return err
	}
	waiter, locked := make(chan int), make(chan error)
	go func() {
		runtime.LockOSThread()
		waiter <- unix.Gettid()
		locked <- unix.Flock(fds[1], unix.LOCK_EX)
	}()
	tid := <-waiter
	for range 20 {
		time.Sleep(2 * time.Millisecond)
		if err := unix.Tgkill(os.Getpid(), tid, unix.SIGURG); err != nil {
			return err
		}
	}
	return errors.Join(unix.Flock(fds[0], unix.LOCK_UN), <-locked)
}

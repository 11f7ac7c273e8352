// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// group is a process in a job, which also contains all processes that it starts.
type group struct {
	process *os.Process
	mu      sync.Mutex
	job     windows.Handle // 0 once it is closed
}

// startGroup starts the process suspended, so that it cannot start others before it
// is in the job.
func startGroup(path string, argv []string, attr *os.ProcAttr) (*group, error) {
	job, err := newJob()
	if err != nil {
		return nil, fmt.Errorf("creating a job: %w", err)
	}
	attr.Sys = &syscall.SysProcAttr{CreationFlags: windows.CREATE_SUSPENDED}
	p, err := os.StartProcess(path, argv, attr)
	if err != nil {
		_ = windows.CloseHandle(job)
		return nil, err
	}
	g := &group{process: p, job: job}
	if err := g.release(); err != nil {
		_ = p.Kill()
		_, _ = g.wait()
		return nil, err
	}
	return g, nil
}

// newJob creates a job whose processes are killed when its last handle is closed, as
// when this process dies.
func newJob() (windows.Handle, error) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return 0, err
	}
	limits := windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION{
		BasicLimitInformation: windows.JOBOBJECT_BASIC_LIMIT_INFORMATION{LimitFlags: windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE},
	}
	_, err = windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation,
		uintptr(unsafe.Pointer(&limits)), uint32(unsafe.Sizeof(limits)))
	if err != nil {
		_ = windows.CloseHandle(job)
		return 0, err
	}
	return job, nil
}

// release puts the process into the job and lets it run.
func (g *group) release() error {
	var err error
	handleErr := g.process.WithHandle(func(process uintptr) {
		err = windows.AssignProcessToJobObject(g.job, windows.Handle(process))
	})
	if err := errors.Join(handleErr, err); err != nil {
		return fmt.Errorf("assigning it to a job: %w", err)
	}
	if err := resume(uint32(g.process.Pid)); err != nil {
		return fmt.Errorf("resuming it: %w", err)
	}
	return nil
}

// resume resumes the only thread of a suspended process. It has to find that thread
// first, because os.StartProcess closed its handle.
func resume(pid uint32) error {
	snapshot, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPTHREAD, 0)
	if err != nil {
		return err
	}
	defer func() { _ = windows.CloseHandle(snapshot) }()
	var entry windows.ThreadEntry32
	entry.Size = uint32(unsafe.Sizeof(entry))
	for err = windows.Thread32First(snapshot, &entry); err == nil; err = windows.Thread32Next(snapshot, &entry) {
		if entry.OwnerProcessID != pid {
			continue
		}
		thread, err := windows.OpenThread(windows.THREAD_SUSPEND_RESUME, false, entry.ThreadID)
		if err != nil {
			return err
		}
		defer func() { _ = windows.CloseHandle(thread) }()
		_, err = windows.ResumeThread(thread)
		return err
	}
	return err
}

func (g *group) kill() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.job != 0 {
		_ = windows.TerminateJobObject(g.job, 1)
	}
}

// wait waits for the process, and kills those that it left in the job.
func (g *group) wait() (*os.ProcessState, error) {
	state, err := g.process.Wait()
	g.kill()
	g.mu.Lock()
	defer g.mu.Unlock()
	_ = windows.CloseHandle(g.job)
	g.job = 0
	return state, err
}

// busy also reports a virus scanner that reads a new file.
func busy(err error) bool { return errors.Is(err, windows.ERROR_SHARING_VIOLATION) }

func wrongFormat(err error) bool {
	return errors.Is(err, windows.ERROR_BAD_EXE_FORMAT) || errors.Is(err, windows.ERROR_EXE_MACHINE_TYPE_MISMATCH)
}

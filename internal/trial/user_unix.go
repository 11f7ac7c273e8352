// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package trial

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

const (
	passwdFile = "/etc/passwd"
	groupFile  = "/etc/group"

	nogroup    = 65534
	maxEntries = 1 << 20 // lines of a user database, and bytes of one
)

// runAs makes attr start a process in a group of its own. Root runs a program as its
// owner.
func runAs(attr *os.ProcAttr, owner int) error {
	attr.Sys = groupAttr()
	if os.Geteuid() != 0 || owner == 0 {
		return nil
	}
	u, err := lookUp(passwdFile, groupFile, owner)
	if err != nil {
		return fmt.Errorf("looking up user %d: %w", owner, err)
	}
	attr.Sys.Credential = &syscall.Credential{Uid: uint32(owner), Gid: u.gid, Groups: u.groups}
	// A session of its own has no terminal. It is a process group, too.
	attr.Sys.Setpgid, attr.Sys.Setsid = false, true
	attr.Env = slices.DeleteFunc(attr.Env, func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return name != "PATH" && name != "LANG" && name != "TZ" && name != "PWD" && !strings.HasPrefix(name, "LC_")
	})
	attr.Env = append(attr.Env, "HOME="+u.home, "USER="+u.name, "LOGNAME="+u.name)
	return nil
}

// user is an entry of the local user database, which is read here so that programs need
// neither cgo nor package os/user. Network databases are not asked.
type user struct {
	name, home string
	gid        uint32
	groups     []uint32
}

// lookUp returns a user who is in no group but nogroup if it does not find them. The
// group of the program would not do: it may be one that its owner is not in.
func lookUp(passwd, group string, uid int) (user, error) {
	u := user{name: strconv.Itoa(uid), home: "/", gid: nogroup}
	found := false
	err := entries(passwd, 6, func(field []string) {
		if id, err := strconv.ParseUint(field[2], 10, 32); !found && err == nil && id == uint64(uid) {
			if gid, err := strconv.ParseUint(field[3], 10, 32); err == nil {
				u.name, u.home, u.gid, found = field[0], field[5], uint32(gid), true
			}
		}
	})
	if err != nil || !found {
		return u, err
	}
	err = entries(group, 4, func(field []string) {
		gid, err := strconv.ParseUint(field[2], 10, 32)
		if err == nil && slices.Contains(strings.Split(field[3], ","), u.name) {
			u.groups = append(u.groups, uint32(gid))
		}
	})
	return u, err
}

// entries calls do with the fields of each line that has at least so many.
func entries(file string, fields int, do func(field []string)) error {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, maxEntries) // a group may have many members
	for n := 0; n < maxEntries && lines.Scan(); n++ {
		if field := strings.Split(lines.Text(), ":"); len(field) >= fields {
			do(field)
		}
	}
	return lines.Err()
}

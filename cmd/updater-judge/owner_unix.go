// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// nogroup is the group of an owner whom the user database does not know. The group of the
// program would not do: its owner need not be in it.
const nogroup = 65534

// becomeOwner gives root's rights up for those of the program's owner, before anything is
// touched: whoever owns the program can lead a judge of root's astray.
func becomeOwner(program string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(program)
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Errorf("%s has no owner", program)
	}
	if stat.Uid == 0 {
		return nil
	}
	gid, groups := groupsOf(stat.Uid)
	if err := syscall.Setgroups(groups); err != nil {
		return fmt.Errorf("becoming the owner of %s: %w", program, err)
	}
	if err := syscall.Setgid(gid); err != nil {
		return fmt.Errorf("becoming the owner of %s: %w", program, err)
	}
	if err := syscall.Setuid(int(stat.Uid)); err != nil {
		return fmt.Errorf("becoming the owner of %s: %w", program, err)
	}
	return nil
}

// groupsOf returns the groups of a user.
func groupsOf(uid uint32) (gid int, groups []int) {
	owner, err := user.LookupId(strconv.FormatUint(uint64(uid), 10))
	if err != nil {
		return nogroup, nil
	}
	gid, err = strconv.Atoi(owner.Gid)
	if err != nil {
		return nogroup, nil
	}
	ids, err := owner.GroupIds()
	if err != nil {
		return gid, nil
	}
	for _, id := range ids {
		if n, err := strconv.Atoi(id); err == nil {
			groups = append(groups, n)
		}
	}
	return gid, groups
}

#!/bin/sh
# Copyright (c) 2026, the go-updater contributors
#
# SPDX-License-Identifier: Apache-2.0

# Starts systemd as process 1 of a machine of its own: its root directory has /usr,
# read-only, and DIRECTORY; it has no network, and knows only the units in DIRECTORY/units.
# Nothing of it reaches the host.
#
#   systemd.sh ROOT DIRECTORY UNIT     (in new namespaces, see TestSystemd)

set -eu
root=$1 dir=$2 unit=$3
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs "$root"
cd "$root"
mkdir -p usr etc run tmp var/log dev proc sys old ".$dir"
for name in bin lib lib64 sbin; do ln -s "usr/$name" "$name"; done
mount --bind /usr usr
mount -o remount,bind,ro usr
mount --bind "$dir" ".$dir"
for device in null:3 zero:5 random:8 urandom:9; do
	mknod -m 666 "dev/${device%:*}" c 1 "${device#*:}"
done
echo 0123456789abcdef0123456789abcdef >etc/machine-id
echo 'root:x:0:0::/:/bin/sh' >etc/passwd
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs tmpfs usr/lib/systemd/system-generators
mount -t tmpfs -o mode=755 tmpfs run
pivot_root . old
umount -l /old
exec env -i PATH=/usr/bin:/usr/sbin container=lxc SYSTEMD_UNIT_PATH="$dir/units" \
	/usr/lib/systemd/systemd --system --unit="$unit" --log-target=console --log-level=info

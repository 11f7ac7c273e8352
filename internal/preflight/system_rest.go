// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build !linux && !darwin && !freebsd && !windows

package preflight

func volumeOf(string) (volume, bool) { return volume{}, false }

func unchangeable(string) (detail string, ok bool) { return "", false }

func isMount(string) bool { return false }

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/choria-io/go-updater/repository"
)

type completion = func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective)

// completeFlag sets the values of a flag that shells offer.
func completeFlag(cmd *cobra.Command, flag string, values completion) {
	if err := cmd.RegisterFlagCompletionFunc(flag, values); err != nil {
		panic(err) // there is no such flag, or it has values already
	}
}

func completePlatformFlags(cmd *cobra.Command) {
	completeFlag(cmd, "os", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return platformParts(0, ""), cobra.ShellCompDirectiveNoFileComp
	})
	completeFlag(cmd, "arch", func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		os, _ := cmd.Flags().GetString("os")
		return platformParts(1, os), cobra.ShellCompDirectiveNoFileComp
	})
}

// platformParts returns the first or the second part of all platforms; only of those
// of an operating system if that is not empty.
func platformParts(part int, os string) []string {
	var names []string
	for _, p := range repository.Platforms() {
		if of := strings.Split(p, "/"); os == "" || os == of[0] {
			names = append(names, of[part])
		}
	}
	slices.Sort(names)

	return slices.Compact(names)
}

// completeEncodings completes the last of a list with commas.
func completeEncodings(_ *cobra.Command, _ []string, word string) ([]string, cobra.ShellCompDirective) {
	before := word[:strings.LastIndex(word, ",")+1]
	var lists []string
	for _, e := range repository.Encodings() {
		if !slices.Contains(strings.Split(before, ","), e) {
			lists = append(lists, before+e)
		}
	}

	return lists, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// completeFile completes OS/ARCH=FILE up to the FILE, and else names of files.
func completeFile(_ *cobra.Command, _ []string, word string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, p := range repository.Platforms() {
		if strings.Contains(word, "/") && strings.HasPrefix(p, word) {
			names = append(names, p+"=")
		}
	}
	if names == nil {
		return nil, cobra.ShellCompDirectiveDefault
	}

	return names, cobra.ShellCompDirectiveNoSpace
}

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater_test

import (
	"crypto/ed25519"
	"errors"
	"log"
	"net/url"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	updater "github.com/choria-io/go-updater"
)

// Every name of v0.1.0, used as in programs for it. The test is that this compiles.
var (
	_ func(...updater.Option) error                  = updater.Apply
	_ func(...updater.Option) (*updater.Spec, error) = updater.FetchSpec
	_ func(error) error                              = updater.RollbackError

	_ updater.Downloader = (*updater.HTTPDownloader)(nil)
	_ updater.Downloader = legacyDownloader{}

	_ = updater.Config{
		TargetFile: "", SourceRepo: "", Version: "", CurrentVersion: "", PublicKey: []byte(nil),
		Log: log.Default(), OperatingSystem: "", Architecture: "", Downloader: updater.Downloader(nil),
	}
	_ func(*updater.Config) error = (*updater.Config).Validate

	_ = updater.Spec{BinaryPath: "", BinaryURI: (*url.URL)(nil), Sha256Hash: "", Signature: ""}

	_ = []updater.Option{
		updater.Arch(""), updater.CurrentVersion(""), updater.DownloadMethod(legacyDownloader{}),
		updater.Logger(log.Default()), updater.OS(""), updater.PublicKey(nil), updater.SourceRepo(""),
		updater.TargetFile(""), updater.Version(""),
		func(*updater.Config) error { return nil },
	}
)

type legacyDownloader struct{}

func (legacyDownloader) Configure(*updater.Config) error         { return nil }
func (legacyDownloader) FetchSpec() (*updater.Spec, error)       { return nil, errors.ErrUnsupported }
func (legacyDownloader) FetchBinary(*updater.Spec, string) error { return errors.ErrUnsupported }

func TestSpecsCanBeCompared(t *testing.T) {
	a, b := updater.Spec{BinaryPath: "a"}, updater.Spec{BinaryPath: "a"}
	require.True(t, a == b, "as structs of v0.1.0 could")
}

// In v0.1.0 an option was a plain function of a Config, and Validate checked it.
func TestOptionsWorkOnABareConfig(t *testing.T) {
	c := &updater.Config{}
	d := &directory{}
	for _, option := range []updater.Option{
		updater.TargetFile("x"), updater.SourceRepo("http://example.net"), updater.Version("1.2.3"), updater.OS("linux"),
		updater.Arch("amd64"), updater.Logger(log.Default()), updater.DownloadMethod(d),
	} {
		require.NoError(t, option(c))
	}
	require.Same(t, c, d.config, "DownloadMethod configures at once")
	require.ErrorIs(t, c.Validate(), updater.ErrNoPublicKey)
	require.NoError(t, updater.PublicKey(public(testKey(1)))(c))
	require.NoError(t, c.Validate())
}

func TestTargetFileOfArgv0IsThisProgram(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	args := os.Args[0]
	t.Cleanup(func() { os.Args[0] = args })
	os.Args[0] = "some-program" // found through PATH, or chosen by the caller
	c := &updater.Config{}
	require.NoError(t, updater.TargetFile(os.Args[0])(c))
	require.Equal(t, self, c.TargetFile)
}

// A program may use its slice again, which must not change the trusted keys.
func TestOptionsCopyKeys(t *testing.T) {
	for name, option := range map[string]func(key []byte) updater.Option{
		"PublicKey":  updater.PublicKey,
		"PublicKeys": func(key []byte) updater.Option { return updater.PublicKeys(1, key) },
	} {
		c := &updater.Config{
			TargetFile: "x", SourceRepo: "http://example.net", Version: "1.2.3", OperatingSystem: "linux", Architecture: "amd64",
			Log: log.Default(),
		}
		key := []byte(testKey(1).Public().(ed25519.PublicKey))
		require.NoError(t, option(key)(c))
		clear(key)
		require.NoError(t, c.Validate(), name)
	}
}

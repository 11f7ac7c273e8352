// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package logrus_test is a program for go-updater v0.1.0, whose log type was
// logrus.StdLogger. It is compiled against this updater, which no longer links logrus.
// v0.1.0 accepted everything below.
package logrus_test

import (
	"bytes"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/require"

	updater "github.com/choria-io/go-updater"
)

// Every exported name of v0.1.0 with its type. Only logrus.StdLogger is now an interface
// with the same method set.
var (
	_ func(...updater.Option) error                  = updater.Apply
	_ func(...updater.Option) (*updater.Spec, error) = updater.FetchSpec
	_ func(error) error                              = updater.RollbackError
	_ func(*updater.Config) error                    = (*updater.Config).Validate

	_ func(string) updater.Option             = updater.Arch
	_ func(string) updater.Option             = updater.CurrentVersion
	_ func(updater.Downloader) updater.Option = updater.DownloadMethod
	_ func(string) updater.Option             = updater.OS
	_ func([]byte) updater.Option             = updater.PublicKey
	_ func(string) updater.Option             = updater.SourceRepo
	_ func(string) updater.Option             = updater.TargetFile
	_ func(string) updater.Option             = updater.Version
	_ func(*updater.Config) error             = updater.Option(nil)

	_ updater.Downloader                                         = &updater.HTTPDownloader{}
	_ func(*updater.HTTPDownloader, *updater.Config) error       = (*updater.HTTPDownloader).Configure
	_ func(*updater.HTTPDownloader) (*updater.Spec, error)       = (*updater.HTTPDownloader).FetchSpec
	_ func(*updater.HTTPDownloader, *updater.Spec, string) error = (*updater.HTTPDownloader).FetchBinary

	_ = updater.Spec{BinaryPath: "", BinaryURI: &url.URL{}, Sha256Hash: "", Signature: ""}
)

// embedded is a custom downloader as users of v0.1.0 wrote it: HTTPDownloader with a
// changed method that reads fields of Config.
type embedded struct {
	updater.HTTPDownloader
	cfg *updater.Config
}

func (e *embedded) Configure(c *updater.Config) error {
	e.cfg = c
	return e.HTTPDownloader.Configure(c)
}

// assignable shows that each interface can be assigned to the other.
func assignable(ours updater.StdLogger, theirs logrus.StdLogger) *updater.Config {
	var _ logrus.StdLogger = ours
	var _ updater.StdLogger = theirs
	return &updater.Config{
		TargetFile: "", SourceRepo: "", Version: "", CurrentVersion: "", PublicKey: nil, Log: theirs,
		OperatingSystem: "", Architecture: "", Downloader: &embedded{},
	}
}

// repository serves a release document in the form of v0.1.0.
func repository(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	dir := filepath.Join(root, "0.7.0", "linux", "amd64")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	document := `{"binary":"choria.bz2","hash":"12a61f4e173fb3a11c05d6471f74728f76231b4a5fcd9667cef3af87a3ae4dc2"}`
	require.NoError(t, os.WriteFile(filepath.Join(dir, "release.json"), []byte(document), 0o600))
	server := httptest.NewServer(http.FileServer(http.Dir(root)))
	t.Cleanup(server.Close)
	return server.URL
}

func TestLogger(t *testing.T) {
	require.NotNil(t, assignable(nil, logrus.New()))
	repo := repository(t)
	for name, logger := range map[string]func(w io.Writer) updater.Option{
		"*logrus.Logger": func(w io.Writer) updater.Option {
			l := logrus.New()
			l.SetOutput(w)
			return updater.Logger(l)
		},
		"*logrus.Entry": func(w io.Writer) updater.Option {
			l := logrus.New()
			l.SetOutput(w)
			return updater.Logger(l.WithField("component", "updater"))
		},
		"logrus.StdLogger": func(w io.Writer) updater.Option {
			var l logrus.StdLogger = log.New(w, "", 0)
			return updater.Logger(l)
		},
		"*log.Logger": func(w io.Writer) updater.Option { return updater.Logger(log.New(w, "", 0)) },
	} {
		t.Run(name, func(t *testing.T) {
			var lines bytes.Buffer
			target := filepath.Join(t.TempDir(), "target")
			require.NoError(t, os.WriteFile(target, []byte("target file"), 0o600))
			downloader := &embedded{}

			// The artifact is missing. The steps before it are logged.
			err := updater.Apply(
				logger(&lines),
				updater.SourceRepo(repo),
				updater.Version("0.7.0"),
				updater.OS("linux"),
				updater.Arch("amd64"),
				updater.TargetFile(target),
				updater.DownloadMethod(downloader),
				updater.InsecureAllowUnsigned(),
			)
			require.ErrorIs(t, err, updater.ErrNotFound)
			require.NoError(t, updater.RollbackError(err))
			require.Contains(t, lines.String(), "0.7.0")
			require.Equal(t, target, downloader.cfg.TargetFile)
			require.Equal(t, "0.7.0", downloader.cfg.Version)
		})
	}
}

// TestMissingPublicKey: without the line that programs of v0.1.0 have to add, the error
// names the option, and nothing is downloaded or written.
func TestMissingPublicKey(t *testing.T) {
	target := filepath.Join(t.TempDir(), "target")
	require.NoError(t, os.WriteFile(target, []byte("target file"), 0o600))
	err := updater.Apply(
		updater.Logger(logrus.New()), updater.SourceRepo("file:///nowhere"),
		updater.Version("0.7.0"), updater.TargetFile(target),
	)
	require.ErrorIs(t, err, updater.ErrNoPublicKey)
	require.ErrorContains(t, err, "PublicKey()")
	require.NoError(t, updater.RollbackError(errors.Join(err)))
	content, err := os.ReadFile(target)
	require.NoError(t, err)
	require.Equal(t, "target file", string(content))
}

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Command conformance lets the conformance suite of TUF drive our client. It speaks
// the suite's client protocol:
//
//	conformance --metadata-dir DIR init ROOT
//	conformance --metadata-dir DIR --metadata-url URL refresh
//	conformance --metadata-dir DIR --metadata-url URL --target-name PATH
//	            --target-base-url URL --target-dir DIR download
//
// and exits with 0, or with 1 after an error. --target-name may be given more than
// once: the targets are then looked up in one view of the metadata. Trusted metadata is
// in the metadata directory under the names that the suite reads; files that only the
// client needs are in a directory within it.
//
// To run the suite against it, build it and give the path to the suite's pytest as
// --entrypoint. The suite's cases are also rebuilt in the tests of this package.
//
// The time is that of date(1). The suite sets it with libfaketime, which does not
// affect programs written in Go.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/choria-io/go-updater/internal/fetch"
	"github.com/choria-io/go-updater/internal/store"
	"github.com/choria-io/go-updater/internal/tuf/client"
)

func main() { os.Exit(run(context.Background(), os.Args[1:], os.Stderr)) }

type names []string

func (n *names) String() string { return strings.Join(*n, " ") }

func (n *names) Set(v string) error {
	*n = append(*n, v)
	return nil
}

type options struct {
	metadataDir, metadataURL, targetDir, targetURL string
	targets                                        names
	stderr                                         io.Writer
}

func run(ctx context.Context, args []string, stderr io.Writer) int {
	o := options{stderr: stderr}
	flags := flag.NewFlagSet("conformance", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.metadataDir, "metadata-dir", "", "where trusted metadata is kept")
	flags.StringVar(&o.metadataURL, "metadata-url", "", "the repository's metadata")
	flags.StringVar(&o.targetDir, "target-dir", "", "where verified target files are kept")
	flags.StringVar(&o.targetURL, "target-base-url", "", "the repository's target files")
	flags.Var(&o.targets, "target-name", "path of a target file")
	if flags.Parse(args) != nil {
		return 1
	}
	var err error
	switch command := flags.Arg(0); {
	case o.metadataDir == "":
		err = errors.New("no --metadata-dir given")
	case command == "init" && flags.NArg() == 2:
		err = o.init(flags.Arg(1))
	case command == "refresh" && flags.NArg() == 1:
		var view *client.View
		if view, err = o.refresh(ctx); err == nil {
			err = view.Save(ctx)
		}
	case command == "download" && flags.NArg() == 1:
		err = o.download(ctx)
	default:
		err = fmt.Errorf("unknown command %q; use init ROOT, refresh or download", flags.Args())
	}
	if err != nil {
		fmt.Fprintf(stderr, "conformance: error: %v\n", err)
		return 1
	}
	return 0
}

// own is the directory of files that the suite does not read: roots and floors.
func (o options) own() string { return filepath.Join(o.metadataDir, "client") }

func (o options) init(root string) error {
	data, err := os.ReadFile(root)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.own(), 0o700); err != nil {
		return err
	}
	return errors.Join(
		writeFile(filepath.Join(o.own(), "root.json"), data),
		writeFile(filepath.Join(o.metadataDir, "root.json"), data),
	)
}

// Read implements client.Store
func (o options) Read(name string, limit int64) ([]byte, error) {
	if o.private(name) {
		return readFile(filepath.Join(o.own(), name), limit)
	}
	return readFile(filepath.Join(o.metadataDir, name), limit)
}

// Update implements client.Store. The suite runs one client at a time.
func (o options) Update(_ context.Context, change func() ([]store.File, error)) error {
	files, err := change()
	for _, f := range files {
		if err = o.write(f.Name, f.Data); err != nil {
			break
		}
	}
	return err
}

func (o options) write(name string, data []byte) error {
	if !o.private(name) {
		return writeFile(filepath.Join(o.metadataDir, name), data)
	}
	// The file that the suite reads comes first: the next refresh then writes both,
	// or neither.
	if strings.HasSuffix(name, ".root.json") {
		if err := writeFile(filepath.Join(o.metadataDir, "root.json"), data); err != nil {
			return err
		}
	}
	return writeFile(filepath.Join(o.own(), name), data)
}

func (options) private(name string) bool {
	return name == "floors" || strings.HasSuffix(name, ".root.json")
}

func (o options) refresh(ctx context.Context) (*client.View, error) {
	root, err := os.ReadFile(filepath.Join(o.own(), "root.json"))
	if err != nil {
		return nil, err
	}
	now, err := date(ctx)
	if err != nil {
		return nil, err
	}
	remote, err := newRemote(o.metadataURL)
	if err != nil {
		return nil, err
	}
	client := client.Client{Root: root, Store: o, Now: func() time.Time { return now }, Note: func(message string, args ...any) {
		fmt.Fprintln(o.stderr, append([]any{"conformance: note: " + message}, args...)...)
	}}
	return client.Refresh(ctx, remote)
}

func date(ctx context.Context) (time.Time, error) {
	out, err := exec.CommandContext(ctx, "date", "+%s").Output()
	if err != nil {
		return time.Time{}, fmt.Errorf("running date: %w", err)
	}
	seconds, err := strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
	return time.Unix(seconds, 0), err
}

func (o options) download(ctx context.Context) error {
	view, err := o.refresh(ctx)
	if err != nil {
		return err
	}
	remote, err := newRemote(o.targetURL)
	if err != nil {
		return err
	}
	if len(o.targets) == 0 || o.targetDir == "" {
		return errors.New("no --target-name or no --target-dir given")
	}
	for _, name := range o.targets {
		target, err := view.Target(ctx, name)
		if err != nil {
			return err
		}
		if err := o.get(ctx, remote, target); err != nil {
			return err
		}
	}
	return nil
}

// get downloads a target file, unless it exists already.
func (o options) get(ctx context.Context, remote *remote, target *client.Target) error {
	path := filepath.Join(o.targetDir, "target-"+url.PathEscape(target.Path))
	if data, err := os.ReadFile(path); err == nil && target.Verify(data) == nil {
		return nil
	}
	data, err := remote.read(ctx, target.File, "/", target.Length)
	if err != nil {
		return err
	}
	if err := target.Verify(data); err != nil {
		return err
	}
	return writeFile(path, data)
}

// remote is a directory of a repository.
type remote struct {
	base   *url.URL
	client *fetch.Client
}

func newRemote(base string) (*remote, error) {
	u, err := url.Parse(base)
	if err != nil {
		return nil, err
	}
	client, err := fetch.New(fetch.Options{})
	return &remote{u, client}, err
}

// Fetch implements client.Fetcher
func (r *remote) Fetch(ctx context.Context, name string, limit int64) ([]byte, error) {
	return r.read(ctx, name, "", limit)
}

// read downloads name, whose parts between sep are escaped.
func (r *remote) read(ctx context.Context, name, sep string, limit int64) ([]byte, error) {
	parts := []string{name}
	if sep != "" {
		parts = strings.Split(name, sep)
	}
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	u := *r.base
	u.RawPath = strings.TrimSuffix(r.base.EscapedPath(), "/") + "/" + strings.Join(parts, "/")
	var err error
	if u.Path, err = url.PathUnescape(u.RawPath); err != nil {
		return nil, err
	}
	return r.client.Document(ctx, &u, limit)
}

func readFile(path string, limit int64) ([]byte, error) {
	dir, err := store.OpenRoot(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	return store.Read(dir, filepath.Base(path), limit)
}

func writeFile(path string, data []byte) error {
	dir, err := store.OpenRoot(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return store.Write(dir, ".", filepath.Base(path), data)
}

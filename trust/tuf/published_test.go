// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package tuf_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	updater "github.com/choria-io/go-updater"
	"github.com/choria-io/go-updater/internal/tuf/publish"
	"github.com/choria-io/go-updater/trust"
	"github.com/choria-io/go-updater/trust/tuf"
)

// The client accepts what our publisher writes: the first release and the next one, with
// a public key and without.
func TestReadsWhatIsPublished(t *testing.T) {
	w := newWorld(t)
	root, targets, release, online := newHolder(t, 1), newHolder(t, 2), newHolder(t, 3), newHolder(t, 4)
	p := openPublisher(t, t.TempDir(), &w.now)
	p.begins(1, []*holder{root}, targets, release, online)
	p.sign(root)
	p.refreshes(targets, release, online)
	published := []updater.Option{updater.SourceRepo(serve(t, p.dir)), updater.VouchedBy(tuf.New(p.file("metadata/1.root.json")))}
	next := append(published, updater.CurrentVersion("1.2.3"), updater.Version("1.2.4"))

	w.refuses(updater.ErrNotFound, published...)
	p.publishes("1.2.3", "version 2", release, online)
	require.NoError(t, w.apply(published...))
	w.holds("version 2")
	p.publishes("1.2.4", "version 3", release, online)
	require.NoError(t, w.apply(append(next, updater.PublicKey([]byte(release.key.String())))...))
	w.holds("version 3")
	w.now = w.now.Add(publish.DefaultValidity().Timestamp + time.Hour)
	w.refuses(trust.ErrExpired, next...)
}

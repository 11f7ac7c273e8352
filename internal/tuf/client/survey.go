// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"sync"

	"github.com/choria-io/go-updater/internal/tuf"
)

// surveyors is how many roles [Survey.Walk] downloads at a time.
const surveyors = 8

// Survey is what a client without a memory learns of a repository, for a publisher
// who wants to know all that clients see.
type Survey struct {
	// What verified, although it may have expired; nil from the first that did not.
	Root      *tuf.RootMeta
	Timestamp *tuf.TimestampMeta
	Snapshot  *tuf.SnapshotMeta
	Targets   *tuf.TargetsMeta

	// View looks up targets, expired or not. It is nil without Targets.
	View *View

	// Faults are reasons for clients to refuse the metadata. The first is the error
	// of [Client.Refresh]; expired metadata adds one and is then used, so that the
	// rest is checked too.
	Faults []error

	run *run
}

// Survey refreshes like [Client.Refresh], with an empty store in place of the
// client's. It returns an error only if ctx is done.
func (c *Client) Survey(ctx context.Context, f Fetcher) (*Survey, error) {
	alone := *c
	alone.Store = &Memory{}
	s := &Survey{run: alone.newRun(f)}
	s.run.expired = s.fault
	err := s.run.refresh(ctx)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		s.fault(err)
	}
	s.Root, s.Timestamp, s.Snapshot = s.run.root, s.run.stamp, s.run.snapshot
	if targets := s.run.roles[tuf.Targets]; targets != nil {
		s.Targets = targets.md
		s.View = &View{client: &alone, fetcher: f, run: s.run}
	}
	return s, nil
}

func (s *Survey) fault(err error) { s.Faults = append(s.Faults, err) }

// Walk downloads and verifies roles that targets delegates to, several at a time. It
// returns their metadata in the same order, nil for a role with a fault other than
// that it expired. It returns an error only if ctx is done. Call it only with
// Targets set.
func (s *Survey) Walk(ctx context.Context, roles []tuf.Delegation) ([]*tuf.TargetsMeta, error) {
	type result struct {
		role *role
		err  error
	}
	results := make([]result, len(roles))
	var wg sync.WaitGroup
	for first := range min(surveyors, len(roles)) {
		wg.Go(func() {
			for i := first; i < len(roles) && ctx.Err() == nil; i += surveyors {
				results[i].role, _, results[i].err = s.run.fetchRole(ctx, roles[i])
			}
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	found := make([]*tuf.TargetsMeta, len(roles))
	for i, d := range roles {
		if err := results[i].err; err != nil {
			s.fault(err)
			continue
		}
		found[i] = results[i].role.md
		_ = s.run.checkExpiry(d.Role, found[i].Signed.Expires) // adds a fault
		s.run.accept(d.Role, results[i].role)
	}
	return found, nil
}

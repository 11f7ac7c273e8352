// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// site serves the repository on loopback. An attack replaces its handler.
type site struct {
	url    string
	server *http.Server

	mu      sync.Mutex
	handler http.Handler
	honest  http.Handler
}

// newSite serves dir, which need not exist yet.
func newSite(dir string) (*site, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("serving on loopback: %w", err)
	}
	files := http.FileServer(http.Dir(dir))
	s := &site{url: "http://" + listener.Addr().String(), honest: files, handler: files}
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	// If it ends before close, the next request fails.
	go func() { _ = s.server.Serve(listener) }()
	return s, nil
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	handler := s.handler
	s.mu.Unlock()
	handler.ServeHTTP(w, r)
}

// use answers requests with h from now on.
func (s *site) use(h http.Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handler = h
}

func (s *site) close() { _ = s.server.Close() }

// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package fetch reads documents and artifacts from a repository over HTTP,
// HTTPS or from local files.
//
// Use [Client.Document] for a small file, [Client.Conditional] for one that the
// caller may have already, [Client.Download] for a file of known length and hash,
// [Client.Artifact] for one of known length, and [Client.Stream] for the rest.
// [Client.Each] asks one repository after the other.
//
// Servers, mirrors and the network are not trusted. The result is limited in
// size, in time without progress and in where it comes from, but it is not
// authentic: this package does not verify signatures. Use nothing from it before
// package trust has verified it, or before it is compared with a signed hash.
// [Client.Download] compares; its hash must come from a verified document.
//
// Guarantees:
//
//   - At most limit+1 bytes are read and at most limit are returned. An artifact
//     has exactly the given length.
//   - The bytes counted are the bytes sent: nothing is decompressed.
//   - At most ten redirects are followed, never from https to http, and never to
//     other schemes.
//   - Headers of the caller, which may contain credentials, are sent to the given
//     origin only, and not after a redirect through another one.
//   - A response without progress fails with [ErrStalled], from name lookup to the
//     last byte. Time that the caller takes to write does not count.
//   - Temporary failures are retried, at each place at most five times in a row
//     without progress, with at most twenty minutes of waiting in all. So the number
//     of requests is limited by the size, whatever a server does.
//   - Every wait is reported to [Options].Note before it begins, with its reason.
//
// Errors have one line, name the URL as [Shown] does, and contain no control
// characters, whatever the server sent.
//
// # What an answer means
//
// Function judge decides, from the request and the head of the answer alone:
//
//	status                                      asked        meaning
//	200, of a length that fits                  anything     whole
//	206, Content-Range 0-(n-1)/n that fits      anything     whole
//	206, the missing range or its beginning     a range      part
//	206, any other                              a range      not for us: ErrRange
//	304                                         with a tag   unchanged
//	200 and 206, another length                 anything     not for us: ErrLength, ErrTooLarge
//	200 and 206, encoded                        a document   not for us: ErrEncoding
//	408 425 429, 5xx but for the line below     anything     temporary
//	403 with Retry-After, or rate limit used up anything     temporary
//	501 505 506 510 511                         anything     permanent
//	everything else                             anything     permanent
//
// A Content-Encoding is a label: servers derive it from the name of the file
// (.gz, .zst) or take it from whoever uploaded it. Length and hash decide whether an
// artifact is the right one. A document has neither, so a label that names a coding
// is refused, and any other ignored.
//
// # What comes next
//
// Function next decides, from the failure and its place's history:
//
//	failure                                     next
//	the caller's context ended, the disk failed stop
//	wrong hash, of bytes of several answers     afresh: here, from the first byte, once
//	temporary, tries and time left              here: again, after a wait
//	  same, wait above 1 s or second failure    later: another place first, if there is one
//	  same, second status, sent an entity tag   untagged: here, without it, once
//	temporary, fifth, no answer to a range      unranged: here, for the whole file, once
//	temporary, nothing left                     elsewhere: this place is given up
//	permanent or not for us, asked for a range  unranged
//	permanent or not for us, sent an entity tag untagged
//	everything else                             elsewhere
//
// Two more steps are package release's: when all places are given up, the next
// artifact; when the caller refuses a copy that a server calls unchanged, or that
// leads nowhere, the document without its entity tag.
//
// A whole file that comes where a part was kept replaces the part only after its
// first 64 KiB, or all of it, have come: a login page, which announces no length,
// does not. An answer that turns out to have another length leaves what was there
// before it. So what was downloaded is lost to wrong hashes only.
package fetch

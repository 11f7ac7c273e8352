// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package signing

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/choria-io/go-updater/trust"
)

// field is one member of the document's top level. Its value stays the text it
// was: a number or an escape that went through Go's types might come back
// written differently, or changed.
type field struct {
	name  string
	value json.RawMessage
}

// fields is a document's top level in the order in which it was written.
type fields []field

// parseFields expects a document that the strict parser of package trust
// accepted: one object, no name twice.
func parseFields(document []byte) (fields, error) {
	dec := json.NewDecoder(bytes.NewReader(document))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, fmt.Errorf("%w: the document is not an object", trust.ErrMalformed)
	}

	var out fields
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", trust.ErrMalformed, err)
		}
		name, ok := t.(string)
		if !ok {
			return nil, fmt.Errorf("%w: a member without a name", trust.ErrMalformed)
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, fmt.Errorf("%w: %w", trust.ErrMalformed, err)
		}
		out = append(out, field{name, value})
	}

	return out, nil
}

func (f fields) index(name string) int {
	return slices.IndexFunc(f, func(x field) bool { return x.name == name })
}

func (f fields) has(name string) bool { return f.index(name) >= 0 }

func (f *fields) set(name string, value json.RawMessage) {
	if i := f.index(name); i >= 0 {
		(*f)[i].value = value
		return
	}
	*f = append(*f, field{name, value})
}

func (f *fields) remove(name string) {
	*f = slices.DeleteFunc(*f, func(x field) bool { return x.name == name })
}

func (f fields) cosignatures() []json.RawMessage {
	i := f.index("cosignatures")
	if i < 0 {
		return nil
	}
	var out []json.RawMessage
	// Something other than a list is replaced by one: no client can read it.
	if json.Unmarshal(f[i].value, &out) != nil {
		return nil
	}

	return out
}

func (f *fields) setCosignatures(list []json.RawMessage) {
	if len(list) == 0 {
		f.remove("cosignatures")
		return
	}
	var b bytes.Buffer
	b.WriteByte('[')
	for i, raw := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(raw)
	}
	b.WriteByte(']')
	f.set("cosignatures", b.Bytes())
}

func (f fields) format() ([]byte, error) {
	var flat, out bytes.Buffer
	flat.WriteByte('{')
	for i, x := range f {
		if i > 0 {
			flat.WriteByte(',')
		}
		flat.Write(quoted(x.name))
		flat.WriteByte(':')
		flat.Write(x.value)
	}
	flat.WriteByte('}')
	// Indent moves white space only; it leaves every value's text alone.
	if err := json.Indent(&out, flat.Bytes(), "", "  "); err != nil {
		return nil, err
	}
	out.WriteByte('\n')

	return bounded(out.Bytes())
}

// bounded refuses a document that clients would refuse for its length.
func bounded(document []byte) ([]byte, error) {
	if len(document) > trust.MaxDocument {
		return nil, fmt.Errorf("%w: the document is %d bytes long, clients read at most %d", trust.ErrMalformed, len(document), trust.MaxDocument)
	}

	return document, nil
}

// quoted writes a string as JSON does, without the escapes that Go adds for
// HTML. Marshalling a string cannot fail.
func quoted(s string) json.RawMessage {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s)

	return bytes.TrimRight(b.Bytes(), "\n")
}

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

// field is a member of the document's top level. It keeps the text of its value,
// because decoding and encoding may change numbers and escapes.
type field struct {
	name  string
	value json.RawMessage
}

// fields is the top level of a document in its original order.
type fields []field

// parseFields reads a document that the strict parser of package trust accepted:
// one object without duplicate names.
func parseFields(document []byte) (fields, error) {
	dec := json.NewDecoder(bytes.NewReader(document))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, fmt.Errorf("%w: the document is not a JSON object", trust.ErrMalformed)
	}

	var out fields
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", trust.ErrMalformed, err)
		}
		name, ok := t.(string)
		if !ok {
			return nil, fmt.Errorf("%w: member without a name", trust.ErrMalformed)
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
	// Clients cannot read anything but a list, so it is replaced.
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
	// Indent changes white space only.
	if err := json.Indent(&out, flat.Bytes(), "", "  "); err != nil {
		return nil, err
	}
	out.WriteByte('\n')

	if out.Len() > trust.MaxDocument {
		return nil, fmt.Errorf("%w: the document has %d bytes, clients accept at most %d", trust.ErrMalformed, out.Len(), trust.MaxDocument)
	}

	return out.Bytes(), nil
}

// quoted returns a JSON string without the escapes that Go adds for HTML. Encoding
// a string cannot fail.
func quoted(s string) json.RawMessage {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s)

	return bytes.TrimRight(b.Bytes(), "\n")
}

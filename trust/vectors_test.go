// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package trust_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/trust"
)

// vectorDir has the golden vectors. testdata/README.md describes them, also for
// other programs: the code below uses nothing that is not described there.
var vectorDir = filepath.Join("..", "testdata", "vectors")

// vector is a file of header lines, an empty line, and the input.
type vector struct {
	header []field
	input  []byte
}

type field struct{ name, value string }

func (v *vector) add(name, value string) { v.header = append(v.header, field{name, value}) }

// all returns the values of the header lines called name, in order.
func (v *vector) all(name string) (values []string) {
	for _, f := range v.header {
		if f.name == name {
			values = append(values, f.value)
		}
	}
	return values
}

// get returns the value of the first header line called name, or "".
func (v *vector) get(name string) string {
	if values := v.all(name); len(values) > 0 {
		return values[0]
	}
	return ""
}

func (v *vector) format() []byte {
	var out bytes.Buffer
	for _, f := range v.header {
		fmt.Fprintf(&out, "%s: %s\n", f.name, f.value)
	}
	out.WriteByte('\n')
	out.Write(v.input)
	return out.Bytes()
}

func parseVector(raw []byte) (*vector, error) {
	v := &vector{}
	for {
		line, rest, ok := bytes.Cut(raw, []byte("\n"))
		if !ok {
			return nil, fmt.Errorf("no empty line after the header")
		}
		raw = rest
		if len(line) == 0 {
			v.input = raw
			return v, nil
		}
		name, value, ok := strings.Cut(string(line), ": ")
		if !ok {
			return nil, fmt.Errorf("header line %q has no colon", line)
		}
		v.add(name, value)
	}
}

var sentinels = map[string]error{
	"accept": nil, "ErrBadKey": trust.ErrBadKey, "ErrMalformed": trust.ErrMalformed, "ErrUnsigned": trust.ErrUnsigned,
	"ErrSignature": trust.ErrSignature, "ErrThreshold": trust.ErrThreshold, "ErrMismatch": trust.ErrMismatch,
	"ErrExpired": trust.ErrExpired, "ErrRollback": trust.ErrRollback,
}

// runners process a vector, and return the results as header lines. A vector with
// "expect: accept" must have these lines.
var runners = map[string]func(*vector) ([]field, error){
	"canonical": runCanonical, "pae": runPAE, "keys": runKeys, "releases": runRelease,
}

func runCanonical(v *vector) ([]field, error) {
	if _, err := trust.SignedBytes(trust.ReleaseType, v.input); err != nil {
		return nil, err
	}
	return []field{{"output", string(canonical(v.input))}}, nil
}

func runPAE(v *vector) ([]field, error) {
	return []field{{"output-hex", hex.EncodeToString(trust.PAE(v.get("type"), v.input))}}, nil
}

func runKeys(v *vector) ([]field, error) {
	var got []field
	keys, err := trust.ParseKeys(v.input)
	for _, k := range keys {
		got = append(got, field{"key", k.String()}, field{"key-id", k.ID()})
	}
	return got, err
}

func runRelease(v *vector) ([]field, error) {
	threshold, err := strconv.Atoi(v.get("threshold"))
	if err != nil {
		return nil, err
	}
	var keys []trust.Key
	for _, text := range v.all("key") {
		parsed, err := trust.ParseKeys([]byte(text))
		if err != nil {
			return nil, err
		}
		keys = append(keys, parsed...)
	}
	p, err := trust.NewPolicy(threshold, keys...)
	if err != nil {
		return nil, err
	}
	w := trust.Want{
		Name: v.get("name"), Version: v.get("version"), OS: v.get("os"), Arch: v.get("arch"),
		Now: at(v.get("now")), Running: v.get("running"), Compare: compareSemver,
		AllowDowngrade: v.get("allow-downgrade") == "yes",
	}
	if seen := v.get("last-seen"); seen != "" {
		w.LastSeen = at(seen)
	}
	if version := v.get("accepted-version"); version != "" {
		w.Floor = version
		if order, ok := compareSemver(version, w.Version); version == w.Version || ok && order == 0 {
			w.Released = at(v.get("accepted-released"))
		}
	}
	verified, err := trust.Verify(v.input, p, w)
	if err != nil {
		return nil, err
	}
	got := []field{{"digest", hex.EncodeToString(verified.Digest[:])}}
	for _, id := range verified.Signers {
		got = append(got, field{"signer", id})
	}
	return got, nil
}

func TestVectors(t *testing.T) {
	kinds, err := os.ReadDir(vectorDir)
	require.NoError(t, err)
	require.Len(t, kinds, len(runners))
	for _, kind := range kinds {
		run := runners[kind.Name()]
		require.NotNil(t, run, kind.Name())
		files, err := filepath.Glob(filepath.Join(vectorDir, kind.Name(), "*.vector"))
		require.NoError(t, err)
		require.NotEmpty(t, files, "no vectors found")
		for _, file := range files {
			t.Run(kind.Name()+"/"+strings.TrimSuffix(filepath.Base(file), ".vector"), func(t *testing.T) {
				raw, err := os.ReadFile(file)
				require.NoError(t, err)
				v, err := parseVector(raw)
				require.NoError(t, err)
				sentinel, known := sentinels[v.get("expect")]
				require.True(t, known, "expect: %q", v.get("expect"))

				got, err := run(v)
				if sentinel != nil {
					require.ErrorIs(t, err, sentinel, v.get("comment"))
					return
				}
				require.NoError(t, err, v.get("comment"))
				for _, f := range got {
					require.Contains(t, v.header, f)
				}
			})
		}
	}
}

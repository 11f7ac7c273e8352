// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package trust_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/trust"
)

type strictCase struct{ name, ok, bad, why string }

// strictCases are documents that are refused, each with an accepted twin that
// differs in that one thing.
func strictCases() []strictCase {
	nested := func(depth int) string { // an object around depth-1 arrays
		return `{"a":` + strings.Repeat("[", depth-1) + strings.Repeat("]", depth-1) + "}"
	}
	return []strictCase{
		{"size", padded(trust.MaxDocument), padded(trust.MaxDocument + 1), "larger than 65536 bytes"},
		{"invalid UTF-8 in text", `{"a":"é"}`, "{\"a\":\"\xe9\"}", "UTF-8"},
		{"invalid UTF-8 in a name", `{"é":1}`, "{\"\xe9\":1}", "UTF-8"},
		{"overlong UTF-8", `{"a":"/"}`, "{\"a\":\"\xc0\xaf\"}", "UTF-8"},
		{"surrogate in UTF-8", `{"a":"퀀"}`, "{\"a\":\"\xed\xa0\x80\"}", "UTF-8"},
		{"BOM", `{}`, "\ufeff{}", "not JSON"},
		{"second document", `{}`, `{}{}`, "not JSON"},
		{"trailing text", "{} \r\n\t", "{} x", "not JSON"},
		{"trailing NUL", `{}`, "{}\x00", "not JSON"},
		{"empty", `{}`, ``, "not JSON"},
		{"truncated", `{"a":1}`, `{"a":1`, "not JSON"},
		{"comment", `{ }`, `{/**/}`, "not JSON"},
		{"trailing comma", `{"a":1}`, `{"a":1,}`, "not JSON"},
		{"leading comma", `{"a":1}`, `{,"a":1}`, "not JSON"},
		{"no comma", `{"a":1,"b":2}`, `{"a":1 "b":2}`, "not JSON"},
		{"no colon", `{"a":1}`, `{"a" 1}`, "not JSON"},
		{"name that is no text", `{"1":1}`, `{1:1}`, "not JSON"},
		{"trailing comma in an array", `{"a":[1]}`, `{"a":[1,]}`, "not JSON"},
		{"no comma in an array", `{"a":[1,2]}`, `{"a":[1 2]}`, "not JSON"},
		{"wrong bracket", `{"a":[1]}`, `{"a":[1}}`, "not JSON"},
		{"another literal", `{"a":true}`, `{"a":True}`, "not JSON"},
		{"longer literal", `{"a":null}`, `{"a":nullify}`, "not JSON"},
		{"white space of Unicode", "{ }", "{\u00a0}", "not JSON"},
		{"open text", `{"a":"\""}`, `{"a":"\"}`, "not JSON"},
		{"escape without a letter", `{"a":"\\"}`, `{"a":"\`, "not JSON"},
		{"unknown escape", `{"a":"\t"}`, `{"a":"\x"}`, "not JSON"},
		{"hexadecimal digits", `{"a":"\u00aF"}`, `{"a":"\u00ag"}`, "not JSON"},
		{"signed digits", `{"a":"\u0061"}`, `{"a":"\u+061"}`, "not JSON"},
		{"few digits", `{"a":"\u0061"}`, `{"a":"\u061"}`, "not JSON"},
		{"end in digits", `{"a":"\u0061"}`, `{"a":"\u006`, "not JSON"},
		{"half of a surrogate pair", `{"a":"\ud83d\ude00"}`, `{"a":"\ud83d\ude0"}`, "not JSON"},
		{"minus alone", `{"a":-1}`, `{"a":-}`, "below 2^53"},
		{"raw control character", `{"a":"\n"}`, "{\"a\":\"\n\"}", "not JSON"},
		{"NaN", `{"a":1}`, `{"a":NaN}`, "not JSON"},
		{"null", `{}`, `null`, "not a JSON object"},
		{"array", `{}`, `[]`, "not a JSON object"},
		{"text", `{}`, `"{}"`, "not a JSON object"},
		{"number", `{}`, `1`, "not a JSON object"},
		{"true", `{}`, `true`, "not a JSON object"},
		{"depth of objects and arrays", nested(8), nested(9), "nested deeper than 8"},
		{"depth of objects", strings.Repeat(`{"a":`, 8) + "1" + strings.Repeat("}", 8), strings.Repeat(`{"a":`, 9) + "1" + strings.Repeat("}", 9), "nested deeper than 8"},
		{"depth in an array's second item", `{"a":[1,` + nested(6) + `]}`, `{"a":[1,` + nested(7) + `]}`, "nested deeper than 8"},
		{"depth 30,000", nested(8), nested(30_000), "nested deeper than 8"},
		{"depth 100,000", nested(8), nested(100_000), "larger than"},
		{"same name twice", `{"a":1,"b":1}`, `{"a":1,"a":1}`, "appears twice"},
		{"same name, escaped", `{"a":1,"\u0062":1}`, `{"a":1,"\u0061":1}`, "appears twice"},
		{"empty name twice", `{"":1,"a":1}`, `{"":1,"":1}`, "appears twice"},
		{"upper case", `{"hash":"","HUSH":""}`, `{"hash":"","HASH":""}`, "appears twice"},
		{"long s (U+017F)", `{"hash":"","haßh":""}`, `{"hash":"","haſh":""}`, "appears twice"},
		{"Kelvin sign (U+212A)", `{"key":"","ĸey":""}`, `{"key":"","Key":""}`, "appears twice"},
		{"signature twice by case", `{"signature":"","cosignatures":[]}`, `{"signature":"","Signature":""}`, "appears twice"},
		{"nested twins", `{"a":{"b":1,"c":1}}`, `{"a":{"b":1,"B":1}}`, "appears twice"},
		{"twins in an array", `{"a":[{"b":1},{"b":1}]}`, `{"a":[{"b":1,"b":1}]}`, "appears twice"},
		{"2^53", `{"a":9007199254740991}`, `{"a":9007199254740992}`, "below 2^53"},
		{"2^53+1", `{"a":9007199254740991}`, `{"a":9007199254740993}`, "below 2^53"},
		{"minus 2^53", `{"a":-9007199254740991}`, `{"a":-9007199254740992}`, "below 2^53"},
		{"2^63-1", `{"a":1}`, `{"a":9223372036854775807}`, "below 2^53"},
		{"minus 2^63", `{"a":1}`, `{"a":-9223372036854775808}`, "below 2^53"},
		{"2^64", `{"a":1}`, `{"a":18446744073709551616}`, "below 2^53"},
		{"minus zero", `{"a":0}`, `{"a":-0}`, "below 2^53"},
		{"1.0", `{"a":1}`, `{"a":1.0}`, "below 2^53"},
		{"exponent", `{"a":100}`, `{"a":1e2}`, "below 2^53"},
		{"1e400", `{"a":1}`, `{"a":1e400}`, "below 2^53"},
		{"60,000 digits", `{"a":1}`, `{"a":1` + strings.Repeat("0", 60_000) + `}`, "below 2^53"},
		{"1 MB of digits", `{"a":1}`, `{"a":1` + strings.Repeat("0", 1<<20) + `}`, "larger than"},
		{"leading zero", `{"a":10}`, `{"a":010}`, "below 2^53"},
		{"plus sign", `{"a":1}`, `{"a":+1}`, "not JSON"},
		{"high surrogate alone", `{"a":"\ud83d\ude00"}`, `{"a":"\ud83d"}`, "lone surrogate"},
		{"low surrogate alone", `{"a":"\ud83d\ude00"}`, `{"a":"\ude00"}`, "lone surrogate"},
		{"surrogates swapped", `{"a":"\ud83d\ude00"}`, `{"a":"\ude00\ud83d"}`, "lone surrogate"},
		{"surrogate before another escape", `{"a":"\ud83d\ude00"}`, `{"a":"\ud83d\u0041"}`, "lone surrogate"},
		{"surrogate before text", `{"a":"\ud83d\ude00"}`, `{"a":"\ud83dude00"}`, "lone surrogate"},
		{"surrogate in a name", `{"\ud83d\ude00":1}`, `{"\ud83d":1}`, "lone surrogate"},
		{"U+FFFD", `{"a":"\ufffc"}`, `{"a":"\ufffd"}`, "U+FFFD"},
	}
}

func TestStrictJSON(t *testing.T) {
	for _, tt := range strictCases() {
		t.Run(tt.name, func(t *testing.T) {
			_, err := trust.Canonical([]byte(tt.ok))
			require.NoError(t, err)

			_, err = trust.Canonical([]byte(tt.bad))
			require.ErrorIs(t, err, trust.ErrMalformed)
			require.ErrorContains(t, err, tt.why)
			require.Less(t, len(err.Error()), 300, "an error must not repeat the input at length")
			_, err = trust.SignedBytes(trust.ReleaseType, []byte(tt.bad))
			require.ErrorIs(t, err, trust.ErrMalformed)
			v, err := trust.Verify([]byte(tt.bad), policy(1, newTestKey("a")), want())
			requireRefused(t, v, err, trust.ErrMalformed)
			v, err = trust.InsecureVerifyUnsigned([]byte(tt.bad), want())
			requireRefused(t, v, err, trust.ErrMalformed)
		})
	}
}

// padded is a document of exactly size bytes.
func padded(size int) string {
	const empty = `{"a":""}`
	return `{"a":"` + strings.Repeat("x", size-len(empty)) + `"}`
}

type canonicalCase struct{ name, in, out string }

func canonicalCases() []canonicalCase {
	return []canonicalCase{
		{"white space", "\t{ \"a\" : [ 1 , 2 ] ,\r\n\"b\" : { } }\n", `{"a":[1,2],"b":{}}`},
		{"empty values", `{"a":[],"b":{},"c":"","d":null}`, `{"a":[],"b":{},"c":"","d":null}`},
		{"integers", `{"a":[0,-1,9007199254740991,-9007199254740991]}`, `{"a":[0,-1,9007199254740991,-9007199254740991]}`},
		{"nested order", `{"b":{"d":1,"c":2},"a":[{"z":1,"y":2}]}`, `{"a":[{"y":2,"z":1}],"b":{"c":2,"d":1}}`},
		{"arrays keep their order", `{"a":[3,1,2]}`, `{"a":[3,1,2]}`},
		{"a prefix sorts first", `{"ab":1,"a":2,"":3}`, `{"":3,"a":2,"ab":1}`},
		{"digits sort as text", `{"10":1,"9":2}`, `{"10":1,"9":2}`},
		{"signatures stay", `{"signature":"s","cosignatures":[]}`, `{"cosignatures":[],"signature":"s"}`},
		// RFC 8785 §3.2.2, its literals and its string; the numbers of the same
		// sample are floats, see TestRFC8785Floats.
		{"RFC 8785 §3.2.2 without floats",
			"{\n  \"string\": \"\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\\"\\/\",\n  \"literals\": [null, true, false]\n}",
			`{"literals":[null,true,false],"string":"€$\u000f\nA'B\"\\\\\"/"}`},
		{"RFC 8785 §3.2.3",
			`{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One","\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}`,
			`{"\r":"Carriage Return","1":"One","` + "\u0080" + `":"Control","ö":"Latin Small Letter O With Diaeresis","€":"Euro Sign","😀":"Emoji: Grinning Face","` + "\ufb33" + `":"Hebrew Letter Dalet With Dagesh"}`},
		{"RFC 8785 §3.2.2.2, the short escapes", `{"a":"\u0008\u0009\u000a\u000c\u000d\u0022\u005c"}`, `{"a":"\b\t\n\f\r\"\\"}`},
		{"no other escapes", `{"a":"\/\u003c\u003e\u0026\u2028\u2029\u007f\u00e9"}`, "{\"a\":\"/<>&\u2028\u2029\u007fé\"}"},
	}
}

func TestCanonical(t *testing.T) {
	for _, tt := range canonicalCases() {
		t.Run(tt.name, func(t *testing.T) {
			out, err := trust.Canonical([]byte(tt.in))
			require.NoError(t, err)
			require.Equal(t, tt.out, string(out))
			again, err := trust.Canonical(out)
			require.NoError(t, err)
			require.Equal(t, tt.out, string(again))
		})
	}
}

// RFC 8785 §3.2.2.2: every control character, in its one spelling.
func TestCanonicalControlCharacters(t *testing.T) {
	short := map[rune]string{'\b': `\b`, '\t': `\t`, '\n': `\n`, '\f': `\f`, '\r': `\r`}
	for r := rune(0); r < 0x20; r++ {
		spelled, ok := short[r]
		if !ok {
			spelled = fmt.Sprintf(`\u%04x`, r)
		}
		out, err := trust.Canonical(fmt.Appendf(nil, `{"a":"\u%04X"}`, r))
		require.NoError(t, err)
		require.Equal(t, `{"a":"`+spelled+`"}`, string(out))
	}
}

// The whole samples of RFC 8785 §3.2.2 and appendix B hold floats, which no
// document has: they are malformed here, never rounded.
var rfc8785Floats = []string{
	"333333333.33333329", "1E30", "4.50", "2e-3", "0.000000000000000000000000001",
	"5e-324", "1.7976931348623157e308", "9007199254740992", "295147905179352830000", "1e+23", "0.0", "-0.0",
}

func TestRFC8785Floats(t *testing.T) {
	for _, number := range rfc8785Floats {
		_, err := trust.Canonical([]byte(`{"numbers":[` + number + `]}`))
		require.ErrorIs(t, err, trust.ErrMalformed, number)
	}
}

type paeCase struct{ name, payloadType, body, out string }

func paeCases() []paeCase {
	return []paeCase{
		{"the example of DSSE v1", "http://example.com/HelloWorld", "hello world", "DSSEv1 29 http://example.com/HelloWorld 11 hello world"},
		{"empty", "", "", "DSSEv1 0  0 "},
		{"lengths are bytes", "é", "€", "DSSEv1 2 é 3 €"},
		{"spaces belong to the parts", "a 1 b", "c", "DSSEv1 5 a 1 b 1 c"},
		{"bytes are kept", "t", "\x00\n\xff", "DSSEv1 1 t 3 \x00\n\xff"},
	}
}

func TestPAE(t *testing.T) {
	for _, tt := range paeCases() {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.out, string(trust.PAE(tt.payloadType, []byte(tt.body))))
		})
	}
}

func TestSignedBytes(t *testing.T) {
	const plain = `{"a":1,"b":{"signature":"kept"}}`
	expected := trust.PAE("type", []byte(plain))

	for _, tt := range []struct{ name, in string }{
		{"as it is", plain},
		{"respelled", "{ \"b\": {\"signature\": \"\\u006bept\"},\n \"a\": 1 }"},
		{"signed", `{"a":1,"b":{"signature":"kept"},"signature":"c2ln"}`},
		{"cosigned", `{"a":1,"cosignatures":[{"key":"k","signature":"s"}],"b":{"signature":"kept"}}`},
		{"signature of any kind", `{"a":1,"b":{"signature":"kept"},"signature":[null],"cosignatures":7}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, err := trust.SignedBytes("type", []byte(tt.in))
			require.NoError(t, err)
			require.Equal(t, string(expected), string(out))
		})
	}
	for _, tt := range []struct{ name, in string }{
		{"a value changed", `{"a":2,"b":{"signature":"kept"}}`},
		{"a nested signature changed", `{"a":1,"b":{"signature":"lost"}}`},
		{"an unknown member added", `{"a":1,"b":{"signature":"kept"},"c":null}`},
		{"another case of signature", `{"a":1,"b":{"signature":"kept"},"Signature":""}`},
		{"another case of cosignatures", `{"a":1,"b":{"signature":"kept"},"coſignatures":[]}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, err := trust.SignedBytes("type", []byte(tt.in))
			require.NoError(t, err)
			require.NotEqual(t, string(expected), string(out))
		})
	}
}

// A document reads the same here and in encoding/json, which v0.1.0 uses.
func TestCanonicalKeepsTheMeaning(t *testing.T) {
	in := signed(release(), newTestKey("a"), newTestKey("b"))
	out, err := trust.Canonical(in)
	require.NoError(t, err)
	var before, after any
	require.NoError(t, json.Unmarshal(in, &before))
	require.NoError(t, json.Unmarshal(out, &after))
	require.Equal(t, before, after)
}

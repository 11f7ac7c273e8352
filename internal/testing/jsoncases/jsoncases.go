// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package jsoncases has JSON texts for the tests of internal/jcs. The golden vectors
// of package trust are made from the same texts.
package jsoncases

import "strings"

// Pair is a text that is refused, and one that is accepted and differs in nothing
// else.
type Pair struct {
	Name, OK, Bad string
	Why           string // part of the error
}

// Strict are the texts that are not strict JSON.
func Strict() []Pair {
	nested := func(depth int) string { // an object around depth-1 arrays
		return `{"a":` + strings.Repeat("[", depth-1) + strings.Repeat("]", depth-1) + "}"
	}
	return []Pair{
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
		{"depth 100,000", nested(8), nested(100_000), "nested deeper than 8"},
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
		{"1 MB of digits", `{"a":1}`, `{"a":1` + strings.Repeat("0", 1<<20) + `}`, "below 2^53"},
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

// Form is a text and its canonical form.
type Form struct{ Name, In, Out string }

// Canonical are texts and their canonical forms, written by hand.
func Canonical() []Form {
	return []Form{
		{"white space", "\t{ \"a\" : [ 1 , 2 ] ,\r\n\"b\" : { } }\n", `{"a":[1,2],"b":{}}`},
		{"empty values", `{"a":[],"b":{},"c":"","d":null}`, `{"a":[],"b":{},"c":"","d":null}`},
		{"integers", `{"a":[0,-1,9007199254740991,-9007199254740991]}`, `{"a":[0,-1,9007199254740991,-9007199254740991]}`},
		{"nested order", `{"b":{"d":1,"c":2},"a":[{"z":1,"y":2}]}`, `{"a":[{"y":2,"z":1}],"b":{"c":2,"d":1}}`},
		{"arrays keep their order", `{"a":[3,1,2]}`, `{"a":[3,1,2]}`},
		{"a prefix sorts first", `{"ab":1,"a":2,"":3}`, `{"":3,"a":2,"ab":1}`},
		{"digits sort as text", `{"10":1,"9":2}`, `{"10":1,"9":2}`},
		{"signatures stay", `{"signature":"s","cosignatures":[]}`, `{"cosignatures":[],"signature":"s"}`},
		// RFC 8785 §3.2.2: its literals and its string. For its numbers, see Floats.
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

// Floats are the numbers of the samples in RFC 8785 §3.2.2 and appendix B that are
// not integers below 2^53: they are refused, never rounded.
func Floats() []string {
	return []string{
		"333333333.33333329", "1E30", "4.50", "2e-3", "0.000000000000000000000000001",
		"5e-324", "1.7976931348623157e308", "9007199254740992", "295147905179352830000", "1e+23", "0.0", "-0.0",
	}
}

package proto

import (
	"strconv"
	"strings"
	"testing"
)

func TestNameForms(t *testing.T) {
	for _, c := range []struct{ raw, escaped, json, shown string }{
		{"a.txt", "a.txt", `"a.txt"`, "a.txt"},
		{"100%", "100%25", `"100%25"`, "100%"},
		{"%41", "%2541", `"%2541"`, "%41"},
		{"é", "é", `"é"`, "é"},
		{"\xff\xfe", "%FF%FE", `"%FF%FE"`, `\xff\xfe`},
		{"a\xc3", "a%C3", `"a%C3"`, `a\xc3`},
		{"\xed\xa0\x80", "%ED%A0%80", `"%ED%A0%80"`, `\xed\xa0\x80`},
		{"\xc0\xaf", "%C0%AF", `"%C0%AF"`, `\xc0\xaf`},
		{"\xf4\x90\x80\x80", "%F4%90%80%80", `"%F4%90%80%80"`, `\xf4\x90\x80\x80`},
		{"\uFFFD", "\uFFFD", "\"\uFFFD\"", "\uFFFD"},
		{"new\nline\t", "new\nline\t", `"new\u000aline\u0009"`, `new\nline\t`},
		{"\x1b[2J", "\x1b[2J", `"\u001b[2J"`, `\x1b[2J`},
		{"\x7f\u009b1m", "\x7f\u009b1m", "\"\x7f\u009b1m\"", `\x7f\u009b1m`},
		{"\u202egpj.exe", "\u202egpj.exe", "\"\u202egpj.exe\"", `\u202egpj.exe`},
		{"\U000E0041", "\U000E0041", "\"\U000E0041\"", `\U000e0041`},
		{`quo"te\`, `quo"te\`, `"quo\"te\\"`, `quo"te\`},
		{"😀", "😀", `"😀"`, "😀"},
		{" ", " ", `" "`, " "},
	} {
		if got := EscapeName(c.raw); got != c.escaped {
			t.Errorf("EscapeName(%q) = %q, want %q", c.raw, got, c.escaped)
		}
		if got := string(AppendName(nil, c.raw)); got != c.json {
			t.Errorf("AppendName(%q) = %s, want %s", c.raw, got, c.json)
		}
		if got := Terminal(c.raw); got != c.shown {
			t.Errorf("Terminal(%q) = %s, want %s", c.raw, got, c.shown)
		}
		if got, err := ParseName(c.escaped); err != nil || got != c.raw {
			t.Errorf("ParseName(%q) = %q, %v", c.escaped, got, err)
		}
	}
}

func TestNameRefused(t *testing.T) {
	for _, s := range []string{
		"", ".", "..", "a/b", "/", "a\x00", strings.Repeat("x", 256), "%", "%4", "%41", "%2F", "%2e", "%ff", "%fF", "%25%", "%C3%A9", "\xff",
		"%G0", "%0A", "%00", strings.Repeat("%FF", 256), strings.Repeat("%FF", 1<<20),
	} {
		_, err := ParseName(s)
		if err == nil {
			t.Errorf("ParseName(%.40q) let it through", s)
			continue
		}
		if e := err.(*Error); e.Code != BadName {
			t.Errorf("ParseName(%.40q): %v", s, e)
		}
	}
	for _, raw := range []string{"", ".", "..", "a/b", "a\x00b", strings.Repeat("\xff", 256)} {
		if err := CheckName(raw); err == nil {
			t.Errorf("CheckName(%.40q) let it through", raw)
		}
	}
	for _, raw := range []string{"...", "-", "~", "a\nb", "\xff", strings.Repeat("\xff", 255), "CON", "a:b"} {
		if err := CheckName(raw); err != nil {
			t.Errorf("CheckName(%.40q): %v", raw, err)
		}
	}
}

// TestEveryByte: each byte has one spelling, and that comes back.
func TestEveryByte(t *testing.T) {
	for i := range 256 {
		raw := string([]byte{'a', byte(i), 'b'})
		back, err := ParseName(EscapeName(raw))
		if CheckName(raw) != nil {
			if err == nil {
				t.Errorf("byte %#02x let through", i)
			}
			continue
		}
		if err != nil || back != raw {
			t.Errorf("byte %#02x: %q, %v", i, back, err)
		}
	}
}

func TestAppendString(t *testing.T) {
	for in, want := range map[string]string{
		"":               `""`,
		"a\"\\/b":        `"a\"\\/b"`,
		"\x00\x1f\x7f":   "\"\\u0000\\u001f\x7f\"",
		"caf\xe9 \u2028": "\"caf\uFFFD \u2028\"",
	} {
		if got := string(AppendString(nil, in)); got != want {
			t.Errorf("AppendString(%q) = %s, want %s", in, got, want)
		}
	}
	if got, err := strconv.Unquote(string(AppendString(nil, "plain \t text"))); err != nil || got != "plain \t text" {
		t.Errorf("%q, %v", got, err)
	}
}

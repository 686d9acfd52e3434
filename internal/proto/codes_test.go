package proto

import (
	"regexp"
	"strings"
	"testing"
)

func TestCodes(t *testing.T) {
	seen := map[string]bool{}
	for i, c := range codes {
		if !regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`).MatchString(c.name) || seen[c.name] {
			t.Errorf("code %d is called %q", i, c.name)
		}
		seen[c.name] = true
	}
	if got := Code(999).String(); got != "code-999" {
		t.Error(got)
	}
	if Code(999).Temporary() || !Busy.Temporary() || Internal.Temporary() {
		t.Error("temporary")
	}
}

func TestTypes(t *testing.T) {
	last := Type(0)
	for i := range Types {
		r := &Types[i]
		if r.Type <= last {
			t.Errorf("%s stands in the wrong place", r.Name)
		}
		last = r.Type
		if Lookup(r.Type) != r || r.Type.String() != r.Name {
			t.Errorf("%s is not found", r.Name)
		}
		if r.Open && r.MaxHeader > MaxHeaderBefore {
			t.Errorf("%s is open and takes a header of %d bytes", r.Name, r.MaxHeader)
		}
		if r.Deadline <= 0 {
			t.Errorf("%s has no deadline", r.Name)
		}
		fields := layouts[r.Type].request
		if r.Waits != (index(fields, "wait_ms") >= 0) {
			t.Errorf("%s waits without wait_ms, or has it and does not wait", r.Name)
		}
		if len(fields) > 32 {
			t.Errorf("%s has more fields than a set has bits", r.Name)
		}
	}
	if Lookup(0) != nil || Lookup(65535) != nil {
		t.Error("a type that does not exist")
	}
	if got := Type(999).String(); got != "type-999" {
		t.Error(got)
	}
}

func TestError(t *testing.T) {
	for _, c := range []struct {
		err  *Error
		json string
		text string
	}{
		{Errorf(NotFound, "no such %s", "name"), `{"code":10,"message":"no such name"}`, "not-found: no such name"},
		{&Error{Code: Conflict, Entry: 0}, `{"code":12,"entry":0}`, "conflict (entry 0)"},
		{&Error{Code: Busy, Message: "later", Entry: 3, RetryMs: 500}, `{"code":20,"message":"later","entry":3,"retry_ms":500}`, "busy (entry 3): later"},
		{&Error{Code: 4000, Entry: -1}, `{"code":4000}`, "code-4000"},
	} {
		if got := string(c.err.Append(nil)); got != c.json {
			t.Errorf("%s, want %s", got, c.json)
		}
		if got := c.err.Error(); got != c.text {
			t.Errorf("%s, want %s", got, c.text)
		}
		back, err := ParseError([]byte(c.json))
		if err != nil || *back != *c.err {
			t.Errorf("%+v, %v", back, err)
		}
	}
}

// TestErrorAlwaysReadable: whatever stands in an error's text, a strict peer can read it.
func TestErrorAlwaysReadable(t *testing.T) {
	for _, s := range []string{"a\nb", "\x1b[2J", "\xff\xfe", strings.Repeat("é", 400), strings.Repeat("\x01", 400), strings.Repeat("\x80", 400), "\u009b", "\u0085"} {
		e := &Error{Code: Internal, Message: s, Entry: -1, RetryMs: 1 << 60}
		back, err := ParseError(e.Append(nil))
		if err != nil {
			t.Errorf("%.20q: %v", s, err)
		} else if back.Message == "" || len(back.Message) > MaxMessage || hasControl(back.Message) {
			t.Errorf("%.20q came back as %q", s, back.Message)
		}
	}
}

func TestErrorRefused(t *testing.T) {
	for _, s := range []string{``, `{}`, `{"code":0}`, `{"code":65536}`, `{"code":-1}`, `{"code":"12"}`, `{"message":"x"}`, `{"code":1,"entry":-1}`,
		`{"code":1,"entry":1000}`, `{"code":1,"retry_ms":86400001}`, `{"code":1,"code":1}`, `{"code":1,"cause":"x"}`, `{"code":1,"message":"\u001b"}`,
		`{"code":1,"message":"` + strings.Repeat("x", MaxMessage+1) + `"}`} {
		if _, err := ParseError([]byte(s)); err == nil {
			t.Errorf("%.60s let through", s)
		}
	}
}

func TestHashes(t *testing.T) {
	h, err := ParseHash(helloHash.String())
	if err != nil || h != helloHash {
		t.Errorf("%v, %v", h, err)
	}
	for _, s := range []string{"", "00", strings.ToUpper(helloHash.String()), strings.Repeat("0", 63), strings.Repeat("0", 65), strings.Repeat("é", 32)} {
		if _, err := ParseHash(s); err == nil {
			t.Errorf("%q let through", s)
		}
	}
	m := NewBitmap(10)
	m.Set(0)
	m.Set(9)
	if !m.Get(0) || m.Get(1) || !m.Get(9) || m.Get(10) || m.Get(1000) || len(m) != 2 {
		t.Error(m)
	}
	if !m.of(10) || m.of(9) || m.of(8) || m.of(17) || !NewBitmap(0).of(0) {
		t.Error("of")
	}
}

// TestAppendAllocatesNothing: the only memory is the caller's.
func TestAppendAllocatesNothing(t *testing.T) {
	buf := make([]byte, 0, 1<<20)
	for i := range Types {
		s := samples[Types[i].Type]
		for _, h := range []Header{s.request, s.reply} {
			if n := testing.AllocsPerRun(10, func() { buf = h.Append(buf[:0]) }); n != 0 {
				t.Errorf("%T: %v allocations", h, n)
			}
		}
	}
}

package parent

import (
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"
)

func TestAddresses(t *testing.T) {
	for _, row := range []struct {
		listen string
		plain  bool
		want   string // address, or error
		err    error
	}{
		{"127.0.0.1:7440", false, "127.0.0.1:7440", nil},
		{"[::1]:0", false, "[::1]:0", nil},
		{"[::ffff:127.0.0.1]:1", false, "127.0.0.1:1", nil},
		{"localhost:7440", false, "127.0.0.1:7440 [::1]:7440", nil},
		{"0.0.0.0:7440", false, "", ErrPlain},
		{"[::]:7440", false, "", ErrPlain},
		{":7440", false, "", ErrPlain},
		{"192.0.2.1:7440", false, "", ErrPlain},
		{"192.0.2.1:7440", true, "192.0.2.1:7440", nil},
		{"0.0.0.0:7440", true, "0.0.0.0:7440", nil},
		{"127.0.0.1", false, "", ErrConfig},
		{"127.0.0.1:", false, "", ErrConfig},
		{"127.0.0.1:http", false, "", ErrConfig},
		{"127.0.0.1:65536", false, "", ErrConfig},
		{"127.0.0.1:-1", false, "", ErrConfig},
		{"", false, "", ErrConfig},
	} {
		all, open, err := addresses(t.Context(), []string{row.listen}, row.plain)
		if !errors.Is(err, row.err) {
			t.Errorf("%q: %v, want %v", row.listen, err, row.err)
			continue
		}
		var got []string
		for _, a := range all {
			got = append(got, a.addr.String())
		}
		if strings.Join(got, " ") != row.want {
			t.Errorf("%q: %v, want %s", row.listen, got, row.want)
		}
		if open != (row.plain && err == nil) {
			t.Errorf("%q: open %t", row.listen, open)
		}
	}
}

func TestBindErrorsSayWhatToDo(t *testing.T) {
	taken, err := bindOne(address{addr: netip.MustParseAddrPort("127.0.0.1:0")}, "")
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll([]*listener{taken})
	for _, row := range []struct {
		listen, congestion, want string
	}{
		{taken.String(), "", "another program listens there"},
		{"127.0.0.1:0", "no-such-control", "this kernel offers:"},
		{"192.0.2.1:0", "", "does not have that address"},
	} {
		config := testConfig(t.TempDir(), 1, io.Discard, always("good"))
		config.Listen, config.Congestion, config.PlainAllowed = []string{row.listen}, row.congestion, true
		if err := Run(t.Context(), config); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s %s: %v", row.listen, row.congestion, err)
		}
	}
}

func TestSource(t *testing.T) {
	for _, row := range [][2]string{
		{"192.0.2.1", "192.0.2.1"},
		{"::ffff:192.0.2.1", "192.0.2.1"},
		{"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"},
		{"fe80::1%eth0", "fe80::"},
	} {
		if got := source(netip.MustParseAddr(row[0])); got.String() != row[1] {
			t.Errorf("%s counts as %s, want %s", row[0], got, row[1])
		}
	}
}

func TestPipeBudget(t *testing.T) {
	for text, want := range map[string]int64{
		"": usualPipePages, "junk": usualPipePages, "0\n": usualPipePages, "-1": usualPipePages,
		"100\n": 100, "16384\n": 16384, "999999999\n": 1 << 18,
	} {
		if got := pipeBudget(text); got != want {
			t.Errorf("%q: %d pages, want %d", text, got, want)
		}
	}
}

func TestTable(t *testing.T) {
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	table := newTable()
	first, second, third := table.add(0, a), table.add(1, a), table.add(1, b)
	for name, wrong := range map[string]bool{
		"know another's":   table.know(1, first),
		"remove another's": table.remove(0, second),
		"know none":        table.know(0, 99),
		"remove none":      table.remove(0, 99),
	} {
		if wrong {
			t.Errorf("%s: accepted", name)
		}
	}
	if !table.know(0, first) || table.know(0, first) {
		t.Error("known once, and only once")
	}
	if table.unknown[a] != 1 || table.strange != 2 {
		t.Errorf("unknown: %v, %d", table.unknown, table.strange)
	}
	table.removeSlot(1)
	if len(table.all) != 1 || len(table.unknown) != 0 || table.strange != 0 {
		t.Errorf("after a worker's end: %+v", table)
	}
	if !table.remove(0, first) || table.remove(0, first) || table.remove(1, third) {
		t.Error("removed once, and only once")
	}
}

package parent

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
)

func TestMetricsAddresses(t *testing.T) {
	for text, good := range map[string]bool{
		"": true, "127.0.0.1:9440": true, "127.8.8.8:1": true, "[::1]:9440": true, "localhost:9440": true,
		":9440": false, "*:9440": false, "0.0.0.0:9440": false, "[::]:9440": false, "10.0.0.1:9440": false, "[::ffff:10.0.0.1]:1": false,
		"9440": false, "127.0.0.1": false, "127.0.0.1:http": false, "127.0.0.1:70000": false,
	} {
		// plain = "allow" is about files on a network that is safe, not about these numbers.
		all, err := metricsAddresses(t.Context(), &Config{Metrics: text, PlainAllowed: true})
		if good != (err == nil) || err != nil && !errors.Is(err, ErrConfig) {
			t.Errorf("%q: %v", text, err)
		}
		for _, a := range all {
			if !a.addr.Addr().IsLoopback() || a.flag() != "--metrics" {
				t.Errorf("%q: %v of %s", text, a.addr, a.flag())
			}
		}
		if err != nil && !strings.Contains(err.Error(), "address") {
			t.Errorf("%q: %v does not say what is wrong", text, err)
		}
	}
}

// A connection from nowhere counts against no address, and can be removed.
func TestTableOfMetricsConnections(t *testing.T) {
	table := newTable()
	n := table.add(0, netip.Addr{})
	if len(table.unknown) != 0 || table.strange != 0 || len(table.all) != 1 {
		t.Errorf("%+v", table)
	}
	if table.know(0, n) {
		t.Error("it has logged in")
	}
	if !table.remove(0, n) || len(table.all) != 0 || table.strange != 0 {
		t.Errorf("%+v", table)
	}
}

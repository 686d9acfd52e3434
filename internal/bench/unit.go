package bench

import "strings"

// unit is what a workload counts, and which of its figures are shown.
type unit struct {
	name  string
	cpu   string  // how CPU is shown
	scale float64 // CPU seconds a unit times this is that
	each  bool    // a unit is one operation; otherwise the whole run is
	shows func(unit) []column
}

var (
	gibs     = unit{name: "GiB", cpu: "s/GiB", scale: 1, shows: rateColumns}
	files    = unit{name: "files", cpu: "us/file", scale: 1e6, shows: rateColumns}
	requests = unit{name: "requests", cpu: "us/request", scale: 1e6, each: true, shows: rateColumns}
	objects  = unit{name: "objects", cpu: "us/object", scale: 1e6, each: true, shows: rateColumns}
	arrivals = unit{name: "connections", cpu: "us/connection", scale: 1e6, each: true, shows: rateColumns}
	oneByOne = unit{name: "requests", cpu: "us/request", scale: 1e6, each: true, shows: timeColumns}
	paced    = unit{name: "requests", each: true, shows: delayColumns}
	resends  = unit{name: "transfers", cpu: "s", scale: 1, shows: deltaColumns}
	held     = unit{name: "connections", shows: memoryColumns}
	changes  = unit{name: "changes", cpu: "ms/change", scale: 1e3, each: true, shows: changeColumns}
	watching = unit{name: "watchers", shows: watchColumns}
)

// column is one figure of a measure.
type column struct {
	head   string
	key    string // as a unit of benchstat; empty: not kept
	of     func(measure) float64
	scale  float64 // a figure times this is shown
	spread bool    // lowest and highest are shown too
	versus string  // name of the column with ours divided by it; empty: none
}

func (u unit) columns() []column { return u.shows(u) }

// line shows one run while the harness goes on.
func (u unit) line(m measure) string {
	var all []string
	for _, c := range u.columns() {
		all = append(all, c.head+" "+figure(c.of(m)*c.scale))
	}
	return strings.Join(all, "; ")
}

func (u unit) cpuColumns() []column {
	return []column{
		{head: "server CPU, " + u.cpu, key: "server-s/" + u.name, of: measure.serverCPU, scale: u.scale, versus: "server CPU"},
		{head: "client CPU, " + u.cpu, key: "client-s/" + u.name, of: measure.clientCPU, scale: u.scale},
	}
}

func rateColumns(u unit) []column {
	rate := column{head: u.name + "/s", key: u.name + "/s", of: measure.rate, scale: 1, spread: true, versus: "rate"}
	all := append([]column{rate}, u.cpuColumns()...)
	if !u.each {
		all = append([]column{{head: "time, s", of: func(m measure) float64 { return m.wall.Seconds() }, scale: 1}}, all...)
	}
	return all
}

// timeColumns are for one request after another.
func timeColumns(u unit) []column {
	time := column{head: "time, us", of: measure.each, scale: 1e-3, spread: true, versus: "time"}
	return append([]column{time}, u.cpuColumns()...)
}

// deltaColumns are for a file that is sent again.
func deltaColumns(u unit) []column {
	return append(append([]column{
		{head: "time, s", key: "s/transfer", of: measure.seconds, scale: 1, spread: true, versus: "time"},
		{head: "both CPU, s", key: "both-s/transfer", of: measure.bothCPU, scale: 1, versus: "both CPU"},
	}, u.cpuColumns()...),
		column{head: "on the wire, MB", key: "wire-B", of: measure.onWire, scale: 1e-6, versus: "wire"},
		column{head: "written by the server, MB", key: "written-B", of: measure.toDisk, scale: 1e-6})
}

func delayColumns(u unit) []column {
	return []column{
		{head: "p50, us", key: "p50-ns", of: measure.p50, scale: 1e-3, versus: "p50"},
		{head: "p99, us", key: "p99-ns", of: measure.p99, scale: 1e-3, spread: true, versus: "p99"},
		{head: "p99.9, us", key: "p99.9-ns", of: measure.p999, scale: 1e-3},
		{head: "requests/s", key: "requests/s", of: measure.rate, scale: 1},
		{head: "bulk, GiB/s", key: "bulk-GiB/s", of: measure.beside, scale: 1},
	}
}

func memoryColumns(u unit) []column {
	return []column{
		{head: "connections", key: "connections", of: func(m measure) float64 { return m.units }, scale: 1},
		{head: "memory, bytes a connection", key: "pss-B/connection", of: measure.pss, scale: 1, spread: true, versus: "memory"},
		// In all, because some servers take the memory for their connections before these come.
		{head: "memory in all, MiB", key: "pss-B", of: func(m measure) float64 { return float64(m.total) }, scale: 1.0 / (1 << 20)},
		{head: "server CPU, % of a core", key: "server-s/s", of: measure.load, scale: 100},
	}
}

// changeColumns are for what one device does until another one has it.
func changeColumns(u unit) []column {
	return append([]column{
		{head: "time, ms", key: "s/change", of: measure.eachSecond, scale: 1e3, spread: true},
		{head: "CPU of both clients and the server, ms", key: "cpu-s/change", of: measure.bothCPU, scale: 1e3, spread: true},
	}, u.cpuColumns()...)
}

func watchColumns(u unit) []column {
	return []column{
		{head: "memory, MiB", key: "pss-B", of: measure.pss, scale: 1.0 / (1 << 20), spread: true},
		{head: "CPU, % of a core", key: "client-s/s", of: func(m measure) float64 { return m.client.Seconds() / m.wall.Seconds() }, scale: 100},
	}
}

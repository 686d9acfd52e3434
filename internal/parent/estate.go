package parent

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"sluice/internal/stats"
)

// UpgradeVariable is the environment variable by which a server tells its successor what
// it leaves to it.
const UpgradeVariable = "SLUICED_UPGRADE"

// estateVersion changes with the meaning of inheritance: servers of different builds meet
// here.
const estateVersion = 1

// inheritance is what a successor is given: descriptors by number.
type inheritance struct {
	Version   int                 `json:"version"`
	Pid       int                 `json:"pid"`
	Data      string              `json:"data"`
	Link      int                 `json:"link"`
	Lock      int                 `json:"lock"` // server.lock's open description, held
	Control   int                 `json:"control"`
	Listeners []inheritedListener `json:"listeners"`
	Slots     []int               `json:"slots"` // of the page, in use by the server before
	Before    []inheritedBefore   `json:"before"`
}

type inheritedListener struct {
	FD       int            `json:"fd"`
	Addr     netip.AddrPort `json:"addr"`
	Wanted   netip.AddrPort `json:"wanted"`
	FromName bool           `json:"from_name"`
	Dual     bool           `json:"dual"`
	Setting  string         `json:"setting"`
	Passed   bool           `json:"passed"`
	Tag      uint8          `json:"tag"`
}

// inheritedBefore is a server that was replaced earlier and still finishes something.
type inheritedBefore struct {
	Pid   int   `json:"pid"`
	Link  int   `json:"link"`
	Slots []int `json:"slots"`
}

// estate is what a server stands on: made by itself, or taken over from the one before.
type estate struct {
	lock    *os.File
	page    *stats.Page
	have    []*listener // listeners there are already; owned until bind has chosen
	control int         // the control socket's listener; -1: none. Owned
	before  []*before
	heir    *heir
}

// newEstate takes the data folder for a server that begins by itself.
func newEstate(config *Config) (*estate, error) {
	have, err := takePassed(config.Sockets, config.Congestion)
	if err != nil {
		return nil, err
	}
	lock, err := takeFolder(config.Data, config.times.lock)
	if err != nil {
		closeAll(have)
		return nil, err
	}
	page, err := stats.Create(filepath.Join(config.Data, PageName))
	if err != nil {
		closeAll(have)
		lock.Close()
		return nil, err
	}
	return &estate{lock: lock, page: page, have: have, control: -1}, nil
}

// readInheritance reads the variable. Where it cannot be read there is no way to say so
// but to end.
func readInheritance(text string) (*inheritance, error) {
	in := new(inheritance)
	if err := json.Unmarshal([]byte(text), in); err != nil {
		return nil, fmt.Errorf("read %s: %w", UpgradeVariable, err)
	}
	if in.Version != estateVersion {
		return in, fmt.Errorf("%w: the server before speaks version %d of taking over, this one %d: restart instead", ErrConfig, in.Version, estateVersion)
	}
	return in, nil
}

// inherit takes over what the server before has left, all of it open in this process.
func inherit(config *Config) (*estate, error) {
	in, err := readInheritance(config.Inherited)
	if err != nil {
		return nil, err
	}
	for _, fd := range in.descriptors() {
		unix.CloseOnExec(fd)
	}
	from := &before{pid: in.Pid, link: &link{fd: in.Link}, slots: in.Slots}
	e := &estate{
		lock:    os.NewFile(uintptr(in.Lock), lockName),
		control: in.Control,
		before:  []*before{from},
		heir:    &heir{from: from},
	}
	for _, b := range in.Before {
		e.before = append(e.before, &before{pid: b.Pid, link: &link{fd: b.Link}, slots: b.Slots})
	}
	for _, l := range in.Listeners {
		if err := unix.SetNonblock(l.FD, true); err != nil {
			return nil, fmt.Errorf("take over the listener %s: %w", l.Addr, err)
		}
		if err := setInherited(l.FD); err != nil { // a server of another build may have set less
			return nil, fmt.Errorf("take over the listener %s: %w", l.Addr, err)
		}
		wanted := address{addr: l.Wanted, fromName: l.FromName, dual: l.Dual, setting: l.Setting}
		e.have = append(e.have, &listener{fd: l.FD, addr: l.Addr, wanted: wanted, passed: l.Passed, tag: l.Tag})
	}
	if in.Data != config.Data {
		return nil, fmt.Errorf("%w: the running server's data folder is %s, not %s: stop it to change that", ErrConfig, in.Data, config.Data)
	}
	// Counters go on. A page of another version is replaced; the server before keeps its own.
	path := filepath.Join(config.Data, PageName)
	if e.page, err = stats.Open(path); err != nil {
		e.page, err = stats.Create(path)
	}
	return e, err
}

func (in *inheritance) descriptors() []int {
	all := []int{in.Link, in.Lock, in.Control}
	for _, l := range in.Listeners {
		all = append(all, l.FD)
	}
	for _, b := range in.Before {
		all = append(all, b.Link)
	}
	return all
}

// Refuse tells the server before, if there is one, why its successor does not come up.
// Run does so itself; this is for what goes wrong before it is called.
func Refuse(inherited string, code int, cause error) {
	if in, err := readInheritance(inherited); err == nil {
		(&link{fd: in.Link}).say(fmt.Sprintf("%s %d %v", sayFailed, code, cause))
	}
}

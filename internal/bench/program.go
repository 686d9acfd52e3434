package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"
)

// job tells a program of this binary what to do. It comes on standard input, so that no token stands in an argument list.
type job struct {
	Address     string
	Protocol    string // sluice, http, bare
	Token       string // sluice
	Congestion  string
	File        string
	Dir         string
	Path        string // http
	Hash        [32]byte
	Size        int64
	Connections int
	Times       int           // of a fetch: how often, one after another
	Server      int           // process whose CPU is read, with all below it
	Duration    time.Duration // of a load
	Requests    [][]byte      // of a load: each connection goes through them in turn
	Request     int           // bytes of a bare request
	Reply       int           // bytes of a bare reply
	Loops       int
	Fresh       bool          // of a load: a new connection for each request
	Pace        time.Duration // of a probe: between two requests of one connection
}

// answer is what a program tells when it has ended, or, for a server, begun.
type answer struct {
	Address string
	Units   int64 // bytes or requests
	Wall    time.Duration
	Server  time.Duration // CPU
	Client  time.Duration // CPU
	Moved   int64         // bytes over loopback meanwhile
	Delay   quantiles
}

// programs are the floors and clients, which run as processes of their own so that their CPU can be told apart. A server
// calls ready once and does not return.
var programs = map[string]func(j job, ready func(address string)) (answer, error){
	"floor-down":   floorDown,
	"floor-up":     floorUp,
	"floor-upload": floorUpload,
	"floor-tree":   floorTree,
	"floor-push":   floorPush,
	"floor-echo":   floorEcho,
	"floor-accept": floorAccept,
	"floor-put":    floorPut,
	"disk":         disk,
	"fetch":        fetch,
	"load":         load,
	"probe":        probe,
	"hold":         hold,
	"put-small":    putSmall,
	"rename":       rename,
	"http-put":     httpPut,
	"http-push":    httpPush,
}

// runProgram runs one of programs: a job comes as one line, an answer goes as one line. The end of standard input ends it,
// so that none outlives the harness.
func runProgram(name string, stdin io.Reader, stdout, stderr io.Writer) int {
	var j job
	decoder := json.NewDecoder(stdin)
	if err := decoder.Decode(&j); err != nil {
		fmt.Fprintf(stderr, "%s: job: %v\n", name, err)
		return 2
	}
	go func() {
		_, _ = io.Copy(io.Discard, stdin)
		os.Exit(0)
	}()
	encoder := json.NewEncoder(stdout)
	a, err := programs[name](j, func(address string) { _ = encoder.Encode(answer{Address: address}) })
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", name, err)
		return 1
	}
	if err := encoder.Encode(a); err != nil {
		return 1
	}
	return 0
}

package proto

import "math"

// Hello is the first request on every connection: the versions offered, at least one, and the device token, if any.
type Hello struct {
	Versions []uint8
	Token    string // empty: not logged in
	Agent    string // program and version, for the log
}

// HelloReply says who one is. Without a token all from Account on is zero.
type HelloReply struct {
	Version   uint8  // chosen among the offered
	Server    string // uuid of the data folder, 32 hex digits: tells one server from another
	Agent     string
	Account   string // raw bytes (a name)
	Device    int64
	Namespace int64 // home namespace
	Root      int64 // its root node
	Epoch     int64 // of the home namespace
	Journal   int64 // its journal number now
}

var (
	helloVersions = field{name: "versions", want: anArray, least: 1, most: MaxVersions}
	helloFields   = []field{
		helloVersions,
		{name: "token", want: aText, most: MaxToken, optional: true},
		{name: "agent", want: aText, most: MaxAgent, optional: true},
	}
	helloReplyFields = []field{
		{name: "version", want: anInteger, least: 1, most: math.MaxUint8},
		{name: "server", want: aKey},
		{name: "agent", want: aText, most: MaxAgent, optional: true},
		{name: "account", want: aName, optional: true},
		{name: "device", want: anInteger, least: 1, most: math.MaxInt64, optional: true},
		{name: "namespace", want: anInteger, least: 1, most: math.MaxInt64, optional: true},
		{name: "root", want: anInteger, least: 1, most: math.MaxInt64, optional: true},
		{name: "epoch", want: anInteger, most: math.MaxInt64, optional: true},
		{name: "journal", want: anInteger, most: math.MaxInt64, optional: true},
	}
)

// ParseHello reads the header of a hello.
func ParseHello(raw []byte) (*Hello, error) {
	x := &Hello{}
	return result(x, parse(raw, MaxHeaderBefore, helloFields, func(name string, v *value) {
		switch name {
		case "versions":
			v.err = helloVersions.each(v, func(_ int, in *cursor) *Error {
				n, ok := number(in.token(), 1, math.MaxUint8)
				if !ok {
					return Errorf(BadHeader, "field versions: wrong value")
				}
				x.Versions = append(x.Versions, uint8(n))
				return nil
			})
		case "token":
			x.Token = v.s
		case "agent":
			x.Agent = v.s
		}
	}))
}

// Append appends the header as JSON to b.
func (x *Hello) Append(b []byte) []byte {
	b = append(appendField(append(b, '{'), "versions"), '[')
	for _, n := range x.Versions {
		b = appendElement(b, int64(n))
	}
	b = append(closeArray(b), ',')
	if x.Token != "" {
		b = appendText(b, "token", x.Token)
	}
	if x.Agent != "" {
		b = appendText(b, "agent", Cut(x.Agent, MaxAgent))
	}
	return closeObject(b)
}

// ParseHelloReply reads the header of the reply to a hello: either all that tells who one is, or nothing of it.
func ParseHelloReply(raw []byte) (*HelloReply, error) {
	x := &HelloReply{Epoch: -1, Journal: -1}
	err := parse(raw, MaxReplyHeader, helloReplyFields, func(name string, v *value) {
		switch name {
		case "version":
			x.Version = uint8(v.n)
		case "server":
			x.Server = v.key.String()
		case "agent":
			x.Agent = v.s
		case "account":
			x.Account = v.s
		case "device":
			x.Device = v.n
		case "namespace":
			x.Namespace = v.n
		case "root":
			x.Root = v.n
		case "epoch":
			x.Epoch = v.n
		case "journal":
			x.Journal = v.n
		}
	})
	known := x.Account != "" && x.Device != 0 && x.Namespace != 0 && x.Root != 0 && x.Epoch >= 0 && x.Journal >= 0
	nobody := x.Account == "" && x.Device == 0 && x.Namespace == 0 && x.Root == 0 && x.Epoch < 0 && x.Journal < 0
	if err == nil && !known && !nobody {
		err = Errorf(BadHeader, "half an account")
	}
	if nobody {
		x.Epoch, x.Journal = 0, 0
	}
	return result(x, err)
}

// Append appends the header as JSON to b.
func (x *HelloReply) Append(b []byte) []byte {
	b = appendInt(append(b, '{'), "version", int64(x.Version))
	b = appendText(b, "server", x.Server)
	if x.Agent != "" {
		b = appendText(b, "agent", Cut(x.Agent, MaxAgent))
	}
	if x.Account != "" {
		b = appendNameField(b, "account", x.Account)
		b = appendInt(b, "device", x.Device)
		b = appendInt(b, "namespace", x.Namespace)
		b = appendInt(b, "root", x.Root)
		b = appendInt(b, "epoch", x.Epoch)
		b = appendInt(b, "journal", x.Journal)
	}
	return closeObject(b)
}

// helloAnswers: the version was offered, and a token has an account.
func helloAnswers(request, reply Header, length uint64) *Error {
	q, r := request.(*Hello), reply.(*HelloReply)
	if (q.Token != "") != (r.Account != "") {
		return Errorf(BadHeader, "an account without a token, or none with one")
	}
	for _, v := range q.Versions {
		if v == r.Version {
			return noBody(nil, length)
		}
	}
	return Errorf(BadHeader, "version %d was not offered", r.Version)
}

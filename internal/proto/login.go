package proto

import "math"

// Login gives a password for a device token. The connection is logged in afterwards.
type Login struct {
	User     string // account name, raw bytes (a name)
	Password string
	Device   string // what to call this device, raw bytes (a name)
}

// LoginReply holds the token, which is shown once and never again.
type LoginReply struct {
	Token  string
	Device int64
}

var (
	loginFields = []field{
		{name: "user", want: aName},
		{name: "password", want: aSecret, least: 1, most: MaxPassword},
		{name: "device", want: aName},
	}
	loginReplyFields = []field{
		{name: "token", want: aText, least: 1, most: MaxToken},
		{name: "device", want: anInteger, least: 1, most: math.MaxInt64},
	}
)

// ParseLogin reads the header of a login.
func ParseLogin(raw []byte) (*Login, error) {
	x := &Login{}
	return result(x, parse(raw, MaxHeaderBefore, loginFields, func(name string, v *value) {
		switch name {
		case "user":
			x.User = v.s
		case "password":
			x.Password = v.s
		case "device":
			x.Device = v.s
		}
	}))
}

// Append appends the header as JSON to b.
func (x *Login) Append(b []byte) []byte {
	b = appendNameField(append(b, '{'), "user", x.User)
	b = appendText(b, "password", x.Password)
	b = appendNameField(b, "device", x.Device)
	return closeObject(b)
}

// ParseLoginReply reads the header of the reply to a login.
func ParseLoginReply(raw []byte) (*LoginReply, error) {
	x := &LoginReply{}
	return result(x, parse(raw, MaxReplyHeader, loginReplyFields, func(name string, v *value) {
		switch name {
		case "token":
			x.Token = v.s
		case "device":
			x.Device = v.n
		}
	}))
}

// Append appends the header as JSON to b.
func (x *LoginReply) Append(b []byte) []byte {
	b = appendText(append(b, '{'), "token", x.Token)
	b = appendInt(b, "device", x.Device)
	return closeObject(b)
}

package proto

import "math"

// DeviceRevoke ends a device's token, for good.
type DeviceRevoke struct {
	Key    Key
	Device int64 // 0: this connection's own
}

// DeviceRevokeReply says that it is done.
type DeviceRevokeReply struct{}

var deviceRevokeFields = []field{
	{name: "key", want: aKey},
	{name: "device", want: anInteger, most: math.MaxInt64, optional: true},
}

// ParseDeviceRevoke reads the header of a device-revoke.
func ParseDeviceRevoke(raw []byte) (*DeviceRevoke, error) {
	x := &DeviceRevoke{}
	return result(x, parse(raw, MaxHeader, deviceRevokeFields, func(name string, v *value) {
		switch name {
		case "key":
			x.Key = v.key
		case "device":
			x.Device = v.n
		}
	}))
}

// Append appends the header as JSON to b.
func (x *DeviceRevoke) Append(b []byte) []byte {
	b = appendHexField(append(b, '{'), "key", x.Key[:])
	b = appendOptional(b, "device", x.Device)
	return closeObject(b)
}

// ParseDeviceRevokeReply reads the header of the reply to a device-revoke.
func ParseDeviceRevokeReply(raw []byte) (*DeviceRevokeReply, error) {
	return result(&DeviceRevokeReply{}, parseNothing(raw, MaxReplyHeader))
}

// Append appends nothing: no bytes mean {}.
func (x *DeviceRevokeReply) Append(b []byte) []byte { return b }

package bench

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// The few frames the harness needs, as docs/PROTOCOL.md describes them: it is a client in another language, so to speak.
const (
	preludeLen = 24
	typeHello  = 1
	typePing   = 2
	typePut    = 11
	typeList   = 21
	typeStat   = 22
	typeGet    = 24
	typeGets   = 25
	flagError  = 2
	numberAt   = 8 // where the request's number stands in a frame
)

func frame(kind uint16, header string) []byte {
	b := append([]byte("\xF5SLC"), 1, 0)
	b = binary.BigEndian.AppendUint16(b, kind)
	b = binary.BigEndian.AppendUint32(b, 1)
	b = binary.BigEndian.AppendUint32(b, uint32(len(header)))
	b = binary.BigEndian.AppendUint64(b, 0)
	return append(b, header...)
}

// withBody notes in a frame how long the body is that follows it.
func withBody(frame []byte, length int) []byte {
	binary.BigEndian.PutUint64(frame[16:], uint64(length))
	return frame
}

func helloFrame(token string) []byte {
	return frame(typeHello, fmt.Sprintf(`{"versions":[1],"token":"%s","agent":"bench"}`, token))
}

func pingFrame() []byte { return frame(typePing, "") }

// getFrame asks for a range; a length of -1 asks for the whole content.
func getFrame(hash [32]byte, offset, length int64) []byte {
	if length < 0 {
		return frame(typeGet, fmt.Sprintf(`{"hash":"%x"}`, hash))
	}
	return frame(typeGet, fmt.Sprintf(`{"hash":"%x","offset":%d,"length":%d}`, hash, offset, length))
}

func getObjectsFrame(hashes [][32]byte) []byte {
	quoted := make([]string, len(hashes))
	for i, h := range hashes {
		quoted[i] = fmt.Sprintf(`"%x"`, h)
	}
	return frame(typeGets, `{"hashes":[`+strings.Join(quoted, ",")+`]}`)
}

func listFrame(node int64) []byte { return frame(typeList, fmt.Sprintf(`{"node":%d}`, node)) }

// statFrame asks for a path whose names need no escapes.
func statFrame(path ...string) []byte {
	return frame(typeStat, `{"path":["`+strings.Join(path, `","`)+`"]}`)
}

// parseReply reads a reply's prelude: how long the header and the body behind it are.
func parseReply(b []byte) (header int, body int64, err error) {
	if string(b[:4]) != "\xF5SLC" {
		return 0, 0, fmt.Errorf("the reply begins with %x", b[:4])
	}
	if b[5]&flagError != 0 {
		err = fmt.Errorf("the server refused a request of type %d", binary.BigEndian.Uint16(b[6:]))
	}
	return int(binary.BigEndian.Uint32(b[12:])), int64(binary.BigEndian.Uint64(b[16:])), err
}

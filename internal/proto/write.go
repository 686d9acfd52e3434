package proto

import (
	"encoding/hex"
	"strconv"
)

// The append functions of fields write `"name":value,`; closeObject and closeArray turn the last comma into the bracket.
// Nothing is allocated but b.

func appendField(b []byte, name string) []byte {
	b = append(b, '"')
	b = append(b, name...)
	return append(b, '"', ':')
}

func appendInt(b []byte, name string, n int64) []byte {
	return append(strconv.AppendInt(appendField(b, name), n, 10), ',')
}

// appendOptional writes a field whose zero means the same as its absence.
func appendOptional(b []byte, name string, n int64) []byte {
	if n == 0 {
		return b
	}
	return appendInt(b, name, n)
}

func appendTrue(b []byte, name string, yes bool) []byte {
	if !yes {
		return b
	}
	return append(appendField(b, name), "true,"...)
}

func appendText(b []byte, name, s string) []byte {
	return append(AppendString(appendField(b, name), s), ',')
}

func appendNameField(b []byte, name, raw string) []byte {
	return append(AppendName(appendField(b, name), raw), ',')
}

func appendHexField(b []byte, name string, bytes []byte) []byte {
	return append(appendHex(appendField(b, name), bytes), ',')
}

func appendHex(b, bytes []byte) []byte {
	b = append(b, '"')
	b = hex.AppendEncode(b, bytes)
	return append(b, '"')
}

func appendHashes(b []byte, name string, hashes []Hash) []byte {
	b = append(appendField(b, name), '[')
	for i := range hashes {
		b = append(appendHex(b, hashes[i][:]), ',')
	}
	return append(closeArray(b), ',')
}

func appendObjects[T any](b []byte, name string, list []T, add func(*T, []byte) []byte) []byte {
	b = append(appendField(b, name), '[')
	for i := range list {
		b = append(add(&list[i], b), ',')
	}
	return append(closeArray(b), ',')
}

func closeObject(b []byte) []byte { return closeWith(b, '}') }
func closeArray(b []byte) []byte  { return closeWith(b, ']') }

func closeWith(b []byte, bracket byte) []byte {
	if b[len(b)-1] == ',' {
		b[len(b)-1] = bracket
		return b
	}
	return append(b, bracket)
}

func appendElement(b []byte, n int64) []byte { return append(strconv.AppendInt(b, n, 10), ',') }

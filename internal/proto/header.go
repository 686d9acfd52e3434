package proto

// Header is a typed request or reply header.
type Header interface {
	// Append appends the header as JSON to b.
	Append(b []byte) []byte
}

// opened gives the table of types a Parse that returns the interface without ever making a typed nil of it.
func opened[T any, P interface {
	*T
	Header
}](parse func([]byte) (*T, error)) func([]byte) (Header, error) {
	return func(raw []byte) (Header, error) {
		x, err := parse(raw)
		if err != nil {
			return nil, err
		}
		return P(x), nil
	}
}

package torture

import "sluice/internal/proto"

// Codes that a client has no use for by name.
const (
	codeInternal = proto.Internal
	codeReadOnly = proto.ReadOnly
)

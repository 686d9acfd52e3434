package syncer

import (
	"encoding/hex"
	"time"
)

// Listings is the folder in which listings of the server's trees are remembered between runs; "" remembers nothing. Whatever
// is missing, cut short or not what it should be is listed anew. Of several programs that use it at once, whichever is the
// last has written what is true of its own journal number.
type Listings string

// maxListingAge is how old a listing may be. What the server tells of deleted names it keeps for a time only.
const maxListingAge = 7 * 24 * time.Hour

func (l Listings) shelf() shelf { return shelf{string(l), ".listing"} }

// read gives what is remembered; nil: nothing.
func (l Listings) read(k listingKey) *view { return decode(k, l.shelf().read(k.file(), maxListingAge)) }

// write remembers a view.
func (l Listings) write(k listingKey, v *view) {
	if l != "" {
		l.shelf().write(k.file(), encode(k, v))
	}
}

// file is the name of a key's file.
func (k listingKey) file() string {
	mark := k.mark()
	return hex.EncodeToString(mark[:12])
}

package store

import "sync/atomic"

// Progress shows how far a long piece of work has come. Its fields may be read at any time; a nil Progress takes everything
// and shows nothing.
type Progress struct {
	doing atomic.Pointer[string]
	items atomic.Int64
	bytes atomic.Int64
	total atomic.Int64
}

// Doing names what is being done from now on. total is how many bytes that is about; 0: not known.
func (p *Progress) Doing(what string, total int64) {
	if p == nil {
		return
	}
	p.doing.Store(&what)
	p.items.Store(0)
	p.bytes.Store(0)
	p.total.Store(total)
}

// Add counts items that are done, and their bytes.
func (p *Progress) Add(items, bytes int64) {
	if p != nil {
		p.items.Add(items)
		p.bytes.Add(bytes)
	}
}

// Now tells what is being done, the items and bytes that are done, and the bytes there are (0: not known).
func (p *Progress) Now() (doing string, items, bytes, total int64) {
	if d := p.doing.Load(); d != nil {
		doing = *d
	}
	return doing, p.items.Load(), p.bytes.Load(), p.total.Load()
}

package live

import "sync"

// bell wakes whoever has subscribed. What rings twice before it is heard is heard once.
type bell struct {
	mu   sync.Mutex
	told []chan struct{}
}

// Subscribe gives a channel that gets a value when it rings.
func (b *bell) Subscribe() <-chan struct{} {
	c := make(chan struct{}, 1)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.told = append(b.told, c)
	return c
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.told {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

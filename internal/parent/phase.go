package parent

// phase is what the server as a whole is doing.
type phase uint32

const (
	starting  phase = iota // workers come up
	serving                // as it should be
	reloading              // workers are replaced one by one
	upgrading              // a successor comes up; all goes on as before
	replaced               // a successor serves; what is in flight here is finished
	draining               // told to stop: what is in flight is finished
)

// String is the phase as status shows it.
func (p phase) String() string {
	switch p {
	case starting:
		return "starting"
	case serving:
		return "ready"
	case reloading:
		return "reloading"
	case upgrading:
		return "upgrading"
	case replaced:
		return "replaced"
	case draining:
		return "draining"
	}
	return "unknown"
}

// enter changes the phase.
func (s *server) enter(p phase) {
	s.phase = p
	s.stale = true
}

// draining tells whether the server was told to stop.
func (s *server) draining() bool { return s.phase == draining }

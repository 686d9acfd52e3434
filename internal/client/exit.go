package client

// Exit codes, the same for both programs.
const (
	ExitDone        = 0
	ExitOther       = 1
	ExitUsage       = 2
	ExitNotFound    = 3
	ExitAuth        = 4
	ExitTemporary   = 5
	ExitConflicts   = 6
	ExitSomeFailed  = 7
	ExitSpace       = 8
	ExitSafety      = 9
	ExitIntegrity   = 10
	ExitProtocol    = 11
	ExitRefused     = 12
	ExitOffline     = 13
	ExitInterrupted = 130
)

// ExitCode is the exit code that tells a shell what err is. An error with a method ExitCode() int tells its own.
func ExitCode(err error) int {
	if err == nil {
		return ExitDone
	}
	return ExitOther
}

package cli

import "fmt"

// ExitUsage is the exit code of a mistake in the arguments.
const ExitUsage = 2

// UsageError is a mistake in the arguments, the environment or a configuration file. Its text stands alone.
type UsageError string

func (e UsageError) Error() string { return string(e) }

// ExitCode is what the program ends with.
func (e UsageError) ExitCode() int { return ExitUsage }

// Usagef makes a UsageError.
func Usagef(format string, args ...any) error { return UsageError(fmt.Sprintf(format, args...)) }

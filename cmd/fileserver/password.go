package main

import (
	"os"

	"sluice/internal/cli"
)

// password finds a new password for a user.
func (p *program) password(from cli.Password, user string) (string, error) {
	return from.Find(cli.Surroundings{
		Stdin: p.stdin, Stderr: p.stderr, Lookup: os.LookupEnv, Variable: "SLUICED_PASSWORD", Credential: "password",
		Question: "New password of " + visible(user) + ": ", New: true,
	})
}

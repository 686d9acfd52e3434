package main

import "sluice/internal/cli"

// password finds a user's password.
func (p *program) password(from cli.Password, user string) (string, error) {
	return from.Find(cli.Surroundings{
		Stdin: p.stdin, Stderr: p.stderr, Lookup: p.lookup, Variable: "SLUICE_PASSWORD", Credential: "sluice.password",
		Question: "Password of " + visible(user) + ": ",
	})
}

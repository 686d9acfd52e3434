// Sluice is the command-line client: it turns arguments, environment and configuration into calls of syncer and
// client, and their results into words, JSON and exit codes. One file for each command.
//
//	remotes.go   where a server is and with which token (0600)
//	remotepath.go  home:docs/a.txt
//	push, pull -> syncer      all others -> client
//
// It holds no rule about contents or trees. Names are escaped before they reach a terminal.
package main

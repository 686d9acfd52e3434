// Package cli is what the command lines of the server's and the client's program do alike: mistakes in arguments, the name
// that was probably meant, and secrets, which are never arguments. It knows nothing of commands, servers or files of ours.
package cli

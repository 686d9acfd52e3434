// Package e2e runs the real programs: a server in a temporary folder on port 0, clients beside it, faults between them.
// Every test of a fault ends with "and the server still answers". Nothing here knows what the rooms look like inside;
// the wire is spoken through package proto where a client would be too polite.
package e2e

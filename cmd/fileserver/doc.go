// Sluiced is the file server: the parent process, its workers, and the commands of the
// administrator.
//
//	sluiced [serve]      parent.Run; starts `sluiced startup` and `sluiced worker` (hidden)
//	sluiced user, init   store, beside a running server or without one
//	sluiced status, metrics, reload, upgrade, drain
//	                     control: ask the running server
//	sluiced config       what holds here, and where it comes from
//
// This package turns flags, environment and the configuration file into the settings the
// rooms below are started with, and their errors into exit codes. It must hold no rule
// about connections or data.
package main

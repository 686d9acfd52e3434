// Package torture holds the tests that try to make the server lose, mix up or refuse what it must not: kills, power cuts,
// failing disks, dead and hostile peers, storms. Each is a short round within the tests, and a long one where SLUICE_TORTURE
// is set (`make torture`). A round prints its seed and its counts, and one command that repeats it when it fails.
//
//	D1  kill -9 of workers, parent and all under load      kill_test.go, log_test.go, compaction_test.go
//	D2  power cuts of ext4 and XFS under load              cut_test.go
//	D3  every flush boundary of a recorded disk            replay_test.go, fuse_test.go
//	D4  mutants that lack one thing each are caught        mutant_test.go, order_test.go, wrong_test.go
//	D5  the n-th system call fails, for every n            nth_test.go, nth_trial_test.go, nth_store_test.go, nth_command_test.go
//	D6  a failing sync                                     sync_test.go, sync_change_test.go
//	D7  a full disk                                        full_test.go, full_fill_test.go, full_room_test.go
//	L3  reloads under load                                 internal/e2e: reload_config_test.go, reload_load_test.go
//	D8  bits that rot                                      rot_test.go, rot_ways_test.go
//	L4  a storm on the database                            storm_test.go
//	L5  leaks                                              leak_test.go
//	R1  dead peers                                         dead_test.go
//	R2  junk after a refused upload                        junk_test.go
//	R5  one-byte segments, no pipe budget                  segments_test.go
//
// What they share: a server under test (server_test.go), clients that know what was acknowledged to them and note it outside
// the victim's disk (actor_test.go, oracle_test.go), a check of a data folder against itself (check_test.go), disks whose
// power can be cut (disk_test.go), and a supervisor that sees every system call that matters (tap_test.go).
//
// Nothing here is part of a program; the test binary starts itself as the small programs it needs.
package torture

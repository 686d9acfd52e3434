package bench

import "golang.org/x/sys/unix"

// hold opens connections, sends one request on each, reads the answer, and keeps them: it is ready when all are there,
// and ends with its standard input.
func hold(j job, ready func(string)) (answer, error) {
	l := &loader{job: j}
	in := make([]byte, 64<<10)
	for range j.Connections {
		fd, err := dial(j.Address, j.Congestion)
		if err != nil {
			return answer{}, err
		}
		if err := greet(fd, j); err != nil {
			return answer{}, err
		}
		if err := writeAll(fd, j.Requests[0]); err != nil {
			return answer{}, err
		}
		if err := readAnswer(l, fd, in); err != nil {
			return answer{}, err
		}
	}
	ready(j.Address)
	select {}
}

// openFiles is how many descriptors a process may have.
func openFiles() int {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
		return 1024
	}
	return int(min(limit.Max, 1<<20))
}
